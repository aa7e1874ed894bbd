//! Which hosts are hidden: one list for the whole process, for everything that it says passes here, its log too.
//!
//! It is only ever written by whoever reads the configuration, and holds nothing but names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use cotty_core::target::Target;
use cotty_core::veil::Veil;
use cotty_host::native::settings::{Met, Settings};

/// Without any, nothing is looked at.
static ANY: AtomicBool = AtomicBool::new(false);
static ALL: RwLock<BTreeMap<String, Hung>> = RwLock::new(BTreeMap::new());

/// A device that is hidden.
#[derive(Default)]
struct Hung {
    veil: Veil,
    /// The addresses that were found for it.
    met: Met,
    /// The configuration itself hides it, and not a project.
    by_config: bool,
}

impl Hung {
    /// The veil, with the addresses that are known by now.
    fn now(&self) -> Veil {
        let mut veil = self.veil.clone();
        for address in self.met.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            veil.hide(&address.to_string());
        }
        veil
    }
}

/// What a configuration calls a device that it hides.
pub(crate) struct Called<'a> {
    pub(crate) name: &'a str,
    pub(crate) host: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
}

/// Hides those devices of a configuration, and those no more that it hid before.
pub(crate) fn hang_all(hidden: &[Called<'_>]) {
    let still = |name: &String| hidden.iter().any(|it| it.name == name);
    ALL.write().unwrap_or_else(PoisonError::into_inner).retain(|name, it| !it.by_config || still(name));
    for Called { name, host, user } in hidden {
        change(name, |veil| {
            host.iter().for_each(|it| veil.hide(it));
            add_user(veil, *user);
        });
        if let Some(hung) = ALL.write().unwrap_or_else(PoisonError::into_inner).get_mut(*name) {
            hung.by_config = true;
        }
    }
}

/// Hides a device whose name came to these settings; returns where the addresses go that are found for it.
pub(crate) fn hang(name: &str, settings: &Settings) -> Met {
    let Settings { host, host_key_alias, user, .. } = settings;
    change(name, |veil| {
        veil.hide(host);
        host_key_alias.iter().for_each(|it| veil.hide(it));
        add_user(veil, Some(user));
    })
}

fn add_user(veil: &mut Veil, user: Option<&str>) {
    if let Some(user) = user.filter(|user| !veil.users.iter().any(|it| it == user)) {
        veil.users.push(user.to_owned());
    }
}

fn change(name: &str, change: impl FnOnce(&mut Veil)) -> Met {
    let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
    let hung = all.entry(name.to_owned()).or_default();
    name.clone_into(&mut hung.veil.alias);
    change(&mut hung.veil);
    ANY.store(true, Ordering::Relaxed);
    hung.met.clone()
}

/// Says whether anything is hidden.
#[must_use]
pub fn any() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// Returns our own words as they may be said.
#[must_use]
pub fn own(text: &str) -> Cow<'_, str> {
    replaced(text, Veil::host_in)
}

/// Returns what may be a program's words as they may be said: only what is surely one of those names is replaced.
#[must_use]
pub fn elsewhere(text: &str) -> Cow<'_, str> {
    replaced(text, Veil::address_in)
}

fn replaced(text: &str, over: impl Fn(&Veil, &str) -> String) -> Cow<'_, str> {
    if !any() {
        return Cow::Borrowed(text);
    }
    let all = ALL.read().unwrap_or_else(PoisonError::into_inner);
    Cow::Owned(all.values().fold(text.to_owned(), |text, hung| over(&hung.now(), &text)))
}

/// Returns what hides the device that was named to open a session; nothing where it is not hidden.
#[must_use]
pub fn of_target(target: &str) -> Option<Veil> {
    if !any() {
        return None;
    }
    let Ok(Target::Remote(remote)) = target.parse::<Target>() else { return None };
    let all = ALL.read().unwrap_or_else(PoisonError::into_inner);
    all.get(remote.name()).map(Hung::now)
}
