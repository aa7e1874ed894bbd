//! Secrets that people gave, kept in this process for as long as they are wanted: in no file, and never shown.
//!
//! Each is for one account of one host that shows one key, and for one purpose: it cannot reach another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::report::Secret;

/// So many are kept; the oldest goes first.
const KEPT_MAX: usize = 256;
/// What was kept for a session that was lost is there for its reconnect, and not for ever.
const LOST_MAX: Duration = Duration::from_secs(3600);

/// All of them. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Safe(Arc<Mutex<BTreeMap<Bond, Kept>>>);

/// Whom a secret is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bond {
    /// The account, as `me@web1:22`.
    pub account: String,
    /// The fingerprint of the host's key.
    pub key: String,
    /// `password`, `passphrase FILE`, `sudo` or `enable`.
    pub purpose: String,
}

/// For how long a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until this session is closed.
    Closed(String),
    /// Until somebody has it forgotten, or the daemon ends.
    Forgotten,
}

struct Kept {
    secret: Secret,
    target: String,
    until: Until,
    at: SystemTime,
    /// Its session was lost, and it is forgotten at this time.
    lost: Option<Instant>,
}

/// What is told of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretStatus {
    /// Whom it is for.
    pub bond: Bond,
    /// What was named when it was given.
    pub target: String,
    /// For how long it is kept.
    pub until: Until,
    /// Since when.
    pub at: SystemTime,
}

/// What a person may give a secret for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The account's password.
    Password,
    /// The passphrase of its key files.
    Passphrase,
    /// For `sudo` there. It is kept, and nothing uses it yet.
    Sudo,
    /// For `enable` of a network device. It is kept, and nothing uses it yet.
    Enable,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Password, Self::Passphrase, Self::Sudo, Self::Enable];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passphrase => "passphrase",
            Self::Sudo => "sudo",
            Self::Enable => "enable",
        }
    }
}

