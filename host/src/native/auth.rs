//! Logging in: keys first, then what a person or the configuration can answer, in the order of OpenSSH.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::native::agent::{Agent, Unsigned};
use crate::native::error::{ConnectError, Denied, Trouble};
use crate::native::host_key::HostKey;
use crate::native::keyfile::{self, Content, KeyFile};
use crate::native::secret::{Ask, AskKind, Asker, Bound, Secret, one_line};
use crate::native::settings::{NoSecret, SecretSource, Settings};
use crate::native::watcher::{Ended, Watcher};

mod interactive;

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
    async fn with_keys(&mut self) -> Result<bool, ConnectError> {
        let mut files: Vec<KeyFile> = Vec::new();
        for read in self.settings.identity_files.iter().filter_map(|it| keyfile::read(it)) {
            match read {
                Ok(file) => files.push(file),
                Err(trouble) => self.denied.troubles.push(trouble),
            }
        }
        if self.settings.identities_only && files.is_empty() && self.denied.troubles.is_empty() {
            // Nothing else may be used, and none of it is there.
            self.denied.troubles.extend(self.settings.identity_files.first().cloned().map(Trouble::NotThere));
        }
        let (mut agent, held) = self.agent().await;
        let in_file = |key: &PublicKey| {
            files.iter().position(|it| it.public().is_some_and(|it| it.key_data() == key.key_data()))
        };
        let mut held: Vec<(usize, PublicKey)> =
            held.into_iter().map(|key| (in_file(&key).unwrap_or(usize::MAX), key)).collect();
        // Those that are named come first, in the order of the files; of the others the agent's order is kept.
        held.retain(|(at, _)| !self.settings.identities_only || *at != usize::MAX);
        held.sort_by_key(|(at, _)| *at);
        for (_, key) in &held {
            let Some(agent) = agent.as_mut().filter(|_| self.takes(MethodKind::PublicKey)) else { break };
            if self.with_agent_key(agent, key).await? == Attempt::In {
                return Ok(true);
            }
        }
        let is_held = |file: &KeyFile| {
            file.public().is_some_and(|it| held.iter().any(|(_, key)| key.key_data() == it.key_data()))
        };
        for file in files.into_iter().filter(|it| !is_held(it)) {
            if self.takes(MethodKind::PublicKey) && self.with_file(file).await? == Attempt::In {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn agent(&mut self) -> (Option<Agent>, Vec<PublicKey>) {
        let Some(socket) = self.settings.agent.clone() else { return (None, Vec::new()) };
        let limits = self.settings.limits;
        match Agent::open(socket, limits.agent, limits.signature).await {
            Ok((agent, keys)) => (Some(agent), keys),
            Err(trouble) => {
                self.denied.troubles.push(trouble);
                (None, Vec::new())
            }
        }
    }

    async fn with_agent_key(&mut self, agent: &mut Agent, key: &PublicKey) -> Result<Attempt, ConnectError> {
        let hash = self.hash_for(key.algorithm()).await?;
        let limits = self.settings.limits;
        let user = self.settings.user.clone();
        let asked = self.handle.authenticate_publickey_with(user, key.clone(), hash, agent);
        let named = format!("the agent's key {}", key_words(key));
        match timeout(limits.authentication + limits.signature, asked).await {
            Ok(Ok(result)) => self.attempt(result, named).await,
            Ok(Err(Unsigned::Agent(trouble))) => {
                self.denied.troubles.push(trouble);
                Ok(Attempt::Refused)
            }
            Ok(Err(Unsigned::Connection)) => Err(self.lost().await),
            Err(_) => Err(timed_out("publickey", limits.authentication)),
        }
    }

    async fn with_file(&mut self, file: KeyFile) -> Result<Attempt, ConnectError> {
        match file.content {
            Content::Open(key) => self.with_key(&file.path, *key).await,
            // The agent does not have it.
            Content::Public { named, .. } => {
                if named {
                    self.denied.troubles.push(Trouble::PublicKey(file.path));
                }
                Ok(Attempt::Refused)
            }
            Content::Encrypted { text, public } => {
                // A passphrase is asked for only if the server would take the key.
                if let Some(public) = public
                    && !self.would_take(&file.path, &public).await?
                {
                    return Ok(Attempt::Refused);
                }
                match self.decrypted(&file.path, text).await? {
                    Some(key) => self.with_key(&file.path, key).await,
                    None => Ok(Attempt::Refused),
                }
            }
        }
    }

    async fn with_key(&mut self, file: &Path, key: PrivateKey) -> Result<Attempt, ConnectError> {
        let hash = self.hash_for(key.algorithm()).await?;
        let named = format!("the key {}", file.display());
        let user = self.settings.user.clone();
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let limit = self.settings.limits.authentication;
        let result = answered("publickey", limit, self.handle.authenticate_publickey(user, key)).await?;
        self.settled(result, named).await
    }

    /// Asks the server about a public key, without a signature.
    async fn would_take(&mut self, file: &Path, key: &PublicKey) -> Result<bool, ConnectError> {
        let hash = self.hash_for(key.algorithm()).await?;
        let limit = self.settings.limits.authentication;
        let user = self.settings.user.clone();
        let mut wanted = Wanted;
        let asked = self.handle.authenticate_publickey_with(user, key.clone(), hash, &mut wanted);
        match timeout(limit, asked).await {
            Ok(Err(Signature::Wanted)) => Ok(true),
            Ok(Err(Signature::Lost)) => Err(self.lost().await),
            Ok(Ok(result)) => {
                self.attempt(result, format!("the key {}", file.display())).await.map(|it| it == Attempt::In)
            }
            Err(_) => Err(timed_out("publickey", limit)),
        }
    }

    async fn decrypted(
        &mut self,
        file: &Path,
        text: Zeroizing<String>,
    ) -> Result<Option<PrivateKey>, ConnectError> {
        let text = Arc::new(text);
        if let Some(passphrase) = self.configured(self.settings.passphrase.clone()).await {
            match decrypted(&text, passphrase).await {
                Some(key) => return Ok(Some(key)),
                None => self.denied.troubles.push(Trouble::WrongPassphrase(file.to_owned())),
            }
        }
        for failed in 0..ANSWERS_MAX {
            let kind = AskKind::Passphrase { file: file.to_owned() };
            let prompt = format!("Passphrase of {}", file.display());
            let Some(passphrase) = self.answer(self.ask(kind, prompt, failed)).await? else {
                let wrong = Trouble::WrongPassphrase(file.to_owned());
                if failed == 0 && !self.denied.troubles.contains(&wrong) {
                    self.denied.troubles.push(Trouble::NoPassphrase(file.to_owned()));
                } else if failed > 0 {
                    self.denied.troubles.push(wrong);
                }
                return Ok(None);
            };
            if let Some(key) = decrypted(&text, passphrase).await {
                return Ok(Some(key));
            }
        }
        self.denied.troubles.push(Trouble::WrongPassphrase(file.to_owned()));
        Ok(None)
    }

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

    /// An rsa key signs with the best hash the server takes, never with SHA-1.
    async fn hash_for(&mut self, algorithm: Algorithm) -> Result<Option<HashAlg>, ConnectError> {
        if !algorithm.is_rsa() {
            return Ok(None);
        }
        let limit = self.settings.limits.authentication;
        let best = answered("publickey", limit, self.handle.best_supported_rsa_hash()).await?;
        let best = match best {
            Ok(best) => best,
            Err(_) => return Err(self.lost().await),
        };
        Ok(Some(best.flatten().unwrap_or(HashAlg::Sha256)))
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

/// It is slow by design.
async fn decrypted(text: &Arc<Zeroizing<String>>, passphrase: Secret) -> Option<PrivateKey> {
    let text = text.clone();
    let key = tokio::task::spawn_blocking(move || keyfile::decrypt(&text, &passphrase));
    key.await.ok().flatten()
}

/// Finds out whether a signature is wanted, and gives none.
struct Wanted;

enum Signature {
    Wanted,
    Lost,
}

impl From<russh::SendError> for Signature {
    fn from(_: russh::SendError) -> Self {
        Self::Lost
    }
}

impl russh::Signer for Wanted {
    type Error = Signature;

    async fn auth_sign(
        &mut self,
        _: &russh::keys::agent::AgentIdentity,
        _: Option<HashAlg>,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, Signature> {
        Err(Signature::Wanted)
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

fn key_words(key: &PublicKey) -> String {
    format!("{} ({})", one_line(key.comment().as_ref()), key.algorithm().as_str())
}
