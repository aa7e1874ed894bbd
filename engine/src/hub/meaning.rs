//! What the word after `cotty up` means: a session's name, or a host.

use cotty_core::refusal::Refusal;
use cotty_core::target::Target;

use super::Hub;
use crate::report::Caller;

/// What a word means: the session's name, what it is opened on, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// The session's name.
    pub name: Option<String>,
    /// What it is opened on.
    pub target: Option<String>,
}

impl Hub {
    /// Finds out what a word means. A session that lives comes first, then one that was on a host, then a host that is
    /// written down somewhere or looks like one. Any other word is the name of a session
    /// on what is opened when nothing is said.
    ///
    /// # Errors
    ///
    /// Says why it could not be found out.
    pub async fn meaning(&self, word: &str, caller: &Caller) -> Result<Meaning, Refusal> {
        let name = Some(word.to_owned());
        if self.handle_by_name(word).is_some() {
            return Ok(Meaning { name, target: None });
        }
        let rows = self.0.store.sessions()?;
        if let Some(row) = rows.into_iter().rfind(|row| row.name == word && row.is_remote()) {
            return Ok(Meaning { name, target: Some(row.target) });
        }
        match word.parse::<Target>() {
            Ok(Target::Remote(remote)) if self.0.hosts.is_written_down(&remote, caller).await? => {
                Ok(Meaning { name: None, target: name })
            }
            // What is no target at all may still be a name; whether it can be one is said where it is given.
            Ok(_) | Err(_) => Ok(Meaning { name, target: None }),
        }
    }
}
