//! A person at the terminal that asked for something: hears how far it is, answers what only a person may, and may
//! leave at any time. Whoever leaves ends what was begun for them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cotty_core::names::Principal;
use cotty_core::question::{DECIDE, Decision, Question};
use cotty_core::refusal::{CardRefusal, Fingerprint, HostRefusal, Refusal};
use cotty_host::native::accepted::{self, NotKept};
use cotty_host::native::error::elsewhere_words;
use cotty_host::native::program::Overheard;
use cotty_host::native::secret::{Ask, AskKind, Asker, Bound, ask_nobody};
use cotty_host::native::settings::{Jump, Settings, ShownKey};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::cards::{Card, Cards};
use crate::hosts;
use crate::pools::stage_words;
use crate::report::Secret;

/// What the person was not told yet. There is one question at a time; of progress only the newest is worth telling.
const TOLD_MAX: usize = 32;
/// A question that nobody answers is taken back after this long.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(300);
/// An answer about a key that means neither yes nor no is asked for so often.
const DECISIONS_MAX: usize = 3;

/// A person who waits, or an agent that does: it is asked nothing. Cheap to clone.
#[derive(Clone)]
pub struct Person {
    inner: Arc<Inner>,
    answers: bool,
}

struct Inner {
    told: mpsc::Sender<Told>,
    there: Notify,
}

/// What a person is told while something is under way.
pub enum Told {
    /// How far it is.
    Progress {
        /// The host that it is about.
        host: String,
        /// What is being done, in words.
        stage: &'static str,
    },
    /// What a program on the way complains of, a line.
    Overheard {
        /// The host that it leads to.
        host: String,
        /// The line.
        text: String,
    },
    /// A question.
    Question(Asked),
    /// The question that is open was answered elsewhere, or is none any more.
    Withdrawn,
}

/// A question that waits for its answer. Dropped, it is left open.
pub struct Asked {
    /// What is asked.
    pub question: Question,
    /// Its words.
    pub text: String,
    answer: oneshot::Sender<Secret>,
}

impl Asked {
    /// Answers it.
    pub fn answer(self, answer: Secret) {
        // Who asked may have ended meanwhile, and wipes nothing that it never had.
        drop(self.answer.send(answer));
    }
}

impl Person {
    /// Sits down: what they are told comes out of the other half; dropping that is leaving.
    #[must_use]
    pub fn at_terminal() -> (Self, mpsc::Receiver<Told>) {
        let (told, hears) = mpsc::channel(TOLD_MAX);
        (Self { inner: Arc::new(Inner { told, there: Notify::new() }), answers: true }, hears)
    }

    /// Returns the same, who hears everything and is asked nothing.
    pub(crate) fn unasked(&self) -> Self {
        Self { answers: false, ..self.clone() }
    }

    /// Says whether it is a person who answers.
    pub(crate) fn answers(&self) -> bool {
        self.answers
    }

    /// Tells how far something is. Words that nobody takes in time are not kept.
    pub(crate) fn hear(&self, host: &str, stage: &'static str) {
        drop(self.inner.told.try_send(Told::Progress { host: host.to_owned(), stage }));
    }

    /// Lets the person hear how far a connection comes, with the hosts on its way.
    pub(crate) fn hears(&self, name: &str, settings: Settings) -> Settings {
        let (person, host) = (self.clone(), name.to_owned());
        let jump = settings.jump.map(|jump| {
            let Jump { typed, settings } = *jump;
            Box::new(Jump { settings: self.hears(&typed, settings), typed })
        });
        let overheard = if self.answers { self.overhears(&host) } else { settings.overheard };
        let progress = Arc::new(move |stage| person.hear(&host, stage_words(stage)));
        Settings { jump, progress, overheard, ..settings }
    }

    /// A program's complaints are a person's to read: they may hold anything.
    fn overhears(&self, host: &str) -> Overheard {
        let (person, host) = (self.clone(), host.to_owned());
        Arc::new(move |text| {
            let told = Told::Overheard { host: host.clone(), text: text.to_owned() };
            drop(person.inner.told.try_send(told));
        })
    }

    /// Returns how the logins of one attempt ask this person. Where a key further on has to be accepted in between, the
    /// attempt begins anew, and what was answered before is not asked again.
    pub(crate) fn asker(&self) -> Asker {
        if !self.answers {
            return ask_nobody();
        }
        let (person, given) = (self.clone(), Given::default());
        Arc::new(move |ask| {
            let (person, given) = (person.clone(), given.clone());
            Box::pin(async move {
                if let Some(answer) = given.take(&ask) {
                    return Some(answer);
                }
                let question = question(ask.clone());
                let text = question.text();
                let answer = person.ask(question, text).await?;
                given.keep(&ask, &answer);
                Some(answer)
            })
        })
    }

    /// Waits until the person has left.
    pub(crate) async fn left(&self) {
        self.inner.told.closed().await;
    }

    /// What the person waited for is there; what follows they can watch.
    pub(crate) fn arrive(&self) {
        self.inner.there.notify_one();
    }

