//! Where the secrets of a device come from. They are had when a login needs them, and not before.

use std::sync::Arc;

use cotty_host::native::settings::{NoSecret, SecretSource};

use super::device::SecretFrom;
use super::lore::Lore;
use crate::report::{Caller, Secret};

/// Makes a source of a secret for a login that this caller asked for.
pub(super) fn source(from: &SecretFrom, caller: &Caller, lore: &Lore) -> SecretSource {
    match from {
        SecretFrom::Variable(name) => {
            let found = caller.secrets.iter().find(|(it, _)| it == name).map(|(_, secret)| secret.clone());
            let name = name.clone();
            Arc::new(move || found.clone().ok_or_else(|| NoSecret::Variable(name.clone())))
        }
        SecretFrom::File(file) => {
            let file = lore.expanded(file);
            Arc::new(move || Secret::of_file(&file).map_err(NoSecret::Unreadable))
        }
    }
}
