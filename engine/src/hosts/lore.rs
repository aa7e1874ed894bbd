//! What ssh knows of hosts: asked when a name is familiar, and kept until one of its files changes.
//!
//! Asking may run programs of ssh's configuration, so that a word which only a model said is never asked about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cotty_core::names::Role;
use cotty_core::refusal::Refusal;
use cotty_host::native::known_hosts::{KnownHosts, PORT_DEFAULT};
use cotty_host::openssh::asked;
use cotty_host::openssh::names::Names;
use cotty_host::openssh::reader::{self, Read};
use cotty_host::openssh::{Answer, NoAnswer, OpenSsh, Question};
use tokio::sync::Semaphore;

use super::wanted::{Wanted, agent_of};
use super::{NAMES_MAX, ssh_files};
use crate::report::Caller;

/// So many are asked at a time. Each ends within seconds.
const ASKED_MAX: usize = 4;

/// The user's ssh, and what it has said.
#[derive(Debug)]
pub(super) struct Lore {
    ssh: OpenSsh,
    names: Mutex<Option<Arc<Names>>>,
    kept: Mutex<BTreeMap<Key, Kept>>,
    asking: Semaphore,
}

/// An answer, and the state of the files that it was made from.
#[derive(Debug)]
struct Kept {
    answer: Arc<Answer>,
    names: Arc<Names>,
}

/// What is known of a name.
pub(super) enum Told {
    /// What ssh says.
    Answer(Arc<Answer>),
    /// What its files say, read by ourselves, and why ssh was not asked.
    Read(Box<Read>, WhyRead),
}

/// Why ssh was not asked about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhyRead {
    /// Nobody but an agent has ever said it: nothing is started for it.
    Unfamiliar,
    /// There is no ssh.
    NotInstalled,
}

impl Lore {
    pub(super) fn new(ssh: OpenSsh) -> Self {
        Self { ssh, names: Mutex::default(), kept: Mutex::default(), asking: Semaphore::new(ASKED_MAX) }
    }

    /// Returns the names in ssh's files as they are now. Runs nothing.
    pub(super) async fn names(&self) -> Result<Arc<Names>, Refusal> {
        let (ssh, known) =
            (self.ssh.clone(), self.names.lock().unwrap_or_else(PoisonError::into_inner).clone());
        // Homes may lie on a slow disk.
        let looked = tokio::task::spawn_blocking(move || match known {
            Some(names) if names.are_current() => names,
            _ => Arc::new(Names::read(&ssh)),
        });
        let names = looked.await.map_err(|error| Refusal::Internal { what: error.to_string() })?;
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&names));
        Ok(names)
    }

    /// Asks ssh about a name, if it may be asked.
    pub(super) async fn ask(
        &self,
        wanted: &Wanted<'_>,
        names: &Arc<Names>,
        caller: &Caller,
    ) -> Result<Told, Refusal> {
        let agent = agent_of(caller);
        let key = key(wanted, agent.as_deref());
        if let Some(answer) = self.kept(&key, names) {
            return Ok(Told::Answer(answer));
        }
        if !self.may_ask(wanted, names, caller).await? {
            return self.read(wanted, WhyRead::Unfamiliar).await;
        }
        if self.ssh.program.is_none() {
            return self.read(wanted, WhyRead::NotInstalled).await;
        }
        let question = Question {
            host: wanted.host,
            user: wanted.user,
            port: wanted.port,
            agent: agent.as_deref(),
            options: wanted.options(),
        };
        let turn = self.asking.acquire().await;
        let answer = asked::ask(&self.ssh, question).await;
        drop(turn);
        match answer {
            Ok(answer) => Ok(Told::Answer(self.keep(key, answer, names))),
            Err(error) => Err(wrong(wanted, &error)),
        }
    }

    /// Reads ssh's files ourselves. Nothing is started.
    async fn read(&self, wanted: &Wanted<'_>, why: WhyRead) -> Result<Told, Refusal> {
        let (ssh, host) = (self.ssh.clone(), wanted.host.to_owned());
        let (user, port, options) = (wanted.user.map(str::to_owned), wanted.port, wanted.options().to_vec());
        // Homes may lie on a slow disk.
        let read = tokio::task::spawn_blocking(move || {
            let user = user.as_deref();
            reader::read(&ssh, Question { host: &host, user, port, agent: None, options: &options })
        });
        let read = read.await.map_err(|error| Refusal::Internal { what: error.to_string() })?;
        let read = read.map_err(|error| wrong(wanted, &error))?;
        Ok(Told::Read(Box::new(read), why))
    }

    /// A name is familiar if a person wrote it down somewhere, or says it now.
    async fn may_ask(&self, wanted: &Wanted<'_>, names: &Names, caller: &Caller) -> Result<bool, Refusal> {
        if caller.principal.role == Role::Operator
            || wanted.is_hop
            || wanted.device.is_some()
            || names.spells_out(wanted.host)
        {
            return Ok(true);
        }
        self.has_key_of(wanted).await
    }

    /// Says whether a key of a host is in ssh's own files of known hosts.
    pub(super) async fn has_key_of(&self, wanted: &Wanted<'_>) -> Result<bool, Refusal> {
        let (files, host) = (ssh_files::known_hosts(&self.ssh), wanted.host.to_owned());
        let port = wanted.port.unwrap_or(PORT_DEFAULT);
        let read = tokio::task::spawn_blocking(move || {
            KnownHosts::read(&files, &host, port, None).is_ok_and(|it| !it.algorithms().is_empty())
        });
        read.await.map_err(|error| Refusal::Internal { what: error.to_string() })
    }

    fn kept(&self, key: &Key, names: &Arc<Names>) -> Option<Arc<Answer>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|it| Arc::ptr_eq(&it.names, names)).map(|it| Arc::clone(&it.answer))
    }

    fn keep(&self, key: Key, answer: Answer, names: &Arc<Names>) -> Arc<Answer> {
        let answer = Arc::new(answer);
        if names.runs_programs {
            return answer;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, it| Arc::ptr_eq(&it.names, names));
        if kept.len() < NAMES_MAX {
            kept.insert(key, Kept { answer: Arc::clone(&answer), names: Arc::clone(names) });
        }
        answer
    }

    /// Returns the account's home and name.
    pub(super) fn account(&self) -> (PathBuf, String) {
        (self.ssh.home.clone(), self.ssh.user.clone())
    }

    /// Returns a path with the home directory in place of `~`.
    pub(super) fn expanded(&self, path: &Path) -> PathBuf {
        self.ssh.expanded(path)
    }
}

fn wrong(wanted: &Wanted, error: &NoAnswer) -> Refusal {
    Refusal::Config {
        why: format!("{}: {error}", wanted.target),
        remedy: format!("Mend ssh's configuration (ssh -G {} shows the same), then call again", wanted.host),
    }
}

/// What ssh is told: the host as one word, the caller's agent, which its configuration may name, and a device's options.
type Key = (String, Option<PathBuf>, Vec<(String, String)>);

fn key(wanted: &Wanted, agent: Option<&Path>) -> Key {
    let (user, port) = (wanted.user.unwrap_or_default(), wanted.port.unwrap_or_default());
    (format!("{user}@{} {port}", wanted.host), agent.map(Path::to_owned), wanted.options().to_vec())
}
