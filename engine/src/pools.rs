//! The connections of every remote account: one pool for each identity, made at the first need, kept while somebody
//! uses it and a little longer, and what became of the last attempt to connect.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cotty_host::native::error::Stage;
use cotty_host::native::pool::Pool;
use cotty_host::native::settings::Settings;

/// A connection that nobody uses stays open for so long: what comes next needs no login.
const LINGER: Duration = Duration::from_secs(30);
/// So many last attempts are remembered; the oldest is forgotten first.
const ATTEMPTS_MAX: usize = 256;

/// All pools. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pools(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    places: BTreeMap<String, Place>,
    attempts: BTreeMap<String, Attempt>,
}

struct Place {
    pool: Arc<Pool>,
    leases: usize,
    /// Counts how often it was taken: who waits to close it sees whether it was taken again.
    taken: u64,
}

/// What became of the last attempt to connect to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began, or ended.
    pub at: SystemTime,
    /// How far it has come.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt to connect ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    UnderWay,
    /// It succeeded.
    Connected,
    /// It failed, in these words.
    Failed(String),
}

/// A pool for as long as somebody needs it.
pub struct Lease {
    pools: Pools,
    identity: String,
    pool: Arc<Pool>,
}

impl Pools {
    /// Returns the pool of an account. New connections are opened with these settings from now on.
    pub fn lease(&self, identity: &str, settings: Settings) -> Lease {
        let settings = self.watched(identity, settings);
        let mut state = self.state();
        let place = state.places.entry(identity.to_owned()).or_insert_with(|| Place {
            pool: Arc::new(Pool::new(settings.clone())),
            leases: 0,
            taken: 0,
        });
        place.pool.renew(settings);
        place.leases += 1;
        place.taken += 1;
        Lease { pools: self.clone(), identity: identity.to_owned(), pool: Arc::clone(&place.pool) }
    }

    /// Returns what became of the last attempt to connect to an account.
    pub fn attempt(&self, identity: &str) -> Option<Attempt> {
        self.state().attempts.get(identity).cloned()
    }

    /// Returns how many connections to an account are open.
    pub fn connections(&self, identity: &str) -> usize {
        self.state().places.get(identity).map_or(0, |place| place.pool.connections())
    }

    /// Says goodbye to every host.
    pub async fn close(&self) {
        let places = std::mem::take(&mut self.state().places);
        for place in places.into_values() {
            place.pool.close().await;
        }
    }

    /// Lets us know how far a connection comes.
    fn watched(&self, identity: &str, settings: Settings) -> Settings {
        let (pools, identity) = (Arc::downgrade(&self.0), identity.to_owned());
        let told = Arc::clone(&settings.progress);
        let progress = Arc::new(move |stage| {
            told(stage);
            if let Some(state) = pools.upgrade() {
                Self(state).note(&identity, stage, Outcome::UnderWay);
            }
        });
        Settings { progress, ..settings }
    }

    fn note(&self, identity: &str, stage: Stage, outcome: Outcome) {
        let mut state = self.state();
        state.attempts.insert(identity.to_owned(), Attempt { at: SystemTime::now(), stage, outcome });
        if state.attempts.len() > ATTEMPTS_MAX {
            let oldest =
                state.attempts.iter().min_by_key(|(_, it)| it.at).map(|(identity, _)| identity.clone());
            oldest.and_then(|it| state.attempts.remove(&it));
        }
    }

    fn give_back(&self, identity: &str) {
        let mut state = self.state();
        let Some(place) = state.places.get_mut(identity) else { return };
        place.leases = place.leases.saturating_sub(1);
        let (unused, taken) = (place.leases == 0, place.taken);
        drop(state);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if unused {
            let (pools, identity) = (Arc::downgrade(&self.0), identity.to_owned());
            // It ends within the time, and needs nobody to wait for it.
            runtime.spawn(async move {
                tokio::time::sleep(LINGER).await;
                if let Some(state) = pools.upgrade() {
                    Self(state).let_go(&identity, taken).await;
                }
            });
        }
    }

    /// Closes a pool that nobody has taken since.
    async fn let_go(&self, identity: &str, taken: u64) {
        let unused = |place: &Place| place.leases == 0 && place.taken == taken;
        let place = {
            let mut state = self.state();
            if state.places.get(identity).is_some_and(unused) { state.places.remove(identity) } else { None }
        };
        if let Some(place) = place {
            place.pool.close().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Notes what became of the use of it, for those who ask later why there is no connection.
    pub fn note(&self, stage: Option<Stage>, outcome: Outcome) {
        let stage = stage.or_else(|| self.pools.attempt(&self.identity).map(|it| it.stage));
        self.pools.note(&self.identity, stage.unwrap_or(Stage::Authentication), outcome);
    }

    /// Returns the account that it connects to.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns how far the attempt to connect has come.
    pub fn attempt(&self) -> Option<Attempt> {
        self.pools.attempt(&self.identity)
    }
}

impl Deref for Lease {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pools.give_back(&self.identity);
    }
}

/// Says what is being done at a stage.
pub(crate) fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Address => "looking up its address",
        Stage::Connect => "connecting",
        Stage::Handshake => "agreeing on keys",
        Stage::HostKey => "judging its key",
        Stage::Authentication => "logging in",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pool_is_shared_and_goes_a_little_after_its_last_use() {
        let pools = Pools::default();
        let settings = Settings::new("web", 22, "me");
        let (one, two) =
            (pools.lease("me@web:22", settings.clone()), pools.lease("me@web:22", settings.clone()));
        assert!(Arc::ptr_eq(&one.pool, &two.pool));
        drop(one);
        tokio::time::sleep(LINGER * 2).await;
        assert_eq!(pools.state().places.len(), 1);
        drop(two);
        tokio::time::sleep(LINGER / 2).await;
        let again = pools.lease("me@web:22", settings);
        tokio::time::sleep(LINGER * 2).await;
        assert_eq!(pools.state().places.len(), 1);
        drop(again);
        tokio::time::sleep(LINGER * 2).await;
        assert_eq!(pools.state().places.len(), 0);
    }

    #[tokio::test]
    async fn the_last_attempt_is_remembered_and_the_oldest_forgotten() {
        let pools = Pools::default();
        let lease = pools.lease("me@web:22", Settings::new("web", 22, "me"));
        (lease.settings().progress)(Stage::Handshake);
        assert_eq!(
            lease.attempt().map(|it| (it.stage, it.outcome)),
            Some((Stage::Handshake, Outcome::UnderWay))
        );
        lease.note(None, Outcome::Failed("no".into()));
        assert_eq!(pools.attempt("me@web:22").map(|it| it.stage), Some(Stage::Handshake));
        for number in 0..ATTEMPTS_MAX {
            pools.note(&format!("me@h{number}:22"), Stage::Connect, Outcome::Connected);
        }
        assert_eq!(pools.state().attempts.len(), ATTEMPTS_MAX);
        assert_eq!((pools.attempt("me@web:22"), pools.connections("me@web:22")), (None, 0));
    }
}