    /// Waits for [`Person::arrive`].
    pub(crate) async fn arrived(&self) {
        self.inner.there.notified().await;
    }

    /// Asks about a key that no file knows, and writes it down as it was shown.
    pub(crate) async fn decide(
        &self,
        target: &str,
        settings: &Settings,
        shown: &ShownKey,
    ) -> Result<(), Refusal> {
        let fingerprint = hosts::fingerprint(&shown.key);
        let question = key_question(target, settings, shown)?;
        if self.decision(question, &fingerprint).await != Decision::Yes {
            let name = shown.name.clone();
            return Err(Box::new(HostRefusal::NotTrusted { name, shown: fingerprint }).into());
        }
        let (settings, shown) = (settings.clone(), shown.clone());
        let kept = tokio::task::spawn_blocking(move || accepted::keep(&settings, &shown)).await;
        let kept = kept.map_err(|error| Refusal::Internal { what: error.to_string() })?;
        kept.map_err(|error| not_kept(target, error))
    }

    async fn decision(&self, question: Question, shown: &Fingerprint) -> Decision {
        let mut text = question.text();
        for _ in 0..DECISIONS_MAX {
            let Some(answer) = self.ask(question.clone(), text).await else { return Decision::No };
            match Decision::of(answer.reveal(), shown) {
                Decision::Unclear => text = DECIDE.to_owned(),
                decision => return decision,
            }
        }
        Decision::No
    }

    pub(crate) async fn ask(&self, question: Question, text: String) -> Option<Secret> {
        tokio::time::timeout(ANSWER_WAIT_MAX, self.put(question, text)).await.ok()?
    }

    /// Puts a question, and waits for the answer; nothing where they have none.
    async fn put(&self, question: Question, text: String) -> Option<Secret> {
        let (answer, answered) = oneshot::channel();
        self.inner.told.send(Told::Question(Asked { question, text, answer })).await.ok()?;
        answered.await.ok()
    }

    /// Puts the cards of a session's attempt to this person, for as long as it goes on. Whoever else answers one takes the
    /// question away from here.
    pub(crate) async fn attend(&self, cards: &Cards, session: &str, who: &Principal) -> Infallible {
        loop {
            let card = cards.asked(session).await;
            match self.answer_card(cards, &card, card.question.text(), who).await {
                Ok(_) => {}
                // Here they had their say.
                Err(_) => cards.skip(card.id, session),
            }
        }
    }

    /// Puts a card to this person until the answer is clear.
    pub(crate) async fn answer_card(
        &self,
        cards: &Cards,
        card: &Card,
        mut text: String,
        who: &Principal,
    ) -> Result<Card, Refusal> {
        for _ in 0..DECISIONS_MAX {
            let answer = tokio::select! {
                answer = self.put(card.question.clone(), text) => answer,
                () = cards.closed(card.id) => {
                    drop(self.inner.told.send(Told::Withdrawn).await);
                    return cards.find(Some(card.id));
                }
            };
            let Some(answer) = answer else { return Err(Refusal::from(Box::new(CardRefusal::None))) };
            match cards.answer(card.id, answer, who) {
                Err(Refusal::Card(why)) if matches!(*why, CardRefusal::Unclear { .. }) => {
                    text = DECIDE.to_owned();
                }
                answered => return answered,
            }
        }
        Err(Box::new(CardRefusal::Unclear { card: card.id }).into())
    }
}

/// What was answered in an attempt, for as long as it goes on. An answer to a question of the server's own may be good for
/// once only, and is not among it.
#[derive(Clone, Default)]
struct Given(Arc<Mutex<BTreeMap<Named, Secret>>>);

/// What an answer is for.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// A key file here: no host is sent its passphrase.
    Passphrase(PathBuf),
    /// The password of one account of one host, at one port, that shows one key.
    Password(Bound),
}

impl Given {
    fn name(ask: &Ask) -> Option<Named> {
        match &ask.kind {
            AskKind::Passphrase { file } => Some(Named::Passphrase(file.clone())),
            AskKind::Password => Some(Named::Password(ask.bound.clone())),
            AskKind::Challenge { .. } => None,
        }
    }

    /// Returns the last answer, if it was not refused just now.
    fn take(&self, ask: &Ask) -> Option<Secret> {
        let name = Self::name(ask).filter(|_| ask.failed == 0)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&name)
    }

    fn keep(&self, ask: &Ask, answer: &Secret) {
        if let Some(name) = Self::name(ask) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, answer.clone());
        }
    }
}

/// Makes a question of a key that no file knows.
pub(crate) fn key_question(target: &str, settings: &Settings, shown: &ShownKey) -> Result<Question, Refusal> {
    let keep = settings.keeps.as_ref().ok_or_else(|| not_kept(target, NotKept::Nowhere))?;
    Ok(Question::HostKey {
        name: shown.name.clone(),
        shown: hosts::fingerprint(&shown.key),
        file: keep.file.display().to_string(),
        about: shown.key.picture().into_iter().chain([elsewhere_words(&shown.elsewhere)]).collect(),
    })
}

