//! Cards: the questions of attempts to connect that only a person may answer, wherever that person is.
//!
//! A card belongs to one attempt. It ends by the first answer, a denial, its time, or with its attempt.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cotty_core::names::{CardId, Principal};
use cotty_core::question::{Decision, Question};
use cotty_core::refusal::{CardRefusal, Fingerprint, Refusal};
use cotty_host::state_dir::StateDir;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use self::denials::Denial;
use self::under_way::Trying;
pub(crate) use self::under_way::{Brought, brought};
use crate::report::Secret;
use crate::veils;

mod denials;
mod under_way;

/// A question for which no connection is held waits so long.
pub(crate) const LIFE: Duration = Duration::from_secs(300);
/// One that the server asks on a living connection: sshd ends a login after 120 s.
pub(crate) const LIFE_LIVING: Duration = Duration::from_secs(100);
/// So long a no is a no, whoever of the agents asks again.
pub(crate) const DENIAL: Duration = Duration::from_secs(600);
/// So many cards may one principal have open.
const OPEN_MAX: usize = 4;
/// So many of all together: agents name themselves as they like.
const ALL_MAX: usize = 32;
/// What became of so many is remembered.
const CLOSED_MAX: usize = 64;
/// The file that keeps the last number, so that none is given twice.
const NUMBER: &str = "cards";

/// All cards. Cheap to clone.
#[derive(Clone)]
pub struct Cards(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    state_dir: StateDir,
}

#[derive(Default)]
struct State {
    last: u64,
    open: BTreeMap<CardId, Open>,
    closed: VecDeque<Ended>,
    denied: Vec<Denial>,
    /// The attempts that are under way, by their session.
    attempts: BTreeMap<String, Trying>,
}

struct Open {
    card: Card,
    /// Whose attempts wait for it.
    waiting: Vec<(Attempt, oneshot::Sender<Reply>)>,
    until: Instant,
}

/// What became of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: CardId,
    /// How it ended.
    pub how: String,
    /// The sessions whose attempts waited for it.
    pub sessions: Vec<String>,
}

/// What is asked for, and for whom: two attempts that ask for the same share a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The account and the host that asks, as `me@web1:22`.
    pub account: String,
    /// The fingerprint of its key.
    pub key: String,
    /// What it is for; nothing but one word or file, or the session of a question that is the server's own.
    pub purpose: String,
}

/// A card, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its number.
    pub id: CardId,
    /// The session that is to be opened.
    pub session: String,
    /// What was named to open it.
    pub target: String,
    /// What is asked for, and for whom.
    pub about: Asking,
    /// The question.
    pub question: Question,
    /// Who wants the session.
    pub who: Principal,
    /// The other attempts that ask for the same.
    pub others: Vec<Attempt>,
    /// What was tried before, and what could not be.
    pub why: Option<String>,
    /// The how manieth time it is asked, from 1.
    pub attempt: u32,
    /// When it was asked.
    pub at: SystemTime,
    /// When it ends by itself.
    pub ends_at: SystemTime,
    /// The same on the clock that nobody sets.
    pub until: Instant,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// An answer.
    Answer(Secret),
    /// A person said no.
    Denied(String),
    /// A person at the terminal of the attempt has no answer.
    Skipped,
    /// Nobody answered in time.
    Expired,
}

/// A card that somebody waits for. Dropped by the last who does, it is withdrawn.
pub(crate) struct Waiting {
    cards: Cards,
    id: CardId,
    reply: oneshot::Receiver<Reply>,
    until: Instant,
}

/// Whose attempt it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The session that is to be opened.
    pub session: String,
    /// What was named to open it.
    pub target: String,
    /// Who wants it.
    pub who: Principal,
}

impl Cards {
    /// Begins with none; numbers go on where they were.
    pub(crate) fn new(state_dir: StateDir) -> Self {
        let kept = state_dir.read(NUMBER).ok().flatten();
        let last = kept.and_then(|it| String::from_utf8(it).ok()?.trim().parse().ok()).unwrap_or(0);
        let state = Mutex::new(State { last, ..State::default() });
        Self(Arc::new(Inner { state, changed: watch::Sender::new(()), state_dir }))
    }

