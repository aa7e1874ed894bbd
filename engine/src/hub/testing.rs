//! A host tried on purpose: connects and stops before anybody logs in, or logs in and leaves at once. Nobody is asked
//! anything for it, and no session is opened.

use std::sync::{Arc, Mutex, PoisonError};

use cotty_core::refusal::Refusal;
use cotty_core::target::Target;
use cotty_host::native::connect::Connection;
use cotty_host::native::error::{ConnectError, Stage};
use cotty_host::native::known_hosts::Verdict;
use cotty_host::native::secret::Asker;
use cotty_host::native::settings::{Jump, Settings, ShownKey};

use super::Hub;
use crate::attempt;
use crate::hosts::{self, Resolved};
use crate::pools::stage_words;
use crate::report::{Caller, HostStatus, TestStep, Tested};
use crate::veils;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To the host's key: nobody logs in there, only on the way.
    Key,
    /// To the end of a login.
    Login,
}

/// The steps that were begun, the newest last.
type Begun = Arc<Mutex<Vec<(String, Stage)>>>;

impl Hub {
    /// Tries a host, and says how far that came and what would help.
    ///
    /// # Errors
    ///
    /// Says that this caller may not name it, or that its name could not be resolved.
    pub async fn test(&self, caller: &Caller, target: &str, depth: Depth) -> Result<Tested, Refusal> {
        let Target::Remote(remote) = target.parse::<Target>()? else {
            let why = "local is this machine: there is nothing to connect to".to_owned();
            return Err(Refusal::InvalidArgument { what: "target", why });
        };
        let resolved = self.0.hosts.resolve(&remote, caller).await?;
        let (_, status) = self.0.hosts.standing(&remote, caller).await?;
        let begun = Begun::default();
        let settings = watched(&begun, &resolved.typed, resolved.settings.clone());
        let asker = attempt::from_safe(&self.0.safe);
        let tried = match depth {
            Depth::Key => Connection::show_key(&settings, &asker).await.and_then(|it| judged(&settings, it)),
            Depth::Login => logged_in(&settings, &asker).await,
        };
        let error = tried.err();
        let steps = steps(&begun, error.as_ref());
        let mut fixes = status.fixes.clone();
        let on_the_way = matches!(error, Some(ConnectError::OnTheWay { .. }));
        if let Some(error) = error.as_ref().filter(|_| !on_the_way && status.via.is_empty()) {
            fixes.extend(hosts::fix_of_attempt(&status.address, error.stage()));
        }
        if let Some(fix) = error.as_ref().and_then(|it| hosts::fix_of_error(&resolved, it)) {
            fixes.insert(0, fix);
        }
        let mut seen = std::collections::BTreeSet::new();
        fixes.retain(|it| seen.insert(it.clone()));
        let failure = error.map(|it| refused(&resolved, &it));
        let logged_in = (depth == Depth::Login).then_some(failure.is_none());
        let status = HostStatus { fixes, ..status };
        let status = match veils::of_target(&resolved.typed) {
            Some(veil) => status.said(|it| veil.host_in(it)),
            None => status,
        };
        let fixes = status.fixes.clone();
        Ok(Tested { status, steps, logged_in, failure, fixes })
    }
}

/// A key that a connection would not go on with fails the test as it would fail that.
fn judged(settings: &Settings, shown: ShownKey) -> Result<(), ConnectError> {
    match shown.verdict {
        Verdict::Known(_) | Verdict::Certified(_) => Ok(()),
        Verdict::Unknown if (settings.unknown_keys)(&shown) => Ok(()),
        Verdict::Unknown | Verdict::Changed { .. } | Verdict::Revoked(_) | Verdict::Authority { .. } => {
            Err(ConnectError::HostKey(Box::new(shown)))
        }
    }
}

async fn logged_in(settings: &Settings, asker: &Asker) -> Result<(), ConnectError> {
    let connection = Connection::open(settings, asker).await?;
    connection.close().await;
    Ok(())
}

fn refused(resolved: &Resolved, error: &ConnectError) -> Refusal {
    hosts::refused(resolved, error)
}

/// Has every step noted, of the host and of those on its way.
fn watched(begun: &Begun, name: &str, settings: Settings) -> Settings {
    let jump = settings.jump.map(|jump| {
        let Jump { typed, settings } = *jump;
        Box::new(Jump { settings: watched(begun, &typed, settings), typed })
    });
    let (begun, host) = (Arc::clone(begun), name.to_owned());
    let progress = Arc::new(move |stage| {
        let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
        let step = (host.clone(), stage);
        if begun.last() != Some(&step) {
            begun.push(step);
        }
    });
    Settings { jump, progress, ..settings }
}

/// Says of each step whether it came to its end: all but the one that failed did, and that one is the last.
fn steps(begun: &Begun, error: Option<&ConnectError>) -> Vec<TestStep> {
    let begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
    let last = begun.len().saturating_sub(1);
    let done = |at: usize| at < last || error.is_none();
    let step = |(at, (host, stage)): (usize, &(String, Stage))| TestStep {
        host: host.clone(),
        step: stage_words(*stage),
        done: done(at),
    };
    begun.iter().enumerate().map(step).collect()
}
