//! The last resort: a shell that has lost its footing is given up, and a new one begins in its place, on the same
//! connection and under the same name. What went with the old one is told when it is closed, and again by the new one.

use std::time::Duration;

use cotty_core::names::{Epoch, Principal};

use super::Hub;
use super::connecting::Wanted;
use crate::handle::SessionHandle;
use crate::report::{ClosedSession, GivenUp, SessionState, SessionStatus};
use crate::reports;
use crate::request::Request;
use crate::store::SessionRow;

/// What every new shell begins without.
const NEVER_KEPT: &str = "its variables, functions, aliases, options and jobs";
/// A task that was told to close lets go of its terminal within this time, unless its keeper is stuck.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// Stands in the reason of a session's end before what went with it.
const LOST_WITH_IT: &str = "; lost with it: ";

impl Hub {
    /// Closes a session, and says what is lost with its shell where that did not stand at its own prompt. Nothing where it
    /// had ended by itself.
    pub(super) async fn close_session(
        &self,
        handle: &SessionHandle,
        who: &Principal,
    ) -> Option<ClosedSession> {
        let status = handle.ask(Request::Status).await.ok();
        let given_up = status.and_then(|status| self.given_up(handle, &status));
        let mut reason = format!("closed: by {}", who.label);
        if let Some(given_up) = &given_up {
            reason.push_str(&format!("{LOST_WITH_IT}{}", given_up.lost.join(", ")));
        }
        let who = who.clone();
        handle.ask(|reply| Request::Close { who, reason, reply }).await.ok()?;
        // Whoever opens another one of this name at once must not find this one.
        drop(tokio::time::timeout(GONE_WITHIN, handle.until_gone()).await);
        Some(ClosedSession { name: handle.identity().name.clone(), given_up })
    }

    fn given_up(&self, handle: &SessionHandle, status: &SessionStatus) -> Option<GivenUp> {
        // Its prompt may be half drawn, and then nothing is wrong.
        let never_signed = matches!(status.state, SessionState::Unknown(_)) && status.pid.is_none();
        if status.running.is_none() && status.stack.is_empty() && !never_signed {
            return None;
        }
        let row = self.0.store.session(&handle.identity().id).ok().flatten();
        Some(GivenUp {
            lost: lost(status),
            target: status.target.clone(),
            shell: row.and_then(|row| named(&row)),
            cwd: own_cwd(status),
        })
    }

    /// Says what a new shell begins without, where one of its name did not end in good order.
    pub(super) fn in_the_place_of(&self, name: &str, wanted: &Wanted, epoch: Epoch) -> Option<String> {
        let rows = self.0.store.sessions().ok()?;
        let before = rows.into_iter().filter(|row| row.name == name && row.epoch < epoch);
        let before = before.max_by_key(|row| row.epoch)?;
        let ended = before.ended.as_deref()?;
        let (how, lost) = match ended.split_once(LOST_WITH_IT) {
            Some((how, lost)) => (how, lost),
            None => (ended, NEVER_KEPT),
        };
        let in_order = matches!(reports::ended_state(ended), SessionState::Closed(_)) && how == ended;
        if in_order || !wanted.is_on(before.identity.as_ref()) {
            return None;
        }
        let was = before.kept.cwd.as_deref().map_or(String::new(), |cwd| format!(" in {cwd:?}"));
        let old = before.epoch.0;
        let told = format!("in place of the shell of epoch {old}{was}, {how}; lost with that: {lost}");
        Some(format!("a new shell, epoch {}, {told}", epoch.0))
    }
}

/// The directory of the session's own shell: that of one inside it may be on another machine.
fn own_cwd(status: &SessionStatus) -> Option<String> {
    status.stack.first().map_or(&status.cwd, |own| &own.cwd).clone()
}

/// What goes with the shell of a session that stands so.
fn lost(status: &SessionStatus) -> Vec<String> {
    let running = status.running.iter().map(|it| format!("{} ({})", it.run, it.state));
    let inside = status.stack.iter().skip(1).map(|it| match &it.who {
        Some(who) => format!("the {} of {who:?} inside it", it.shell),
        None => format!("the {} inside it", it.shell),
    });
    let draft = status.pen.iter().filter(|_| status.running.is_none()).map(|pen| format!("what {pen} typed"));
    let mut lost: Vec<String> = running.chain(inside).chain(draft).collect();
    lost.push(if status.pid.is_some() { NEVER_KEPT } else { "all that was in it" }.to_owned());
    lost
}

/// The program of a session's own shell, if it can be named again.
fn named(row: &SessionRow) -> Option<String> {
    Some(row.program.clone()).filter(|program| !program.contains(' '))
}
