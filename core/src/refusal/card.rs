//! Why a question to a person is still open, was not asked, or cannot be answered.

use super::{FailureKind, quoted};
use crate::names::CardId;

/// What a card asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardKind {
    /// Whether a key is the host's.
    HostKey,
    /// What only a person knows.
    Secret,
}

/// Why a question to a person is open, or is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardRefusal {
    /// The attempt waits for a person.
    #[error("{target} waits for a person: {card} asks for {wants}{}", why.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    Waits {
        /// What is to be opened.
        target: String,
        /// The card.
        card: CardId,
        /// What it asks for.
        kind: CardKind,
        /// The same in words.
        wants: String,
        /// What was tried before, and what could not be.
        why: Option<String>,
    },
    /// A person said no, a short while ago.
    #[error("{target} asks for {wants}, and {who} denied it; that holds for {seconds} s more")]
    Denied {
        /// What was to be opened.
        target: String,
        /// What it asks for.
        wants: String,
        /// Who said so.
        who: String,
        /// For how long it is not asked again.
        seconds: u64,
    },
    /// This caller has asked as much as it may.
    #[error("{target} asks for {wants}, and {count} questions of this caller wait for a person already")]
    TooMany {
        /// What was to be opened.
        target: String,
        /// What it asks for.
        wants: String,
        /// How many there are.
        count: usize,
    },
    /// There is no such card, or no longer.
    #[error("there is no open card {card}{}", why.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    Gone {
        /// What was asked for.
        card: String,
        /// What became of it, where that is known.
        why: Option<String>,
    },
    /// No card was named, and there is none.
    #[error("no card is open: nobody waits for a person")]
    None,
    /// No card was named, and there are several.
    #[error("several cards are open ({open}), and none was named")]
    Several {
        /// Which.
        open: String,
    },
    /// An answer comes from a program, and was given to no card.
    #[error("an answer from a program is for one card, and none was named; open: {open}")]
    Unnamed {
        /// Which are open, with their hosts.
        open: String,
    },
    /// It is neither yes nor no.
    #[error("{card} asks whether a key is the host's, and this is neither yes nor no nor its fingerprint")]
    Unclear {
        /// The card.
        card: CardId,
    },
}

impl CardRefusal {
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::Waits { kind: CardKind::HostKey, .. } => FailureKind::HostKey,
            Self::Waits { kind: CardKind::Secret, .. } => FailureKind::SecretNeeded,
            Self::Denied { .. } => FailureKind::PolicyBlocked,
            Self::TooMany { .. } => FailureKind::Limit,
            Self::Gone { .. } | Self::None => FailureKind::NotFound,
            Self::Several { .. } | Self::Unnamed { .. } | Self::Unclear { .. } => {
                FailureKind::InvalidArgument
            }
        }
    }

    pub(super) fn next_step(&self) -> String {
        match self {
            Self::Waits { target, card, kind: CardKind::HostKey, .. } => format!(
                "A person compares it with the host's own: cotty answer {card}; or cotty trust {}. Then the same call again, which joins this one",
                quoted(target)
            ),
            Self::Waits { target, card, kind: CardKind::Secret, .. } => format!(
                "A person answers it: cotty answer {card}; or opens it themselves: cotty up {}. Then the same call again, which joins this one",
                quoted(target)
            ),
            Self::Denied { target, .. } => {
                format!("Ask the person; one who opens it is asked again: cotty up {}", quoted(target))
            }
            Self::TooMany { .. } => {
                "A person answers or denies one of them (cotty answer); then the same call again".to_owned()
            }
            Self::Gone { .. } | Self::None | Self::Several { .. } | Self::Unnamed { .. } => {
                "cotty ls names the cards that are open: cotty answer q7".to_owned()
            }
            Self::Unclear { .. } => "Type yes, no, or the fingerprint".to_owned(),
        }
    }
}
