//! What `%` stands for in the values of ssh's configuration.

use crate::openssh::{Answer, OpenSsh, Question};

/// What is put in, for one host.
pub(super) struct Tokens {
    typed: String,
    host: String,
    port: String,
    user: String,
    alias: String,
    home: String,
    local_user: String,
}

impl Tokens {
    /// Takes what holds for a host; its name, port and user are settled.
    pub(super) fn of(ssh: &OpenSsh, question: Question, answer: &Answer) -> Self {
        Self {
            typed: question.host.to_owned(),
            host: answer.hostname.clone(),
            port: answer.port.to_string(),
            user: answer.user.clone(),
            alias: answer.host_key_alias.clone().unwrap_or_else(|| question.host.to_owned()),
            home: ssh.home.display().to_string(),
            local_user: ssh.user.clone(),
        }
    }

    /// Puts them into the name of a file; nothing where there is one that we do not know, or a variable.
    pub(super) fn put_into(&self, value: &str) -> Option<String> {
        let mut done = String::new();
        let mut letters = value.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '%' => done += &self.token(letters.next()?)?,
                '$' if letters.as_str().starts_with('{') => return None,
                letter => done.push(letter),
            }
        }
        Some(done)
    }

    /// Puts those into a command that ssh knows there; nothing where there is another, at which ssh gives up.
    pub(super) fn put_into_command(&self, value: &str) -> Option<String> {
        let mut done = String::new();
        let mut letters = value.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '%' => done += &self.token(letters.next().filter(|it| "%hnprk".contains(*it))?)?,
                letter => done.push(letter),
            }
        }
        Some(done)
    }

    fn token(&self, letter: char) -> Option<String> {
        Some(match letter {
            '%' => "%".to_owned(),
            'd' => self.home.clone(),
            'h' => self.host.clone(),
            'i' => rustix::process::getuid().as_raw().to_string(),
            'k' => self.alias.clone(),
            'L' => local_name().split('.').next().unwrap_or_default().to_owned(),
            'l' => local_name(),
            'n' => self.typed.clone(),
            'p' => self.port.clone(),
            'r' => self.user.clone(),
            'u' => self.local_user.clone(),
            _ => return None,
        })
    }
}

/// The name of this machine.
pub(super) fn local_name() -> String {
    nix::unistd::gethostname().ok().and_then(|it| it.into_string().ok()).unwrap_or_default()
}
