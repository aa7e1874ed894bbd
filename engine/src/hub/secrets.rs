//! Secrets that a person gives for later: for one host whose key is known, and for one purpose.

use cotty_core::question::Question;
use cotty_core::refusal::{CardRefusal, HostRefusal, Refusal};
use cotty_core::target::{Target, host_port};
use cotty_host::native::known_hosts::{self, KnownHosts, Marker};
use cotty_host::native::settings::Settings;

use super::Hub;
use crate::asking::Person;
use crate::report::Caller;
pub use crate::safe::{Bond, Purpose, SecretStatus, Until};

impl Hub {
    /// Asks a person for a secret, and keeps it for a host.
    ///
    /// # Errors
    ///
    /// Refuses agents. Says that the host's key is not known: a secret is for one that is.
    pub async fn keep_secret(
        &self,
        caller: &Caller,
        target: &str,
        purpose: Purpose,
        person: &Person,
    ) -> Result<Vec<SecretStatus>, Refusal> {
        caller.is_person_for("secret")?;
        let Target::Remote(remote) = target.parse::<Target>()? else {
            let why = "no secret is used on this machine".to_owned();
            return Err(Refusal::InvalidArgument { what: "target", why });
        };
        let resolved = self.0.hosts.resolve(&remote, caller).await?;
        let settings = resolved.settings.clone();
        let known = tokio::task::spawn_blocking(move || known_keys(&settings)).await;
        let keys = known.map_err(|error| Refusal::Internal { what: error.to_string() })??;
        if keys.is_empty() {
            let why =
                format!("no key of {target} is known, and a secret is for one that is: cotty trust {target}");
            return Err(Box::new(HostRefusal::KnownHosts { why }).into());
        }
        let Settings { user, host, port, identity_files, .. } = &resolved.settings;
        let account = format!("{user}@{}", host_port(host, *port));
        let purposes: Vec<String> = match purpose {
            Purpose::Passphrase => {
                identity_files.iter().map(|it| format!("passphrase {}", it.display())).collect()
            }
            Purpose::Password | Purpose::Sudo | Purpose::Enable => vec![purpose.word().to_owned()],
        };
        let question = match purpose {
            Purpose::Passphrase => Question::Passphrase { file: format!("the key for {account}"), failed: 0 },
            Purpose::Password => Question::Password { account: account.clone(), failed: 0 },
            Purpose::Sudo | Purpose::Enable => {
                Question::Password { account: format!("{} at {account}", purpose.word()), failed: 0 }
            }
        };
        let text = question.text();
        let secret = person.ask(question, text).await.ok_or(Refusal::from(Box::new(CardRefusal::None)))?;
        for key in &keys {
            for purpose in &purposes {
                let bond = Bond { account: account.clone(), key: key.clone(), purpose: purpose.clone() };
                self.0.safe.keep(bond, secret.clone(), &resolved.typed, Until::Forgotten);
            }
        }
        let is_new = |it: &SecretStatus| it.bond.account == account && purposes.contains(&it.bond.purpose);
        Ok(self.0.safe.list().into_iter().filter(is_new).collect())
    }

    /// Tells which secrets are kept; none of them is shown.
    ///
    /// # Errors
    ///
    /// Refuses agents.
    pub fn secrets(&self, caller: &Caller) -> Result<Vec<SecretStatus>, Refusal> {
        caller.is_person_for("secret")?;
        Ok(self.0.safe.list())
    }

    /// Forgets the secrets that were given for a target, or all; returns how many.
    ///
    /// # Errors
    ///
    /// Refuses agents.
    pub fn forget_secrets(&self, caller: &Caller, target: Option<&str>) -> Result<usize, Refusal> {
        caller.is_person_for("secret")?;
        Ok(self.0.safe.forget(target))
    }
}

/// The fingerprints under which a host is known.
fn known_keys(settings: &Settings) -> Result<Vec<String>, Refusal> {
    let Settings { known_hosts: files, host, port, host_key_alias, .. } = settings;
    let known = KnownHosts::read(files, host, *port, host_key_alias.as_deref()).map_err(|error| {
        let why = known_hosts::host_name(host, *port, host_key_alias.as_deref()) + ": " + &error.to_string();
        Refusal::from(Box::new(HostRefusal::KnownHosts { why }))
    })?;
    let plain = known.entries().filter(|it| it.marker == Marker::None);
    Ok(plain.map(|it| it.key.fingerprint()).collect())
}