pub(crate) fn question(ask: Ask) -> Question {
    let Ask { kind, account, prompt, failed, .. } = ask;
    match kind {
        AskKind::Passphrase { file } => Question::Passphrase { file: file.display().to_string(), failed },
        AskKind::Password => Question::Password { account, failed },
        AskKind::Challenge { echo } => Question::Challenge { account, words: prompt, echo, failed },
    }
}

pub(crate) fn not_kept(target: &str, error: NotKept) -> Refusal {
    let why = error.to_string();
    match error {
        NotKept::Nowhere => Refusal::Config {
            why,
            remedy: "Name a file there, in which an accepted key can stand".to_owned(),
        },
        NotKept::Unreadable(_) | NotKept::Unwritten { .. } => {
            Box::new(HostRefusal::KnownHosts { why }).into()
        }
        NotKept::Other(shown) => hosts::refused_key(target, &shown),
    }
}

#[cfg(test)]
mod tests {
    use cotty_host::native::settings::Stage;
    use tokio_util::task::TaskTracker;

    use super::*;

    fn answer_next(told: Option<Told>, text: &str) -> String {
        match told {
            Some(Told::Question(asked)) => {
                let words = asked.text.clone();
                asked.answer(Secret::new(text.to_owned()));
                words
            }
            _ => panic!("no question"),
        }
    }

    #[tokio::test]
    async fn a_login_asks_the_person_and_gets_the_answer() {
        let (person, mut hears) = Person::at_terminal();
        let ask = Ask {
            kind: AskKind::Password,
            account: "me@web".to_owned(),
            bound: Bound::default(),
            prompt: "Password".to_owned(),
            failed: 0,
        };
        let asked = TaskTracker::new().spawn((person.asker())(ask));
        assert_eq!(answer_next(hears.recv().await, "open sesame"), "Password of me@web: ");
        assert_eq!(asked.await.unwrap().unwrap().reveal(), "open sesame");
    }

    #[test]
    fn a_password_is_given_again_to_the_same_account_port_and_key_only() {
        let ask = |port, key: &str| Ask {
            kind: AskKind::Password,
            account: "me@gate".to_owned(),
            bound: Bound { user: "me".to_owned(), host: "gate".to_owned(), port, key: key.to_owned() },
            prompt: "Password".to_owned(),
            failed: 0,
        };
        let given = Given::default();
        given.keep(&ask(22, "SHA256:a"), &Secret::new("open sesame".to_owned()));
        assert!(given.take(&ask(2222, "SHA256:a")).is_none());
        assert!(given.take(&ask(22, "SHA256:b")).is_none());
        assert_eq!(given.take(&ask(22, "SHA256:a")).unwrap().reveal(), "open sesame");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_not_asked_for_ever_and_nobody_there_is_no_answer() {
        let (person, mut hears) = Person::at_terminal();
        let question = Question::Password { account: "me@web".to_owned(), failed: 0 };
        let asked = TaskTracker::new().spawn({
            let (person, question) = (person.clone(), question.clone());
            async move { person.ask(question, String::new()).await.is_none() }
        });
        assert!(matches!(hears.recv().await, Some(Told::Question(_))));
        assert!(asked.await.unwrap());
        drop(hears);
        person.left().await;
        assert!(person.ask(question, String::new()).await.is_none());
    }

    #[tokio::test]
    async fn a_key_is_asked_about_until_the_answer_is_clear_three_times_at_most() {
        let shown = Fingerprint { hash: "SHA256:abc".to_owned(), algorithm: "ssh-ed25519".to_owned() };
        for (answers, decision) in
            [(&["y", "yes"][..], Decision::Yes), (&["?", "", "sure"], Decision::No), (&["no"], Decision::No)]
        {
            let (person, mut hears) = Person::at_terminal();
            let question = Question::HostKey {
                name: "web".to_owned(),
                shown: shown.clone(),
                file: "/f".to_owned(),
                about: Vec::new(),
            };
            let shown = shown.clone();
            let decided = TaskTracker::new().spawn(async move { person.decision(question, &shown).await });
            for answer in answers {
                answer_next(hears.recv().await, answer);
            }
            assert_eq!(decided.await.unwrap(), decision, "{answers:?}");
        }
    }

    #[tokio::test]
    async fn the_person_hears_of_every_host_on_the_way() {
        let (person, mut hears) = Person::at_terminal();
        let gate = Jump { typed: "gate".to_owned(), settings: Settings::new("g", 22, "me") };
        let settings = Settings { jump: Some(Box::new(gate)), ..Settings::new("w", 22, "me") };
        let heard = person.hears("web", settings);
        (heard.jump.unwrap().settings.progress)(Stage::Authentication);
        (heard.progress)(Stage::Connect);
        for (name, words) in [("gate", "logging in"), ("web", "connecting")] {
            let told = hears.recv().await;
            assert!(matches!(told, Some(Told::Progress { host, stage }) if host == name && stage == words));
        }
    }
}
