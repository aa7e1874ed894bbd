//! A session gets another name: by a person, by the rules of a new one, and the old name says where it went.

use std::sync::PoisonError;

use cotty_core::refusal::Refusal;

use super::Hub;
use super::connecting::check_name;
use crate::report::{Caller, SessionState, SessionStatus, Which};
use crate::request::Request;
use crate::texts;

/// Words for people are no longer than this.
const LABEL_CHARACTERS_MAX: usize = 200;

impl Hub {
    /// Gives a living session another name, other words for people, or both. An empty label takes it away.
    ///
    /// # Errors
    ///
    /// Refuses agents, names that are taken or mean something else, and sessions that are still on their way.
    pub async fn rename(
        &self,
        caller: &Caller,
        which: &Which,
        name: Option<String>,
        label: Option<String>,
    ) -> Result<SessionStatus, Refusal> {
        caller.is_person_for("naming a session")?;
        name.as_deref().map_or(Ok(()), check_name)?;
        label.as_deref().map_or(Ok(()), check_label)?;
        let opening = self.0.opening.lock().await;
        let handle = self.living(which).await?;
        let before = handle.identity().name.clone();
        let name = name.filter(|it| *it != before);
        if let Some(name) = &name {
            self.is_free(name, &handle.identity().id)?;
            let status = handle.ask(Request::Status).await.map_err(|it| self.explain(&handle, it))?;
            if status.state == SessionState::Opening {
                // What it asks a person goes by its name.
                let state = "it is still being opened, and what it may ask goes by its name".to_owned();
                return Err(Refusal::NotReady { session: before, seconds: status.idle.as_secs(), state });
            }
        }
        let (who, to) = (caller.principal.clone(), name.clone());
        let renamed = handle.ask(|reply| Request::Rename { who, name: to, label, reply }).await;
        renamed.map_err(|refusal| self.explain(&handle, refusal))?;
        let handle = match &name {
            Some(name) => {
                let renamed = handle.renamed(name);
                let mut sessions = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
                if sessions.get(&before).is_some_and(|it| it.identity().id == handle.identity().id) {
                    sessions.remove(&before);
                    sessions.insert(name.clone(), renamed.clone());
                    self.0.safe.renamed(&before, name);
                }
                renamed
            }
            None => handle,
        };
        drop(opening);
        handle.ask(Request::Status).await.map_err(|refusal| self.explain(&handle, refusal))
    }

    /// Two sessions have one name after another only with rising epochs: an offset means one place.
    fn is_free(&self, name: &str, id: &str) -> Result<(), Refusal> {
        let taken = |is: String| {
            Err(Refusal::NameTaken {
                session: name.to_owned(),
                is,
                wanted: "its name for another one".to_owned(),
            })
        };
        if let Some(other) = self.handle_by_name(name) {
            return taken(format!("a session on {}", other.identity().target));
        }
        let own = self.0.store.session(id)?.map(|row| row.epoch);
        match self.0.store.last_epoch(name, id)? {
            Some(last) if own.is_none_or(|own| own <= last) => {
                taken(format!("one that has ended and is still read, up to epoch {}", last.0))
            }
            _ => Ok(()),
        }
    }

    /// Says where a name went that a session gave up; nothing where none did.
    pub(super) fn gone_to(&self, name: &str) -> Result<Option<Refusal>, Refusal> {
        let now = self.0.store.present_name(name)?;
        Ok(now.map(|now| Refusal::Renamed { session: texts::one_line(name), now }))
    }
}

/// A label stands in lists and titles.
fn check_label(label: &str) -> Result<(), Refusal> {
    let invalid = |why: String| Err(Refusal::InvalidArgument { what: "label", why });
    match label.chars().count() {
        count if count > LABEL_CHARACTERS_MAX => {
            invalid(format!("it has {count} characters; it has {LABEL_CHARACTERS_MAX} at most"))
        }
        _ if label.chars().any(char::is_control) => {
            invalid("it is one line, without control characters".to_owned())
        }
        _ => Ok(()),
    }
}
