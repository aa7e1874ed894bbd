//! What becomes of an attempt to connect, in the history of the session that it opens: what people were asked, which
//! secrets were used, and who was let in. Never a secret itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cotty_core::names::Principal;
use cotty_core::target::host_port;
use cotty_host::native::settings::{Jump, SecretSource, Settings, Stage};

use crate::store::Store;

/// The diary of one attempt. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Diary(Option<Arc<Pages>>);

struct Pages {
    store: Arc<Store>,
    /// The session's id in the store.
    session: String,
    who: Principal,
    /// A login is on its way: what stood already needed none.
    logging_in: AtomicBool,
}

impl Diary {
    /// Opens that of a session, which somebody wants.
    pub(crate) fn of(store: Arc<Store>, session: String, who: Principal) -> Self {
        Self(Some(Arc::new(Pages { store, session, who, logging_in: AtomicBool::new(false) })))
    }

    /// Keeps nothing.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Writes down what happened, by whom: whoever wants the session, where it was nobody else.
    pub(crate) fn note(&self, by: Option<&Principal>, what: &str) {
        let Some(pages) = &self.0 else { return };
        if let Err(refusal) = pages.store.note(&pages.session, by.unwrap_or(&pages.who), "noted", what) {
            // The log has it, and a connection does not fail for it.
            tracing::warn!(%refusal, what, "the history of a session lacks an entry");
        }
    }

    /// Has each secret that the configuration names written down as it is used, and notices a login, on each hop.
    pub(crate) fn follows(&self, settings: Settings) -> Settings {
        let jump = settings.jump.map(|jump| {
            let Jump { typed, settings } = *jump;
            Box::new(Jump { settings: self.follows(settings), typed })
        });
        let (diary, told) = (self.clone(), settings.progress);
        let progress = Arc::new(move |stage| {
            if let (Some(pages), Stage::Authentication) = (&diary.0, stage) {
                pages.logging_in.store(true, Ordering::Relaxed);
            }
            told(stage);
        });
        let password = settings.password.map(|it| self.follows_secret(it, "password"));
        let passphrase = settings.passphrase.map(|it| self.follows_secret(it, "passphrase"));
        Settings { jump, progress, password, passphrase, ..settings }
    }

    fn follows_secret(&self, source: SecretSource, purpose: &'static str) -> SecretSource {
        let diary = self.clone();
        Arc::new(move |bound| {
            let secret = source(bound);
            if secret.is_ok() {
                let account = format!("{}@{}", bound.user, host_port(&bound.host, bound.port));
                diary.note(None, &format!("the {purpose} that the config names is used for {account}"));
            }
            secret
        })
    }

    /// Writes down who was let in, if there was a login at all.
    pub(crate) fn is_in(&self, account: &str) {
        if self.0.as_ref().is_some_and(|it| it.logging_in.load(Ordering::Relaxed)) {
            self.note(None, &format!("logged in to {account}"));
        }
    }
}
