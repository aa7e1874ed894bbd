//! One attempt to connect, for as many connections as it takes: what only a person knows is asked for while no connection
//! is held, and the next one is given what they answered, if the host still shows the same key.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cotty_core::question::Decision;
use cotty_core::refusal::{CardRefusal, HostRefusal, Refusal};
use cotty_core::target::host_port;
use cotty_host::native::accepted;
use cotty_host::native::error::{ConnectError, Denied, Trouble};
use cotty_host::native::pool::PoolError;
use cotty_host::native::secret::{Ask, AskKind, Asker, Bound};
use cotty_host::native::settings::{Settings, ShownKey};
use tokio::sync::Notify;

use crate::asking::{not_kept, question};
use crate::cards::{Asking, Attempt, Brought, Cards, LIFE, LIFE_LIVING, Reply, Waiting};
use crate::diary::Diary;
use crate::hosts::device::Keep;
use crate::hosts::{self, HOPS_MAX, Resolved};
use crate::report::Secret;
use crate::safe::{Bond, Safe, Until};
use crate::trusting::unknown_key;

/// A wrong answer may be mended so often, as with ssh.
const TRIES_MAX: u32 = 3;
/// On the longest way, with a key to accept and two secrets to mend on each hop, an attempt takes no more.
const ROUNDS_MAX: usize = (HOPS_MAX + 1) * 7;

/// What an attempt asks people, and what they answered.
#[derive(Clone)]
pub(crate) struct Asks {
    cards: Cards,
    safe: Safe,
    attempt: Attempt,
    brought: Brought,
    diary: Diary,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    answers: BTreeMap<Bond, Answered>,
    /// What the last connection was not given: the first of it is asked for.
    wanted: Option<Ask>,
    /// A person said no to a question of the server's own.
    denied: Option<Refusal>,
}

/// What became of one thing that was asked for.
#[derive(Default)]
struct Answered {
    secret: Option<Secret>,
    tries: u32,
    /// A person had no answer: it is not asked for again.
    skipped: bool,
}

/// One connection on its way.
pub(crate) type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, PoolError>> + Send>>;

/// What an attempt is without.
enum Wish<'a> {
    Key { target: &'a str, settings: &'a Settings, shown: &'a ShownKey },
    Secret(Ask),
}

impl Asks {
    /// Begins with nothing asked, and with what its caller brought.
    pub(crate) fn new(cards: Cards, safe: Safe, attempt: Attempt, brought: Brought, diary: Diary) -> Self {
        Self { cards, safe, attempt, brought, diary, kept: Arc::default() }
    }

    /// Tries until it is done, or a person cannot or will not help.
    pub(crate) async fn until_done<T>(
        &self,
        resolved: &Resolved,
        mut attempt: impl FnMut(Asker) -> Connecting<T>,
    ) -> Result<T, Refusal> {
        let under_way = self.cards.begin(&self.attempt, self.brought.clone(), self.diary.clone());
        for _ in 0..ROUNDS_MAX {
            self.kept().wanted = None;
            let error = match attempt(self.asker()).await {
                Ok(done) => {
                    self.keep(resolved);
                    return Ok(done);
                }
                Err(error) => error,
            };
            let wish = self.wish(resolved, &error)?;
            let waiting = self.waiting(&wish, &error)?;
            match self.answered(waiting, &under_way.again, &mut attempt).await {
                Ok(done) => {
                    self.keep(resolved);
                    return Ok(done);
                }
                Err(reply) => self.settle(wish, reply, resolved, &error).await?,
            }
        }
        let error = attempt(self.asker()).await;
        error.map_err(|error| hosts::refused_by_pool(resolved, &error))
    }

    /// Waits for a person. What somebody brings in the meantime is tried beside; where that fails, the card stays as it is:
    /// a person may be typing.
    async fn answered<T>(
        &self,
        mut waiting: Waiting,
        again: &Notify,
        attempt: &mut impl FnMut(Asker) -> Connecting<T>,
    ) -> Result<T, Reply> {
        loop {
            tokio::select! {
                biased;
                reply = waiting.reply() => return Err(reply),
                () = again.notified() => {}
            }
            if let Ok(done) = attempt(self.asker()).await {
                return Ok(done);
            }
        }
    }

    /// Finds what a person could help with; any other failure is refused in our words.
    fn wish<'a>(&self, resolved: &'a Resolved, error: &'a PoolError) -> Result<Wish<'a>, Refusal> {
        if let PoolError::Connect(met) = error
            && let Some((target, settings, shown)) = unknown_key(&resolved.typed, &resolved.settings, met)
        {
            return Ok(Wish::Key { target, settings, shown });
        }
        let mut kept = self.kept();
        if let Some(denied) = kept.denied.take() {
            return Err(denied);
        }
        let wanted = kept.wanted.take();
        wanted.map(Wish::Secret).ok_or_else(|| hosts::refused_by_pool(resolved, error))
    }

