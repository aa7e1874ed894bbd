//! Lets a person accept the key of a host, without logging in there.

use cotty_core::refusal::{HostRefusal, Refusal};
use cotty_core::target::Target;
use cotty_host::native::connect::Connection;
use cotty_host::native::known_hosts::Verdict;
use cotty_host::native::pool::PoolError;
use cotty_host::native::settings::ShownKey;

use super::Hub;
use crate::asking::Person;
use crate::hosts::{self, Resolved};
use crate::report::{Caller, Trusted};
use crate::trusting::{KEYS_MAX, accept};

impl Hub {
    /// Shows a person the key of a host, and writes it down if they accept it. Nobody logs in there, only on the way.
    ///
    /// # Errors
    ///
    /// Refuses agents. Says why the key was not seen, or must not be accepted.
    pub async fn trust(&self, caller: &Caller, target: &str, person: &Person) -> Result<Trusted, Refusal> {
        caller.is_person_for("trust")?;
        let Target::Remote(remote) = target.parse::<Target>()? else {
            let why = "this machine has no host key that cotty would ask for".to_owned();
            return Err(Refusal::InvalidArgument { what: "target", why });
        };
        person.hear(remote.name(), "looking it up");
        let mut resolved = self.0.hosts.resolve(&remote, caller).await?;
        resolved.settings = person.hears(&resolved.typed, resolved.settings);
        let settings = &resolved.settings;
        let shown = tokio::select! {
            shown = shown_key(&resolved, person) => shown?,
            () = person.left() => return Err(Box::new(HostRefusal::GivenUp { target: resolved.typed.clone() }).into()),
        };
        let (added, place) = match &shown.verdict {
            Verdict::Known(place) | Verdict::Certified(place) => (false, place.to_string()),
            Verdict::Unknown | Verdict::Authority { .. } => {
                person.decide(&resolved.typed, settings, &shown).await?;
                (true, settings.keeps.as_ref().map(|it| it.file.display().to_string()).unwrap_or_default())
            }
            Verdict::Changed { .. } | Verdict::Revoked(_) => {
                return Err(hosts::refused_key(&resolved.typed, &shown));
            }
        };
        let fingerprint = hosts::fingerprint(&shown.key);
        self.0.cards.trusted(&shown.name, &fingerprint, &caller.principal);
        Ok(Trusted { name: shown.name.clone(), shown: fingerprint, added, place })
    }
}

/// Connects until the host shows its key; those on the way may be unknown too.
async fn shown_key(resolved: &Resolved, person: &Person) -> Result<ShownKey, Refusal> {
    let ask = person.asker();
    for _ in 0..KEYS_MAX {
        match Connection::show_key(&resolved.settings, &ask).await {
            Ok(shown) => return Ok(shown),
            Err(error) => accept(resolved, person, &PoolError::Connect(error)).await?,
        }
    }
    let shown = Connection::show_key(&resolved.settings, &ask).await;
    shown.map_err(|error| hosts::refused(resolved, &error))
}
