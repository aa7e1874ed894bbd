//! What a person said no to: for a while no agent has the same asked again.

use cotty_core::names::Role;
use cotty_core::question::Question;
use cotty_core::refusal::{CardRefusal, Refusal};
use tokio::time::Instant;

use super::{ALL_MAX, Asking, Attempt, Card, DENIAL, OPEN_MAX, State};

/// One no.
pub(super) struct Denial {
    about: Asking,
    until: Instant,
    who: String,
}

/// What a no is about, whatever else is asked in the same words or under another address: a key under the name that it
/// is kept by, all questions of a server's own for one account, or one secret.
fn denied_as(about: &Asking, question: &Question) -> Asking {
    match question {
        Question::HostKey { name, shown, .. } => {
            Asking { account: name.clone(), key: shown.hash.clone(), purpose: "host key".to_owned() }
        }
        Question::Challenge { .. } => {
            let account = about.account.clone();
            Asking { account, key: String::new(), purpose: "challenge".to_owned() }
        }
        Question::Passphrase { .. } | Question::Password { .. } => about.clone(),
    }
}

impl State {
    /// Notes what a person said to a card.
    pub(super) fn decided(&mut self, card: &Card, who: &str, yes: bool) {
        let about = denied_as(&card.about, &card.question);
        self.denied.retain(|it| it.about != about);
        if !yes {
            self.denied.push(Denial { about, until: Instant::now() + DENIAL, who: who.to_owned() });
        }
    }

    /// Asks whether a card may be opened.
    pub(super) fn may(
        &mut self,
        attempt: &Attempt,
        about: &Asking,
        question: &Question,
    ) -> Result<(), Refusal> {
        let now = Instant::now();
        self.denied.retain(|it| it.until > now);
        let (target, wants) = (attempt.target.clone(), question.wants());
        let about = denied_as(about, question);
        if attempt.who.role == Role::Agent
            && let Some(denial) = self.denied.iter().find(|it| it.about == about)
        {
            let (who, seconds) = (denial.who.clone(), (denial.until - now).as_secs().max(1));
            return Err(Box::new(CardRefusal::Denied { target, wants, who, seconds }).into());
        }
        let count = self.open.values().filter(|it| it.card.who == attempt.who).count();
        if count >= OPEN_MAX || self.open.len() >= ALL_MAX {
            let count = if count >= OPEN_MAX { count } else { self.open.len() };
            return Err(Box::new(CardRefusal::TooMany { target, wants, count }).into());
        }
        Ok(())
    }
}