    fn waiting(&self, wish: &Wish, error: &PoolError) -> Result<Waiting, Refusal> {
        let (about, question, failed) = match wish {
            Wish::Key { target, settings, shown } => {
                let question = crate::asking::key_question(target, settings, shown)?;
                let about = Asking {
                    account: account(&settings.user, &settings.host, settings.port),
                    key: shown.key.fingerprint(),
                    purpose: "host key".to_owned(),
                };
                (about, question, 0)
            }
            Wish::Secret(ask) => {
                let failed = self.kept().answers.get(&bond(ask)).map_or(0, |it| it.tries);
                let ask = Ask { failed, ..ask.clone() };
                (about(&ask, &self.attempt), question(ask), failed)
            }
        };
        self.cards.ask(&self.attempt, about, question, failed, tried(error), LIFE)
    }

    /// Takes up what came back; any end of the attempt is refused.
    async fn settle(
        &self,
        wish: Wish<'_>,
        reply: Reply,
        resolved: &Resolved,
        error: &PoolError,
    ) -> Result<(), Refusal> {
        match (wish, reply) {
            (_, Reply::Expired) => Err(hosts::refused_by_pool(resolved, error)),
            (Wish::Key { target, settings, shown }, Reply::Answer(answer)) => {
                let fingerprint = hosts::fingerprint(&shown.key);
                if Decision::of(answer.reveal(), &fingerprint) != Decision::Yes {
                    return Err(not_trusted(shown));
                }
                keep(target, settings, shown).await
            }
            (Wish::Key { shown, .. }, Reply::Denied(_) | Reply::Skipped) => Err(not_trusted(shown)),
            (Wish::Secret(ask), Reply::Answer(answer)) => {
                let mut kept = self.kept();
                let answered = kept.answers.entry(bond(&ask)).or_default();
                (answered.secret, answered.tries) = (Some(answer), answered.tries + 1);
                Ok(())
            }
            (Wish::Secret(ask), Reply::Skipped) => {
                self.kept().answers.entry(bond(&ask)).or_default().skipped = true;
                Ok(())
            }
            (Wish::Secret(ask), Reply::Denied(who)) => Err(self.denied(&ask, who)),
        }
    }

    fn denied(&self, ask: &Ask, who: String) -> Refusal {
        let (target, wants) = (self.attempt.target.clone(), question(ask.clone()).wants());
        let seconds = crate::cards::DENIAL.as_secs();
        Box::new(CardRefusal::Denied { target, wants, who, seconds }).into()
    }

    /// Answers a login from what people answered before. What the server itself asks is good for one connection only: that
    /// is put to a person while it lives.
    fn asker(&self) -> Asker {
        let asks = Arc::new(self.clone());
        Arc::new(move |ask| {
            let asks = asks.clone();
            Box::pin(async move {
                match ask.kind {
                    AskKind::Challenge { .. } => asks.challenged(ask).await,
                    AskKind::Passphrase { .. } | AskKind::Password => asks.remembered(ask),
                }
            })
        })
    }

    /// What people answered here or before; else it is noted that it is wanted.
    fn remembered(&self, ask: Ask) -> Option<Secret> {
        let mut kept = self.kept();
        let answered = kept.answers.get(&bond(&ask));
        if let Some(secret) = answered.and_then(|it| it.secret.clone()).filter(|_| ask.failed == 0) {
            self.uses(&ask, "that a person gave");
            return Some(secret);
        }
        if answered.is_none()
            && ask.failed == 0
            && let Some(secret) = self.safe.lend(&bond(&ask), &self.attempt.session)
        {
            self.uses(&ask, "that is kept");
            return Some(secret);
        }
        if answered.is_none() && ask.failed > 0 {
            // What was kept was refused, and is not sent again.
            self.safe.refused(&bond(&ask));
        }
        if answered.is_none_or(|it| !it.skipped && it.tries < TRIES_MAX) {
            kept.wanted.get_or_insert(ask);
        }
        None
    }

    fn uses(&self, ask: &Ask, which: &str) {
        let purpose = match ask.kind {
            AskKind::Passphrase { .. } => "passphrase",
            AskKind::Password | AskKind::Challenge { .. } => "password",
        };
        self.diary.note(None, &format!("the {purpose} {which} is used for {}", bond(ask).account));
    }

    /// Keeps what people answered, where the device does not say otherwise: the connection may break.
    fn keep(&self, resolved: &Resolved) {
        self.diary.is_in(&resolved.target);
        if resolved.keep == Keep::Never {
            return;
        }
        let until = Until::Closed(self.attempt.session.clone());
        self.safe.reopened(&self.attempt.session);
        for (bond, answered) in std::mem::take(&mut self.kept().answers) {
            if let Some(secret) = answered.secret {
                self.safe.keep(bond, secret, &self.attempt.target, until.clone());
            }
        }
    }

