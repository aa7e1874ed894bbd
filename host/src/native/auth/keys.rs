//! Logging in with keys: certificates first, then the agent's keys, then the files', in the order of OpenSSH.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::MethodKind;
use russh::client::AuthResult;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::signers::{AgentKey, Broken, FileKey, Unanswered, Wanted};
use super::{ANSWERS_MAX, Attempt, Login, answered, timed_out};
use crate::native::agent::{Agent, Held, Unsigned};
use crate::native::certificate;
use crate::native::error::{ConnectError, Trouble};
use crate::native::keyfile::{self, Content, KeyFile};
use crate::native::secret::{AskKind, Secret, one_line};

/// A certificate, and where it was found: in a file, or at the agent.
struct Found {
    certificate: Certificate,
    file: Option<PathBuf>,
}

/// What is shown to a server, to ask whether it would do.
enum Offer<'a> {
    Key(&'a PublicKey),
    Certificate(&'a Certificate),
}

/// What of all that is at hand may be used.
struct AtHand {
    files: Vec<KeyFile>,
    agent: Option<Agent>,
    keys: Vec<PublicKey>,
}

impl Login<'_> {
    /// Tries every key that may be used.
    pub(super) async fn with_keys(&mut self) -> Result<bool, ConnectError> {
        let files = self.files();
        let (agent, held) = self.agent().await;
        let in_file = |key: &PublicKey| {
            files.iter().position(|it| it.public().is_some_and(|it| it.key_data() == key.key_data()))
        };
        let mut keys: Vec<(usize, PublicKey)> =
            held.keys.into_iter().map(|key| (in_file(&key).unwrap_or(usize::MAX), key)).collect();
        // Those that are named come first, in the order of the files; of the others the agent's order is kept.
        keys.retain(|(at, _)| !self.settings.identities_only || *at != usize::MAX);
        keys.sort_by_key(|(at, _)| *at);
        let certificates = self.certificates(held.certificates, &files);
        let keys = keys.into_iter().map(|(_, key)| key).collect();
        let mut at_hand = AtHand { files, agent, keys };
        for found in certificates {
            if self.takes(MethodKind::PublicKey)
                && self.with_certificate(&found, &mut at_hand).await? == Attempt::In
            {
                return Ok(true);
            }
        }
        let AtHand { files, mut agent, keys } = at_hand;
        for key in &keys {
            let Some(agent) = agent.as_mut().filter(|_| self.takes(MethodKind::PublicKey)) else { break };
            if self.with_agent_key(agent, key).await? == Attempt::In {
                return Ok(true);
            }
        }
        let is_held = |file: &KeyFile| {
            file.public().is_some_and(|it| keys.iter().any(|key| key.key_data() == it.key_data()))
        };
        for file in files.into_iter().filter(|it| !is_held(it)) {
            if self.takes(MethodKind::PublicKey) && self.with_file(file).await? == Attempt::In {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn files(&mut self) -> Vec<KeyFile> {
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
        files
    }

    async fn agent(&mut self) -> (Option<Agent>, Held) {
        let Some(socket) = self.settings.agent.clone() else { return (None, Held::default()) };
        let limits = self.settings.limits;
        match Agent::open(socket, limits.agent, limits.signature).await {
            Ok((agent, held)) => (Some(agent), held),
            Err(trouble) => {
                self.denied.troubles.push(trouble);
                (None, Held::default())
            }
        }
    }

    /// Finds the certificates: those that are named, else those beside the key files; then the agent's.
    fn certificates(&mut self, held: Vec<Certificate>, files: &[KeyFile]) -> Vec<Found> {
        let named = &self.settings.certificate_files;
        let beside = self.settings.identity_files.iter().map(|it| certificate::beside(it));
        let paths: Vec<PathBuf> = if named.is_empty() { beside.collect() } else { named.clone() };
        let mut found: Vec<Found> = Vec::new();
        for file in paths {
            match certificate::read(&file) {
                Some(Ok(certificate)) if !held.contains(&certificate) => {
                    found.push(Found { certificate, file: Some(file) });
                }
                // The agent has it, and signs for it.
                Some(Ok(certificate)) => found.push(Found { certificate, file: None }),
                Some(Err(why)) => self.denied.troubles.push(Trouble::NoCertificate { file, why }),
                None if named.is_empty() => {}
                None => self.denied.troubles.push(Trouble::NotThere(file)),
            }
        }
        let is_named = |it: &Certificate| {
            files.iter().any(|file| file.public().is_some_and(|key| key.key_data() == it.public_key()))
        };
        for certificate in held {
            let is_new = !found.iter().any(|it| it.certificate == certificate);
            if is_new && (!self.settings.identities_only || is_named(&certificate)) {
                found.push(Found { certificate, file: None });
            }
        }
        found
    }

    async fn with_certificate(
        &mut self,
        found: &Found,
        at_hand: &mut AtHand,
    ) -> Result<Attempt, ConnectError> {
        let offer = Offer::Certificate(&found.certificate);
        let Some(hash) = self.hash_for(&offer).await? else { return Ok(Attempt::Refused) };
        let attempt = self.certified(found, at_hand, hash).await?;
        if attempt == Attempt::Refused
            && let Some(why) = certificate::not_for(&found.certificate, &self.settings.user)
        {
            self.denied.certificates.push(format!("{}: {why}", found.words()));
        }
        Ok(attempt)
    }

    /// Signs for a certificate with whatever has its key.
    async fn certified(
        &mut self,
        found: &Found,
        at_hand: &mut AtHand,
        hash: Option<HashAlg>,
    ) -> Result<Attempt, ConnectError> {
        let (certificate, user) = (&found.certificate, self.settings.user.clone());
        let is_its = |it: &PublicKey| it.key_data() == certificate.public_key();
        let limits = self.settings.limits;
        let limit = limits.authentication + limits.signature;
        if let Some(agent) = at_hand.agent.as_mut() {
            let key = at_hand.keys.iter().find(|it| is_its(it)).cloned();
            let certificate = certificate.clone();
            let answer = match (found.file.is_none(), key) {
                (true, _) => {
                    let asked = self.handle.authenticate_certificate_with(user, certificate, hash, agent);
                    Some(timeout(limit, asked).await)
                }
                (false, Some(key)) => {
                    let mut signer = AgentKey { agent, key };
                    let asked =
                        self.handle.authenticate_certificate_with(user, certificate, hash, &mut signer);
                    Some(timeout(limit, asked).await)
                }
                (false, None) => None,
            };
            if let Some(answer) = answer {
                let answer = answer.map_err(|_| timed_out("publickey", limits.authentication))?;
                return self.signed_by_agent(answer, found.words()).await;
            }
        }
        let file = at_hand.files.iter_mut().find(|it| !it.is_public() && it.public().is_some_and(is_its));
        let Some(file) = file else {
            let alone = found.file.clone().map(Trouble::CertificateAlone);
            self.denied.troubles.extend(alone);
            return Ok(Attempt::Refused);
        };
        self.certified_by_file(found, file, hash).await
    }

    async fn certified_by_file(
        &mut self,
        found: &Found,
        file: &mut KeyFile,
        hash: Option<HashAlg>,
    ) -> Result<Attempt, ConnectError> {
        let offer = Offer::Certificate(&found.certificate);
        if file.is_encrypted() && !self.would_take(found.words(), &offer).await? {
            return Ok(Attempt::Refused);
        }
        let Some(key) = self.opened(file).await? else { return Ok(Attempt::Refused) };
        let mut signer = FileKey(Arc::new(key));
        let (user, certificate) = (self.settings.user.clone(), found.certificate.clone());
        let limit = self.settings.limits.authentication;
        let asked = self.handle.authenticate_certificate_with(user, certificate, hash, &mut signer);
        match answered("publickey", limit, asked).await? {
            Ok(result) => self.attempt(result, found.words()).await,
            Err(Broken::Lost) => Err(self.lost().await),
            Err(Broken::Key(why)) => {
                self.denied.troubles.push(Trouble::NoKey { file: file.path.clone(), why });
                Ok(Attempt::Refused)
            }
        }
    }

    async fn with_agent_key(&mut self, agent: &mut Agent, key: &PublicKey) -> Result<Attempt, ConnectError> {
        let Some(hash) = self.hash_for(&Offer::Key(key)).await? else { return Ok(Attempt::Refused) };
        let limits = self.settings.limits;
        let user = self.settings.user.clone();
        let asked = self.handle.authenticate_publickey_with(user, key.clone(), hash, agent);
        match timeout(limits.authentication + limits.signature, asked).await {
            Ok(answer) => self.signed_by_agent(answer, format!("the agent's key {}", key_words(key))).await,
            Err(_) => Err(timed_out("publickey", limits.authentication)),
        }
    }

    async fn signed_by_agent(
        &mut self,
        answer: Result<AuthResult, Unsigned>,
        named: String,
    ) -> Result<Attempt, ConnectError> {
        match answer {
            Ok(result) => self.attempt(result, named).await,
            Err(Unsigned::Agent(trouble)) => {
                self.denied.troubles.push(trouble);
                Ok(Attempt::Refused)
            }
            Err(Unsigned::Connection) => Err(self.lost().await),
        }
    }

    async fn with_file(&mut self, mut file: KeyFile) -> Result<Attempt, ConnectError> {
        let named = format!("the key {}", file.path.display());
        match &file.content {
            // The agent does not have it.
            Content::Public { named, .. } => {
                if *named {
                    self.denied.troubles.push(Trouble::PublicKey(file.path));
                }
                return Ok(Attempt::Refused);
            }
            // A passphrase is asked for only if the server would take the key.
            Content::Encrypted { public: Some(public), .. } => {
                if !self.would_take(named.clone(), &Offer::Key(public)).await? {
                    return Ok(Attempt::Refused);
                }
            }
            Content::Open(_) | Content::Encrypted { .. } => {}
        }
        match self.opened(&mut file).await? {
            Some(key) => self.with_key(named, key).await,
            None => Ok(Attempt::Refused),
        }
    }

    async fn with_key(&mut self, named: String, key: PrivateKey) -> Result<Attempt, ConnectError> {
        let Some(hash) = self.hash_for(&Offer::Key(key.public_key())).await? else {
            return Ok(Attempt::Refused);
        };
        let user = self.settings.user.clone();
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let limit = self.settings.limits.authentication;
        let result = answered("publickey", limit, self.handle.authenticate_publickey(user, key)).await?;
        self.settled(result, named).await
    }

    /// Asks the server about a public key or a certificate, without a signature.
    async fn would_take(&mut self, named: String, offer: &Offer<'_>) -> Result<bool, ConnectError> {
        let Some(hash) = self.hash_for(offer).await? else { return Ok(false) };
        let limit = self.settings.limits.authentication;
        let user = self.settings.user.clone();
        let mut wanted = Wanted;
        let answer = match offer {
            Offer::Key(key) => {
                let key = PublicKey::clone(key);
                timeout(limit, self.handle.authenticate_publickey_with(user, key, hash, &mut wanted)).await
            }
            Offer::Certificate(certificate) => {
                let certificate = Certificate::clone(certificate);
                let asked = self.handle.authenticate_certificate_with(user, certificate, hash, &mut wanted);
                timeout(limit, asked).await
            }
        };
        match answer {
            Ok(Err(Unanswered::Wanted)) => Ok(true),
            Ok(Err(Unanswered::Lost)) => Err(self.lost().await),
            Ok(Ok(result)) => self.attempt(result, named).await.map(|it| it == Attempt::In),
            Err(_) => Err(timed_out("publickey", limit)),
        }
    }

    /// Returns the private key of a file. What was decrypted once is not asked for again.
    async fn opened(&mut self, file: &mut KeyFile) -> Result<Option<PrivateKey>, ConnectError> {
        let text = match &file.content {
            Content::Open(key) => return Ok(Some(PrivateKey::clone(key))),
            Content::Public { .. } => return Ok(None),
            Content::Encrypted { text, .. } => text.clone(),
        };
        let key = self.decrypted(&file.path, text).await?;
        if let Some(key) = &key {
            file.content = Content::Open(Box::new(key.clone()));
        }
        Ok(key)
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

    /// Returns the hash with which is signed; nothing where the configuration lets none of its kind log in. An rsa key signs
    /// with the best that both sides take, and with SHA-1 only where a person allows it.
    async fn hash_for(&mut self, offer: &Offer<'_>) -> Result<Option<Option<HashAlg>>, ConnectError> {
        let algorithm = offer.algorithm();
        let allowed = &self.settings.algorithms;
        let is_certified = matches!(offer, Offer::Certificate(_));
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            let kind =
                if is_certified { algorithm.to_certificate_type() } else { algorithm.as_str().to_owned() };
            let may = allowed.admits(&kind);
            if !may {
                self.denied.troubles.push(Trouble::KindNotAllowed(kind));
            }
            return Ok(may.then_some(None));
        }
        let hashes = allowed.rsa_hashes(is_certified);
        let Some(first) = hashes.first().copied() else {
            self.denied.troubles.push(Trouble::KindNotAllowed("rsa".to_owned()));
            return Ok(None);
        };
        let limit = self.settings.limits.authentication;
        let best = answered("publickey", limit, self.handle.best_supported_rsa_hash()).await?;
        let Ok(best) = best else { return Err(self.lost().await) };
        // A server that says nothing is an old one.
        let wanted = best.unwrap_or(if hashes.contains(&None) { None } else { Some(HashAlg::Sha256) });
        Ok(Some(if hashes.contains(&wanted) { wanted } else { first }))
    }
}

impl Found {
    fn words(&self) -> String {
        match &self.file {
            Some(file) => format!("the certificate {}", file.display()),
            None => format!("the agent's certificate {}", one_line(self.certificate.key_id())),
        }
    }
}

impl Offer<'_> {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Key(key) => key.algorithm(),
            Self::Certificate(certificate) => certificate.algorithm(),
        }
    }
}

/// It is slow by design.
async fn decrypted(text: &Arc<Zeroizing<String>>, passphrase: Secret) -> Option<PrivateKey> {
    let text = text.clone();
    let key = tokio::task::spawn_blocking(move || keyfile::decrypt(&text, &passphrase));
    key.await.ok().flatten()
}

fn key_words(key: &PublicKey) -> String {
    format!("{} ({})", one_line(key.comment().as_ref()), key.algorithm().as_str())
}
