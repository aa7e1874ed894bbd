//! Logging in: keys first, then what a person or the configuration can answer, in the order of OpenSSH.

use std::future::Future;
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::{MethodKind, MethodSet};
use tokio::time::timeout;

use crate::native::error::{ConnectError, Denied, Trouble};
use crate::native::host_key::HostKey;
use crate::native::secret::{Ask, AskKind, Asker, Bound, Secret, one_line};
use crate::native::settings::{NoSecret, SecretSource, Settings};
use crate::native::watcher::{Ended, Watcher};

mod interactive;
mod keys;
mod signers;

/// A wrong passphrase or password may be mended so often, as with ssh.
const ANSWERS_MAX: u32 = 3;

/// A login under way.
struct Login<'host> {
    handle: &'host mut Handle<Watcher>,
    settings: &'host Settings,
    key: &'host HostKey,
    ask: &'host Asker,
    ended: &'host mut Ended,
    methods: Option<MethodSet>,
    denied: Denied,
    password: Option<Secret>,
    has_no_questions: bool,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    In,
    /// Accepted, and the server wants something more.
    Further,
    Refused,
}

/// Logs in.
pub(super) async fn log_in(
    handle: &mut Handle<Watcher>,
    settings: &Settings,
    key: &HostKey,
    ask: &Asker,
    ended: &mut Ended,
) -> Result<(), ConnectError> {
    let denied = Denied { user: settings.user.clone(), ..Denied::default() };
    let mut login = Login {
        handle,
        settings,
        key,
        ask,
        ended,
        methods: None,
        denied,
        password: None,
        has_no_questions: false,
    };
    if login.with_keys().await? || login.with_answers().await? {
        return Ok(());
    }
    let offered = login.methods.iter().flat_map(|it| it.iter()).map(<&'static str>::from);
    login.denied.offered = offered.collect();
    Err(ConnectError::Denied(Box::new(login.denied)))
}

impl Login<'_> {
    async fn with_answers(&mut self) -> Result<bool, ConnectError> {
        if self.methods.is_none() {
            let user = self.settings.user.clone();
            let limit = self.settings.limits.authentication;
            let result = answered("none", limit, self.handle.authenticate_none(user)).await?;
            if self.settled(result, String::new()).await? == Attempt::In {
                return Ok(true);
            }
        }
        self.password = self.configured(self.settings.password.clone()).await;
        if let Some(secret) = self.password.clone().filter(|_| self.takes(MethodKind::Password)) {
            self.password = None;
            if self.with_password(secret, "the configured password").await? == Attempt::In {
                return Ok(true);
            }
        }
        for failed in 0..ANSWERS_MAX {
            if !self.asks() {
                break;
            }
            match self.interactive(failed).await? {
                Some(Attempt::In) => return Ok(true),
                Some(Attempt::Further | Attempt::Refused) => {}
                None => return Ok(false),
            }
        }
        self.with_asked_password().await
    }

    /// Returns a secret that the configuration names, or notes why it could not be had.
    async fn configured(&mut self, source: Option<SecretSource>) -> Option<Secret> {
        let (source, bound) = (source?, self.bound());
        // It may wait for a disk or a program.
        let found = tokio::task::spawn_blocking(move || source(&bound)).await;
        let trouble = match found.unwrap_or_else(|error| Err(NoSecret::Unreadable(error.to_string()))) {
            Ok(secret) => return Some(secret),
            Err(NoSecret::Variable(name)) => Trouble::NoVariable(name),
            Err(NoSecret::Unreadable(why)) => Trouble::NoSecret(one_line(&why)),
        };
        self.denied.troubles.push(trouble);
        None
    }

    async fn with_asked_password(&mut self) -> Result<bool, ConnectError> {
        for failed in 0..ANSWERS_MAX {
            if !self.takes(MethodKind::Password) || self.asks() {
                break;
            }
            let ask = self.ask(AskKind::Password, format!("Password of {}", self.account()), failed);
            let Some(secret) = self.answer(ask).await? else { break };
            if self.with_password(secret, "a password").await? == Attempt::In {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn with_password(&mut self, secret: Secret, named: &str) -> Result<Attempt, ConnectError> {
        let user = self.settings.user.clone();
        let limit = self.settings.limits.authentication;
        let asked = self.handle.authenticate_password(user, secret.reveal());
        let result = answered("password", limit, asked).await?;
        self.settled(result, named.to_owned()).await
    }

    /// Makes a question of this login.
    fn ask(&self, kind: AskKind, prompt: String, failed: u32) -> Ask {
        Ask { kind, account: self.account(), bound: self.bound(), prompt, failed }
    }

    /// Whom a secret of this login is for.
    fn bound(&self) -> Bound {
        let Settings { user, host, port, .. } = self.settings;
        Bound { user: user.clone(), host: host.clone(), port: *port, key: self.key.fingerprint() }
    }

    fn account(&self) -> String {
        format!("{}@{}", self.settings.user, self.settings.host)
    }

    /// Asks a person, for as long as the server waits.
    async fn answer(&mut self, ask: Ask) -> Result<Option<Secret>, ConnectError> {
        let asked = (self.ask)(ask);
        tokio::select! {
            answer = asked => Ok(answer),
            () = self.ended.wait() => Err(self.lost().await),
        }
    }

    fn is_lost(&self) -> bool {
        self.handle.is_closed()
    }

    fn asks(&self) -> bool {
        !self.has_no_questions && self.takes(MethodKind::KeyboardInteractive)
    }

    fn takes(&self, method: MethodKind) -> bool {
        self.methods.as_ref().is_none_or(|it| it.contains(&method))
    }

    async fn settled(
        &mut self,
        result: Result<AuthResult, russh::Error>,
        named: String,
    ) -> Result<Attempt, ConnectError> {
        match result {
            Ok(result) => self.attempt(result, named).await,
            Err(_) => Err(self.lost().await),
        }
    }

    // A lost connection is reported as a failure without methods: it says nothing of the credential.
    async fn attempt(&mut self, result: AuthResult, named: String) -> Result<Attempt, ConnectError> {
        match result {
            AuthResult::Success => Ok(Attempt::In),
            AuthResult::Failure { .. } if self.is_lost() => Err(self.lost().await),
            AuthResult::Failure { remaining_methods, partial_success } => {
                self.methods = Some(remaining_methods);
                if !partial_success && !named.is_empty() {
                    self.denied.refused.push(named);
                }
                Ok(if partial_success { Attempt::Further } else { Attempt::Refused })
            }
        }
    }

    async fn lost(&mut self) -> ConnectError {
        let mut why = self.ended.reason().await;
        if !self.denied.refused.is_empty() {
            why += &format!("; before that it did not accept {}", self.denied.refused.join(", "));
        }
        ConnectError::Lost { user: self.settings.user.clone(), why }
    }
}

async fn answered<T>(
    method: &'static str,
    limit: Duration,
    asked: impl Future<Output = T>,
) -> Result<T, ConnectError> {
    timeout(limit, asked).await.map_err(|_| timed_out(method, limit))
}

fn timed_out(method: &'static str, after: Duration) -> ConnectError {
    ConnectError::AuthenticationTimeout { method, after }
}