    async fn challenged(&self, ask: Ask) -> Option<Secret> {
        let about = about(&ask, &self.attempt);
        let waiting =
            self.cards.ask(&self.attempt, about, question(ask.clone()), ask.failed, None, LIFE_LIVING);
        let reply = match waiting {
            Ok(mut waiting) => waiting.reply().await,
            Err(refusal) => {
                self.kept().denied = Some(refusal);
                return None;
            }
        };
        match reply {
            Reply::Answer(answer) => Some(answer),
            Reply::Denied(who) => {
                let denied = self.denied(&ask, who);
                self.kept().denied = Some(denied);
                None
            }
            Reply::Skipped | Reply::Expired => None,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a login from what people have given before, and asks nobody.
pub(crate) fn from_safe(safe: &Safe) -> Asker {
    let safe = safe.clone();
    Arc::new(move |ask| {
        let is_kept = ask.failed == 0 && !matches!(ask.kind, AskKind::Challenge { .. });
        let kept = is_kept.then(|| safe.lend(&bond(&ask), "a test")).flatten();
        Box::pin(std::future::ready(kept))
    })
}

/// Writes a key down as it was shown.
async fn keep(target: &str, settings: &Settings, shown: &ShownKey) -> Result<(), Refusal> {
    let (settings, shown) = (settings.clone(), shown.clone());
    let kept = tokio::task::spawn_blocking(move || accepted::keep(&settings, &shown)).await;
    let kept = kept.map_err(|error| Refusal::Internal { what: error.to_string() })?;
    kept.map_err(|error| not_kept(target, error))
}

/// What was tried before a person was asked, and what could not be: nothing where the question says all.
fn tried(error: &PoolError) -> Option<String> {
    fn denied(error: &ConnectError) -> Option<&Denied> {
        match error {
            ConnectError::OnTheWay { error, .. } => denied(error),
            ConnectError::Denied(denied) => Some(denied),
            _ => None,
        }
    }
    let PoolError::Connect(error) = error else { return None };
    let open = |it: &Trouble| matches!(it, Trouble::NoPassphrase(_) | Trouble::NoAnswer(_));
    let is_plain = |it: &Denied| it.refused.is_empty() && it.troubles.iter().all(open);
    denied(error).filter(|it| !is_plain(it)).map(|_| error.to_string())
}

fn not_trusted(shown: &ShownKey) -> Refusal {
    let (name, shown) = (shown.name.clone(), hosts::fingerprint(&shown.key));
    Box::new(HostRefusal::NotTrusted { name, shown }).into()
}

/// What is the same for two connections: an answer is for one account of a host with one key.
fn bond(ask: &Ask) -> Bond {
    let Bound { user, host, port, key } = &ask.bound;
    Bond { account: account(user, host, *port), key: key.clone(), purpose: purpose(ask) }
}

fn purpose(ask: &Ask) -> String {
    match &ask.kind {
        AskKind::Passphrase { file } => format!("passphrase {}", file.display()),
        AskKind::Password => "password".to_owned(),
        AskKind::Challenge { .. } => format!("challenge {}", ask.prompt),
    }
}

fn about(ask: &Ask, attempt: &Attempt) -> Asking {
    let Bound { user, host, port, key } = &ask.bound;
    let purpose = match &ask.kind {
        // It is of this very connection.
        AskKind::Challenge { .. } => format!("challenge of {}: {}", attempt.session, ask.prompt),
        AskKind::Passphrase { .. } | AskKind::Password => purpose(ask),
    };
    Asking { account: account(user, host, *port), key: key.clone(), purpose }
}

fn account(user: &str, host: &str, port: u16) -> String {
    format!("{user}@{}", host_port(host, port))
}

#[cfg(test)]
mod tests {
    use cotty_core::names::{Principal, Role};
    use cotty_core::question::Question;
    use cotty_host::state_dir::StateDir;

    use super::*;

    #[tokio::test]
    async fn a_retry_that_fails_leaves_the_card_to_whoever_is_typing_and_one_that_succeeds_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let cards = Cards::new(StateDir::open(folder.path().join("state")).unwrap());
        let me = Principal { role: Role::Operator, label: "pts/3".to_owned() };
        let attempt = Attempt { session: "web1".to_owned(), target: "web1".to_owned(), who: me.clone() };
        let asks = Asks::new(cards.clone(), Safe::default(), attempt.clone(), Brought::new(), Diary::none());
        let waiting = || {
            let about =
                Asking { account: "me@web1:22".into(), key: String::new(), purpose: "password".into() };
            let question = Question::Password { account: "me@web1".to_owned(), failed: 0 };
            cards.ask(&attempt, about, question, 0, None, LIFE).unwrap()
        };
        let again = Notify::new();
        again.notify_one();
        let mut tries = 0;
        let mut fails = |_| -> Connecting<()> {
            tries += 1;
            let card = cards.find(None).unwrap();
            cards.answer(card.id, Secret::new("sesame".to_owned()), &me).unwrap();
            Box::pin(std::future::ready(Err(PoolError::Full { host: "web1".to_owned(), connections: 1 })))
        };
        let failed = asks.answered(waiting(), &again, &mut fails).await;
        assert!(matches!(failed, Err(Reply::Answer(it)) if it.reveal() == "sesame"));
        assert_eq!(tries, 1);
        again.notify_one();
        let mut succeeds = |_| -> Connecting<u8> { Box::pin(std::future::ready(Ok(7))) };
        let done = asks.answered(waiting(), &again, &mut succeeds).await;
        assert!(matches!(done, Ok(7)));
        assert!(cards.list().is_empty());
    }
}