    /// Asks a person. Who asks for what is asked already, shares the card.
    pub(crate) fn ask(
        &self,
        attempt: &Attempt,
        about: Asking,
        question: Question,
        failed: u32,
        why: Option<String>,
        life: Duration,
    ) -> Result<Waiting, Refusal> {
        let (reply, replied) = oneshot::channel();
        let mut state = self.state();
        if let Some(open) = state.open.values_mut().find(|it| it.card.about == about) {
            open.waiting.push((attempt.clone(), reply));
            open.name_all();
            let (id, until) = (open.card.id, open.until);
            let wants = open.card.question.wants();
            state.note(
                &attempt.session,
                None,
                &format!("{id}, which is open already, asks a person for {wants}"),
            );
            drop(state);
            self.0.changed.send_replace(());
            return Ok(Waiting { cards: self.clone(), id, reply: replied, until });
        }
        state.may(attempt, &about, &question)?;
        let veil = veils::of_target(&attempt.target);
        // In its own words a failure names the account.
        let why = why.map(|it| veil.map_or(it.clone(), |veil| veil.all_in(&it)));
        state.last += 1;
        let id = CardId(state.last);
        // Beside the lock nobody waits for the disk; a number that cannot be kept may be given again after a restart.
        if let Err(error) = self.0.state_dir.write(NUMBER, state.last.to_string().as_bytes()) {
            tracing::warn!(%error, "the number of the last card is not kept");
        }
        let (at, until) = (SystemTime::now(), Instant::now() + life);
        let card = Card {
            id,
            session: attempt.session.clone(),
            target: attempt.target.clone(),
            about: about.clone(),
            question,
            who: attempt.who.clone(),
            others: Vec::new(),
            why,
            attempt: failed + 1,
            at,
            ends_at: at + life,
            until,
        };
        let wants = card.question.wants();
        state.note(&attempt.session, None, &format!("{id} asks a person for {wants}"));
        let who = &card.who;
        tracing::info!(card = %id, kind = card.question.kind(), account = about.account, role = %who.role, label = who.label, "a person is asked");
        state.open.insert(id, Open { card, waiting: vec![(attempt.clone(), reply)], until });
        drop(state);
        self.0.changed.send_replace(());
        Ok(Waiting { cards: self.clone(), id, reply: replied, until })
    }

