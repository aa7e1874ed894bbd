//! What only a person can answer: the words of each question, and what is made of an answer about a key.

use crate::refusal::{CardKind, Fingerprint};

/// A question to the person who waits for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether a key that no file knows is the host's.
    HostKey {
        /// The name under which it is kept.
        name: String,
        /// The key it showed.
        shown: Fingerprint,
        /// The file to which it is written if the person says yes.
        file: String,
        /// What helps to judge it, a line each: its picture, and under which other names it is known.
        about: Vec<String>,
    },
    /// The passphrase of a key file.
    Passphrase {
        /// The file.
        file: String,
        /// How often it was wrong before.
        failed: u32,
    },
    /// The password of an account.
    Password {
        /// The account, as `user@host`.
        account: String,
        /// How often it was wrong before.
        failed: u32,
    },
    /// A question of the server's own.
    Challenge {
        /// The account, as `user@host`.
        account: String,
        /// The server's words, one line.
        words: String,
        /// What is typed may be shown.
        echo: bool,
        /// How often the answers were wrong before.
        failed: u32,
    },
}

/// What an answer about a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is the host's.
    Yes,
    /// It is not, or nobody can say.
    No,
    /// Neither was said.
    Unclear,
}

/// Asked again after an answer that means neither.
pub const DECIDE: &str = "Type yes, no, or the fingerprint: ";

impl Question {
    /// Returns its kind, in the published word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::HostKey { .. } => "host-key",
            Self::Passphrase { .. } => "passphrase",
            Self::Password { .. } => "password",
            Self::Challenge { .. } => "challenge",
        }
    }

    /// Returns what kind of answer it wants.
    #[must_use]
    pub fn wanted(&self) -> CardKind {
        match self {
            Self::HostKey { .. } => CardKind::HostKey,
            Self::Passphrase { .. } | Self::Password { .. } | Self::Challenge { .. } => CardKind::Secret,
        }
    }

    /// Returns the words, to the place where the answer is typed.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::HostKey { name, shown, file, about } => format!(
                "The key of {name} is not known yet. It shows\n  {shown}\n{}Compare this with the host's own key. If you say yes it is written to {file}.\nIs it the key of {name}? (yes, no, or the fingerprint) ",
                about.iter().map(|it| format!("  {it}\n")).collect::<String>()
            ),
            Self::Passphrase { file, failed } => format!("{}Passphrase of {file}: ", again(*failed)),
            Self::Password { account, failed } => format!("{}Password of {account}: ", again(*failed)),
            Self::Challenge { account, words, failed, .. } => {
                format!("{}{account} asks: {words} ", again(*failed))
            }
        }
    }

    /// Returns what it asks for, in a few words that may stand in a sentence.
    #[must_use]
    pub fn wants(&self) -> String {
        match self {
            Self::HostKey { name, shown, .. } => format!("whether {shown} is the key of {name}"),
            Self::Passphrase { file, .. } => format!("the passphrase of {file}"),
            Self::Password { account, .. } => format!("the password of {account}"),
            Self::Challenge { account, .. } => format!("an answer to a question of the server for {account}"),
        }
    }

    /// Says whether what is typed may be shown.
    #[must_use]
    pub fn echoes(&self) -> bool {
        match self {
            Self::HostKey { .. } => true,
            Self::Passphrase { .. } | Self::Password { .. } => false,
            Self::Challenge { echo, .. } => *echo,
        }
    }
}

impl Decision {
    /// Reads an answer. A fingerprint is a yes only if it is this very one.
    #[must_use]
    pub fn of(answer: &str, shown: &Fingerprint) -> Self {
        let answer = answer.trim();
        match answer.to_ascii_lowercase().as_str() {
            "yes" => Self::Yes,
            "no" => Self::No,
            _ if answer == shown.hash => Self::Yes,
            _ if answer.starts_with("SHA256:") => Self::No,
            _ => Self::Unclear,
        }
    }
}

fn again(failed: u32) -> &'static str {
    if failed == 0 { "" } else { "That was not accepted. " }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Fingerprint {
        Fingerprint { hash: "SHA256:abc".to_owned(), algorithm: "ssh-ed25519".to_owned() }
    }

    #[test]
    fn only_a_whole_yes_or_this_very_fingerprint_accepts_a_key() {
        for (answer, decision) in [
            ("yes", Decision::Yes),
            (" YES\r", Decision::Yes),
            ("SHA256:abc", Decision::Yes),
            ("SHA256:abC", Decision::No),
            ("no", Decision::No),
            ("y", Decision::Unclear),
            ("", Decision::Unclear),
            ("yes please", Decision::Unclear),
        ] {
            assert_eq!(Decision::of(answer, &shown()), decision, "{answer}");
        }
    }

    #[test]
    fn a_question_says_what_it_is_about_and_secrets_are_not_shown() {
        let key = Question::HostKey {
            name: "[web]:2222".into(),
            shown: shown(),
            file: "/f".into(),
            about: vec!["art".into()],
        };
        assert!(key.echoes() && key.text().contains("SHA256:abc (ssh-ed25519)") && key.text().contains("/f"));
        assert!(key.text().contains("  art\n"));
        let password = Question::Password { account: "me@web".into(), failed: 1 };
        assert_eq!(password.text(), "That was not accepted. Password of me@web: ");
        assert!(!password.echoes() && !Question::Passphrase { file: "/k".into(), failed: 0 }.echoes());
    }
}
