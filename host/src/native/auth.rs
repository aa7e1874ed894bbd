//! Logging in: keys first, then what a person or the configuration can answer, in the order of OpenSSH.

use std::future::Future;
use std::time::Duration;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive, Prompt};
use russh::{MethodKind, MethodSet};
use tokio::time::timeout;

use crate::native::error::{ConnectError, Denied, Trouble};
use crate::native::secret::{Ask, AskKind, Asker, Secret, one_line};
use crate::native::settings::{NoSecret, SecretSource, Settings};
use crate::native::watcher::{Ended, Watcher};

mod keys;
mod signers;

/// A wrong passphrase or password may be mended so often, as with ssh.
const ANSWERS_MAX: u32 = 3;

/// A server that asks more rounds of questions than that never ends.
const ROUNDS_MAX: usize = 16;

/// More questions in one round are no honest login.
const PROMPTS_MAX: usize = 16;

/// A login under way.
struct Login<'host> {
    handle: &'host mut Handle<Watcher>,
    settings: &'host Settings,
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
    ask: &Asker,
    ended: &mut Ended,
) -> Result<(), ConnectError> {
    let denied = Denied { user: settings.user.clone(), ..Denied::default() };
    let mut login = Login {
        handle,
        settings,
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
        self.password = self.configured(self.settings.password.clone());
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
    fn configured(&mut self, source: Option<SecretSource>) -> Option<Secret> {
        let trouble = match source?() {
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
            let account = self.account();
            let prompt = format!("Password of {account}");
            let ask = Ask { kind: AskKind::Password, account, prompt, failed };
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

    /// One login by questions; nothing if nobody answers.
    async fn interactive(&mut self, failed: u32) -> Result<Option<Attempt>, ConnectError> {
        let limit = self.settings.limits.authentication;
        let method = "keyboard-interactive";
        let user = self.settings.user.clone();
        let start = self.handle.authenticate_keyboard_interactive_start(user, None);
        let mut reply = answered(method, limit, start).await?;
        for round in 0..ROUNDS_MAX {
            let (name, prompts) = match reply {
                Ok(Interactive::InfoRequest { name, prompts, .. }) if prompts.len() <= PROMPTS_MAX => {
                    (name, prompts)
                }
                Ok(Interactive::InfoRequest { .. }) => break,
                Ok(Interactive::Success) => return Ok(Some(Attempt::In)),
                // It offers questions and has none: nothing was tried.
                Ok(Interactive::Failure { partial_success: false, .. }) if round == 0 && !self.is_lost() => {
                    self.has_no_questions = true;
                    return Ok(Some(Attempt::Refused));
                }
                Ok(Interactive::Failure { remaining_methods, partial_success }) => {
                    let result = AuthResult::Failure { remaining_methods, partial_success };
                    return self.attempt(result, format!("an answer ({method})")).await.map(Some);
                }
                Err(_) => return Err(self.lost().await),
            };
            let Some(answers) = self.answers(&name, &prompts, failed).await? else { return Ok(None) };
            let respond = self.handle.authenticate_keyboard_interactive_respond(answers);
            reply = answered(method, limit, respond).await?;
        }
        self.denied.refused.push(format!("{method}: the server asked without end"));
        Ok(None)
    }

    // Names and prompts are the server's: they are shown as one line each.
    async fn answers(
        &mut self,
        name: &str,
        prompts: &[Prompt],
        failed: u32,
    ) -> Result<Option<Vec<String>>, ConnectError> {
        let mut answers = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let words = one_line(&format!("{name} {}", prompt.prompt));
            let configured = if prompt.echo || prompts.len() > 1 { None } else { self.password.take() };
            let answer = match configured {
                Some(secret) => Some(secret),
                None => {
                    let kind = AskKind::Challenge { echo: prompt.echo };
                    self.answer(Ask { kind, account: self.account(), prompt: words.clone(), failed }).await?
                }
            };
            let Some(answer) = answer else {
                self.denied.troubles.push(Trouble::NoAnswer(words));
                return Ok(None);
            };
            answers.push(answer.reveal().to_owned());
        }
        Ok(Some(answers))
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