    /// Returns the open cards, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Card> {
        self.state().open.values().map(|it| it.card.clone()).collect()
    }

    /// Returns what became of the last ones, the oldest first.
    pub(crate) fn ended(&self) -> Vec<Ended> {
        self.state().closed.iter().cloned().collect()
    }

    /// Returns what changes whenever a card comes, changes or goes.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Returns a card; without a number the only one that is open.
    ///
    /// # Errors
    ///
    /// Says that it is not open, and what became of it.
    pub fn find(&self, id: Option<CardId>) -> Result<Card, Refusal> {
        let state = self.state();
        let Some(id) = id else {
            let mut open = state.open.values();
            return match (open.next(), open.next()) {
                (Some(only), None) => Ok(only.card.clone()),
                (None, _) => Err(Box::new(CardRefusal::None).into()),
                (Some(_), Some(_)) => {
                    let named = |it: &Open| format!("{} of {}", it.card.id, it.card.target);
                    let open: Vec<String> = state.open.values().map(named).collect();
                    Err(Box::new(CardRefusal::Several { open: open.join(", ") }).into())
                }
            };
        };
        state.open.get(&id).map(|it| it.card.clone()).ok_or_else(|| state.gone(id))
    }

    /// Returns the open card of a session's attempt, though another's may have opened it.
    pub(crate) fn of_session(&self, session: &str) -> Option<Card> {
        self.state().open.values().find(|it| it.is_of(session)).map(|it| it.card.clone())
    }

    /// Answers a card. The first one who does has answered it.
    ///
    /// # Errors
    ///
    /// Says that it is not open any more, or that this is no answer to it.
    pub fn answer(&self, id: CardId, answer: Secret, who: &Principal) -> Result<Card, Refusal> {
        let mut state = self.state();
        let open = state.open.get(&id).ok_or_else(|| state.gone(id))?;
        let decision = match &open.card.question {
            Question::HostKey { shown, .. } => Decision::of(answer.reveal(), shown),
            _ => Decision::Yes,
        };
        if decision == Decision::Unclear {
            return Err(Box::new(CardRefusal::Unclear { card: id }).into());
        }
        let (label, card) = (person(who), open.card.clone());
        // A no is a no, however it is said.
        state.decided(&card, &label, decision == Decision::Yes);
        Ok(self.end(
            &mut state,
            id,
            &Reply::Answer(answer),
            (format!("{label} answered it"), Some((who, "answered"))),
        ))
    }

    /// Denies a card. For a while the same is not asked again for an agent.
    ///
    /// # Errors
    ///
    /// Says that it is not open any more.
    pub fn deny(&self, id: CardId, who: &Principal) -> Result<Card, Refusal> {
        let mut state = self.state();
        let card = state.open.get(&id).ok_or_else(|| state.gone(id))?.card.clone();
        let label = person(who);
        state.decided(&card, &label, false);
        let how = format!("{label} denied it");
        Ok(self.end(&mut state, id, &Reply::Denied(label), (how, Some((who, "denied")))))
    }

    /// The person at the terminal of a session's attempt has no answer: what else there is may be tried. Others wait on.
    pub(crate) fn skip(&self, id: CardId, session: &str) {
        let mut state = self.state();
        let Some(open) = state.open.get_mut(&id) else { return };
        for (_, waiting) in open.waiting.extract_if(.., |(it, _)| it.session == session) {
            // Who waited may have gone.
            drop(waiting.send(Reply::Skipped));
        }
        open.name_all();
        if open.waiting.is_empty() {
            let how = "the person who was asked had no answer".to_owned();
            self.end(&mut state, id, &Reply::Skipped, (how, None));
        }
    }

    /// A person accepted a key in another way: the cards that ask about it are answered by that.
    pub(crate) fn trusted(&self, name: &str, key: &Fingerprint, who: &Principal) {
        let asks = |card: &Card| matches!(&card.question, Question::HostKey { name: it, shown, .. } if it == name && shown == key);
        for card in self.list().iter().filter(|it| asks(it)) {
            // Somebody may just have answered it.
            drop(self.answer(card.id, Secret::new("yes".to_owned()), who));
        }
    }

    /// Waits until a card is not open any more.
    pub(crate) async fn closed(&self, id: CardId) {
        let mut changed = self.changed();
        while self.state().open.contains_key(&id) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the attempt of a session asks the next thing, or is over.
    pub(crate) async fn settled(&self, session: &str) {
        let mut changed = self.changed();
        loop {
            // One look, one lock: the second operand would wait for the first one's.
            let is_under_way = self.state().attempts.contains_key(session);
            if !is_under_way || self.of_session(session).is_some() {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the attempt of a session asks a person.
    pub(crate) async fn asked(&self, session: &str) -> Card {
        let mut changed = self.changed();
        loop {
            if let Some(card) = self.of_session(session) {
                return card;
            }
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn changed(&self) -> watch::Receiver<()> {
        let mut changed = self.0.changed.subscribe();
        changed.mark_unchanged();
        changed
    }

    #[expect(clippy::expect_used, reason = "every caller has looked it up under the lock that it lends")]
    fn end(
        &self,
        state: &mut MutexGuard<'_, State>,
        id: CardId,
        reply: &Reply,
        (how, by): (String, Option<(&Principal, &str)>),
    ) -> Card {
        let open = state.open.remove(&id).expect("looked up under the same lock");
        tracing::info!(card = %id, account = open.card.about.account, how, "a card is closed");
        // The one who left last has left its name on it.
        let mut sessions = vec![open.card.session.clone()];
        let wants = open.card.question.wants();
        let (by, told) = match by {
            Some((who, did)) => (Some(who), format!("{did} {id}, which asked for {wants}")),
            None => (None, format!("{id}, which asked for {wants}: {how}")),
        };
        state.note(&open.card.session, by, &told);
        for (attempt, waiting) in open.waiting {
            if attempt.session != open.card.session {
                state.note(&attempt.session, by, &told);
            }
            sessions.push(attempt.session);
            // Who waited may have gone.
            drop(waiting.send(reply.clone()));
        }
        state.close(Ended { id, how, sessions });
        self.0.changed.send_replace(());
        open.card
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Says whether a session's attempt waits for it.
    fn is_of(&self, session: &str) -> bool {
        self.waiting.iter().any(|(it, _)| it.session == session)
    }

    /// Whoever reads the card sees all who ask. Where the first one leaves, it is the next one's.
    fn name_all(&mut self) {
        let mut asks = self.waiting.iter().map(|(it, _)| it.clone());
        let Some(Attempt { session, target, who }) = asks.next() else { return };
        self.card.others = asks.collect();
        (self.card.session, self.card.target, self.card.who) = (session, target, who);
    }
}

impl State {
    fn gone(&self, id: CardId) -> Refusal {
        let why = self.closed.iter().find(|it| it.id == id).map(|it| it.how.clone());
        Box::new(CardRefusal::Gone { card: id.to_string(), why }).into()
    }

    /// Writes into the history of a session whose attempt is under way.
    fn note(&self, session: &str, by: Option<&Principal>, what: &str) {
        if let Some(trying) = self.attempts.get(session) {
            trying.diary.note(by, what);
        }
    }

    fn close(&mut self, ended: Ended) {
        if self.closed.len() >= CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(ended);
    }
}

impl Waiting {
    /// Waits for what comes back. Cancel-safe: what has come is found the next time.
    pub(crate) async fn reply(&mut self) -> Reply {
        match tokio::time::timeout_at(self.until, &mut self.reply).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Reply::Expired,
            Err(_) => {
                let mut state = self.cards.state();
                if state.open.contains_key(&self.id) {
                    let how = "nobody answered in time".to_owned();
                    self.cards.end(&mut state, self.id, &Reply::Expired, (how, None));
                }
                Reply::Expired
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.reply.close();
        let mut state = self.cards.state();
        let Some(open) = state.open.get_mut(&self.id) else { return };
        open.waiting.retain(|(_, it)| !it.is_closed());
        open.name_all();
        if open.waiting.is_empty() {
            let how = "its attempt ended".to_owned();
            self.cards.end(&mut state, self.id, &Reply::Expired, (how, None));
        }
    }
}

impl Card {
    /// Returns what a session was named by that waits for it.
    #[must_use]
    pub fn target_of(&self, session: &str) -> &str {
        self.others.iter().find(|it| it.session == session).map_or(&self.target, |it| &it.target)
    }

    /// Says whether a session's attempt waits for it.
    #[must_use]
    pub fn is_of(&self, session: &str) -> bool {
        self.session == session || self.others.iter().any(|it| it.session == session)
    }

    /// Returns how long it still waits.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Returns what whoever answers has to know before the question: who asks, for what, and of which host.
    #[must_use]
    pub fn heading(&self) -> String {
        let Self { id, who, session, target, about, why, others, .. } = self;
        let opens = |who: &Principal, session: &str, target: &str| {
            format!("{} {} opens session {session} on {target}", who.role, who.label)
        };
        let others: String =
            others.iter().map(|it| format!("; {}", opens(&it.who, &it.session, &it.target))).collect();
        let why = why.as_ref().map(|it| format!(" {it}.")).unwrap_or_default();
        let key = match (&self.question, about.key.as_str()) {
            (Question::HostKey { .. }, _) | (_, "") => String::new(),
            (_, key) => format!(", whose key is {key}"),
        };
        let again =
            if self.attempt > 1 { format!(" This is attempt {}.", self.attempt) } else { String::new() };
        format!(
            "{id}: {}{others}. It is asked by {}{key}.{why}{again}\n",
            opens(who, session, target),
            about.account
        )
    }
}

fn person(who: &Principal) -> String {
    format!("{} {}", who.role, who.label).trim_end().to_owned()
}

#[cfg(test)]
mod tests;
