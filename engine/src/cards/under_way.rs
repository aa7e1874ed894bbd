//! Attempts that are under way, and what whoever calls again brings to them.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cotty_core::names::{Principal, Role};
use cotty_host::native::settings::Settings;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Attempt, Cards};
use crate::diary::Diary;
use crate::report::Caller;

/// Whoever calls again has it tried again so often at most: each time is a login.
const AGAIN_PAUSE: Duration = Duration::from_secs(5);
/// So many things are tried for one attempt.
const BROUGHT_MAX: usize = 256;

/// What a caller has to log in with: its agent, the key files that are there, and the secrets in its environment. Kept as
/// numbers that tell nothing of it.
pub(crate) type Brought = BTreeSet<u64>;

/// Two of the same in this process are the same number.
static NUMBERS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// An attempt, as whoever calls again meets it.
pub(super) struct Trying {
    again: Arc<Notify>,
    who: Principal,
    tried: Brought,
    last: Option<Instant>,
    /// Where what becomes of its cards is written down.
    pub(super) diary: Diary,
}

/// An attempt that is under way, for as long as this lives.
pub(crate) struct UnderWay {
    cards: Cards,
    session: String,
    /// Somebody has called again, and brought something that was not tried.
    pub(crate) again: Arc<Notify>,
}

/// Tells what a caller has to log in with.
pub(crate) fn brought(caller: &Caller, settings: &Settings) -> Brought {
    let secrets = caller.secrets.iter().map(|(name, secret)| NUMBERS.hash_one((name, secret.reveal())));
    let mut brought: Brought = secrets.collect();
    let mut next = Some(settings);
    while let Some(settings) = next {
        let files = settings.identity_files.iter().chain(&settings.certificate_files);
        brought.extend(files.chain(&settings.agent).filter_map(|it| number(it)));
        next = settings.jump.as_deref().map(|it| &it.settings);
    }
    brought
}

/// A file that was written since is another one; one that is not there is none.
fn number(file: &Path) -> Option<u64> {
    let found = fs::metadata(file).ok()?;
    Some(NUMBERS.hash_one((file, found.ino(), found.len(), found.mtime(), found.mtime_nsec())))
}

impl Cards {
    /// Says that an attempt to open a session has begun, and with what.
    pub(crate) fn begin(&self, attempt: &Attempt, tried: Brought, diary: Diary) -> UnderWay {
        let again = Arc::new(Notify::new());
        let trying = Trying { again: again.clone(), who: attempt.who.clone(), tried, last: None, diary };
        self.state().attempts.insert(attempt.session.clone(), trying);
        UnderWay { cards: self.clone(), session: attempt.session.clone(), again }
    }

    /// Says whether the attempt of a session is to be tried again with what this caller brings: it is not the same again,
    /// not at once again, and not an agent's where a person began it. From here on it counts as tried.
    pub(crate) fn takes(&self, session: &str, who: &Principal, brought: &Brought) -> bool {
        let mut state = self.state();
        let Some(trying) = state.attempts.get_mut(session) else { return false };
        let is_foreign = trying.who.role == Role::Operator && who.role == Role::Agent;
        let is_early = trying.last.is_some_and(|it| it.elapsed() < AGAIN_PAUSE);
        if is_foreign || is_early || trying.tried.len() > BROUGHT_MAX || brought.is_subset(&trying.tried) {
            return false;
        }
        trying.tried.extend(brought);
        trying.last = Some(Instant::now());
        true
    }

    /// Has the attempt of a session try again.
    pub(crate) fn again(&self, session: &str) {
        if let Some(trying) = self.state().attempts.get(session) {
            trying.again.notify_one();
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.cards.state();
        let is_ours = |it: &Trying| Arc::ptr_eq(&it.again, &self.again);
        if state.attempts.get(&self.session).is_some_and(is_ours) {
            state.attempts.remove(&self.session);
            self.cards.0.changed.send_replace(());
        }
    }
}