impl Safe {
    /// Keeps a secret, in the place of one for the same.
    pub(crate) fn keep(&self, bond: Bond, secret: Secret, target: &str, until: Until) {
        let mut all = self.all();
        if let Some(Kept { until: Until::Forgotten, .. }) = all.get(&bond)
            && until != Until::Forgotten
        {
            // It was given for longer.
            return;
        }
        if all.len() >= KEPT_MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, it)| it.at).map(|(bond, _)| bond.clone())
        {
            all.remove(&oldest);
        }
        tracing::info!(account = bond.account, purpose = bond.purpose, ?until, "a secret is kept");
        all.insert(
            bond,
            Kept { secret, target: target.to_owned(), until, at: SystemTime::now(), lost: None },
        );
    }

    /// Lends a secret to a login of a session.
    pub(crate) fn lend(&self, bond: &Bond, session: &str) -> Option<Secret> {
        let found = self.all().get(bond).map(|it| it.secret.clone());
        if found.is_some() {
            let (account, purpose) = (&bond.account, &bond.purpose);
            tracing::info!(account, purpose, session, "a kept secret is used");
        }
        found
    }

    /// Forgets what was refused.
    pub(crate) fn refused(&self, bond: &Bond) {
        self.all().remove(bond);
    }

    /// A session was closed: what was kept for it goes.
    pub(crate) fn closed(&self, session: &str) {
        self.all().retain(|_, it| it.until != Until::Closed(session.to_owned()));
    }

    /// A session has another name.
    pub(crate) fn renamed(&self, before: &str, now: &str) {
        for kept in self.all().values_mut().filter(|it| it.until == Until::Closed(before.to_owned())) {
            kept.until = Until::Closed(now.to_owned());
        }
    }

    /// All sessions were closed.
    pub(crate) fn all_closed(&self) {
        self.all().retain(|_, it| it.until == Until::Forgotten);
    }

    /// A session was lost: what was kept for it is there for a while, should it be opened again.
    pub(crate) fn lost(&self, session: &str) {
        let ends = Instant::now() + LOST_MAX;
        for kept in self.all().values_mut().filter(|it| it.until == Until::Closed(session.to_owned())) {
            kept.lost = Some(ends);
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let all = Arc::downgrade(&self.0);
        // It ends within the time, and needs nobody to wait for it.
        runtime.spawn(async move {
            tokio::time::sleep_until(ends).await;
            if let Some(all) = all.upgrade() {
                Self(all).all().retain(|_, it| it.lost.is_none_or(|it| it > Instant::now()));
            }
        });
    }

    /// A session was opened again: what was kept for it is kept for as long as it lives.
    pub(crate) fn reopened(&self, session: &str) {
        for kept in self.all().values_mut().filter(|it| it.until == Until::Closed(session.to_owned())) {
            kept.lost = None;
        }
    }

    /// Forgets what was given for a target, or all; says how much that was.
    pub(crate) fn forget(&self, target: Option<&str>) -> usize {
        let mut all = self.all();
        let before = all.len();
        all.retain(|_, it| target.is_some_and(|target| it.target != target));
        before - all.len()
    }

    /// Tells what there is; no secret is in it.
    pub(crate) fn list(&self) -> Vec<SecretStatus> {
        let status = |(bond, kept): (&Bond, &Kept)| SecretStatus {
            bond: bond.clone(),
            target: kept.target.clone(),
            until: kept.until.clone(),
            at: kept.at,
        };
        self.all().iter().map(status).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Bond, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bond(key: &str, purpose: &str) -> Bond {
        Bond { account: "me@web1:22".into(), key: key.into(), purpose: purpose.into() }
    }

    fn lent(safe: &Safe, bond: &Bond) -> Option<String> {
        safe.lend(bond, "web1").map(|it| it.reveal().to_owned())
    }

    #[test]
    fn a_secret_is_for_one_account_one_key_and_one_purpose_and_goes_with_its_session() {
        let safe = Safe::default();
        let secret = |text: &str| Secret::new(text.to_owned());
        safe.keep(bond("A", "password"), secret("sesame"), "web1", Until::Closed("web1".into()));
        assert_eq!(lent(&safe, &bond("A", "password")).as_deref(), Some("sesame"));
        assert_eq!((lent(&safe, &bond("B", "password")), lent(&safe, &bond("A", "sudo"))), (None, None));
        safe.closed("web2");
        assert!(lent(&safe, &bond("A", "password")).is_some());
        safe.closed("web1");
        assert_eq!(lent(&safe, &bond("A", "password")), None);
        // What was given for longer is not kept for less.
        safe.keep(bond("A", "sudo"), secret("barley"), "web1", Until::Forgotten);
        safe.keep(bond("A", "sudo"), secret("other"), "web1", Until::Closed("web1".into()));
        safe.closed("web1");
        assert_eq!(lent(&safe, &bond("A", "sudo")).as_deref(), Some("barley"));
        assert_eq!((safe.forget(Some("web2")), safe.list().len()), (0, 1));
        assert_eq!((safe.forget(None), safe.list().len()), (1, 0));
        safe.keep(bond("A", "password"), secret("wrong"), "web1", Until::Forgotten);
        safe.refused(&bond("A", "password"));
        assert!(safe.list().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_kept_for_a_lost_session_is_forgotten_after_an_hour_unless_it_is_opened_again() {
        let safe = Safe::default();
        for session in ["web1", "web2"] {
            let until = Until::Closed(session.to_owned());
            safe.keep(bond(session, "password"), Secret::new("sesame".into()), session, until);
            safe.lost(session);
        }
        tokio::time::sleep(LOST_MAX / 2).await;
        assert_eq!(safe.list().len(), 2);
        safe.reopened("web2");
        tokio::time::sleep(LOST_MAX).await;
        assert_eq!((lent(&safe, &bond("web1", "password")), safe.list().len()), (None, 1));
        safe.all_closed();
        assert!(safe.list().is_empty());
    }

    #[test]
    fn the_oldest_goes_first() {
        let safe = Safe::default();
        for number in 0..=KEPT_MAX {
            safe.keep(bond(&number.to_string(), "sudo"), Secret::new("x".into()), "web1", Until::Forgotten);
        }
        assert_eq!(safe.list().len(), KEPT_MAX);
    }
}
