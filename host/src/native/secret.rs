//! Secrets, and how a person is asked for one.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A password, a passphrase or a code. Wiped when it is dropped, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskKind {
    /// The passphrase of a key file.
    Passphrase {
        /// The file.
        file: PathBuf,
    },
    /// The account's password.
    Password,
    /// A question of the server's own.
    Challenge {
        /// What is typed may be shown.
        echo: bool,
    },
}

/// A question to whoever can answer: a person, or what the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked for.
    pub kind: AskKind,
    /// The words, one line, without control characters. Those of a challenge are the server's.
    pub prompt: String,
    /// How often this was asked before, with answers that were wrong.
    pub failed: u32,
}

/// What comes back: nothing if nobody answers.
pub type Answer = Pin<Box<dyn Future<Output = Option<Secret>> + Send>>;

/// Whom to ask.
pub type Asker = Arc<dyn Fn(Ask) -> Answer + Send + Sync>;

/// Asks nobody.
pub fn ask_nobody() -> Asker {
    Arc::new(|_| Box::pin(std::future::ready(None)))
}

impl Secret {
    /// Takes a text over. Let it have its exact size from the start: one that grew has left copies behind.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Lends the text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// Makes a line of what a server sent: no control characters, no unbounded length.
pub(crate) fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 400;
    let shown = text.chars().map(|it| if it.is_control() || is_direction(it) { ' ' } else { it });
    shown.take(CHARS_MAX).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that make a terminal show words in another order.
fn is_direction(it: char) -> bool {
    matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(..)");
    }

    #[test]
    fn what_a_server_asks_is_one_line_without_tricks() {
        assert_eq!(one_line("Pass\x1b[2Jword:\r\n \u{202e}x"), "Pass [2Jword: x");
    }
}
