//! What somebody may do here: a role, and the one session that it may be bound to.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use cotty_core::names::Role;

/// A role of the HTTP face. To the rooms below, all but the agent's are persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// A program that acts for a model.
    Agent,
    /// Watches, and reads what was printed and typed.
    ViewerRead,
    /// That, and types, pastes, resizes, interrupts.
    ViewerWrite,
    /// That, and chooses who may write, closes, opens.
    SessionAdmin,
    /// All of it.
    Operator,
}

/// A word that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchRole;

impl Grant {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Agent, Self::ViewerRead, Self::ViewerWrite, Self::SessionAdmin, Self::Operator];

    /// Returns its published name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::ViewerRead => "viewer_read",
            Self::ViewerWrite => "viewer_write",
            Self::SessionAdmin => "session_admin",
            Self::Operator => "operator",
        }
    }

    /// Returns what the rooms below take it for.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Agent => Role::Agent,
            _ => Role::Operator,
        }
    }

    /// Returns whether it may type.
    #[must_use]
    pub const fn writes(self) -> bool {
        !matches!(self, Self::ViewerRead)
    }

    /// Returns whether it may choose who writes.
    #[must_use]
    pub const fn governs(self) -> bool {
        matches!(self, Self::SessionAdmin | Self::Operator)
    }
}

impl From<Role> for Grant {
    fn from(role: Role) -> Self {
        match role {
            Role::Agent => Self::Agent,
            Role::Operator => Self::Operator,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl FromStr for Grant {
    type Err = NoSuchRole;

    fn from_str(word: &str) -> Result<Self, NoSuchRole> {
        Self::ALL.into_iter().find(|it| it.word() == word).ok_or(NoSuchRole)
    }
}

/// The one session that a credential is bound to. A later session of the same name is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// Its name.
    pub session: String,
    /// When it was opened.
    pub opened_at: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_as_it_is_written() {
        for grant in Grant::ALL {
            assert_eq!(grant.to_string().parse(), Ok(grant));
        }
        assert_eq!("auditor".parse::<Grant>(), Err(NoSuchRole));
    }

    #[test]
    fn only_the_agent_is_no_person_and_only_a_reader_types_nothing() {
        for grant in Grant::ALL {
            assert_eq!(grant.role() == Role::Agent, grant == Grant::Agent);
            assert_eq!(grant.writes(), grant != Grant::ViewerRead);
        }
    }
}
