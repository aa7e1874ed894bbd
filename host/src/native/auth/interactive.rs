//! Logging in by questions of the server's own, in as many rounds as it asks.

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Interactive, Prompt};

use super::{Attempt, Login, answered};
use crate::native::error::{ConnectError, Trouble};
use crate::native::secret::{AskKind, Secret, one_line};

/// A server that asks more rounds of questions than that never ends.
const ROUNDS_MAX: usize = 16;

/// More questions in one round are no honest login.
const PROMPTS_MAX: usize = 16;

/// What the server would have us see before its questions, over all rounds that asked nothing.
const NOTICES_CHARS_MAX: usize = 1200;

const METHOD: &str = "keyboard-interactive";

/// One login by questions, as far as it has come.
#[derive(Default)]
struct Asked {
    /// How often all answers were wrong before.
    failed: u32,
    /// Rounds that were answered.
    rounds: usize,
    /// The stored password was an answer of the first round.
    with_password: bool,
    /// What the server said in rounds without a question: it belongs to the next.
    notices: String,
}

impl Login<'_> {
    /// One login by questions; nothing if nobody answers.
    pub(super) async fn interactive(&mut self, failed: u32) -> Result<Option<Attempt>, ConnectError> {
        let limit = self.settings.limits.authentication;
        let user = self.settings.user.clone();
        let start = self.handle.authenticate_keyboard_interactive_start(user, None);
        let mut reply = answered(METHOD, limit, start).await?;
        let mut asked = Asked { failed, ..Asked::default() };
        while asked.rounds < ROUNDS_MAX {
            let prompts = match reply {
                Ok(Interactive::InfoRequest { name, instructions, prompts })
                    if prompts.len() <= PROMPTS_MAX =>
                {
                    asked.notice(&name);
                    asked.notice(&instructions);
                    prompts
                }
                Ok(Interactive::InfoRequest { .. }) => break,
                Ok(Interactive::Success) => return Ok(Some(Attempt::In)),
                // It offers questions and has none: nothing was tried.
                Ok(Interactive::Failure { partial_success: false, .. })
                    if asked.rounds == 0 && !self.is_lost() =>
                {
                    self.has_no_questions = true;
                    return Ok(Some(Attempt::Refused));
                }
                Ok(Interactive::Failure { remaining_methods, partial_success }) => {
                    if asked.with_password && asked.rounds == 1 {
                        // That very answer was wrong.
                        self.password = None;
                    }
                    let result = AuthResult::Failure { remaining_methods, partial_success };
                    return self.attempt(result, format!("an answer ({METHOD})")).await.map(Some);
                }
                Err(_) => return Err(self.lost().await),
            };
            let Some(answers) = self.answers(&mut asked, &prompts).await? else { return Ok(None) };
            asked.rounds += 1;
            let respond = self.handle.authenticate_keyboard_interactive_respond(answers);
            reply = answered(METHOD, limit, respond).await?;
        }
        self.denied.refused.push(format!("{METHOD}: the server asked without end"));
        Ok(None)
    }

    /// Answers one round; a round that asks nothing is answered with nothing.
    ///
    /// A stored password answers a single question of the first round whose answer is not shown, and no other: what
    /// comes later is a code, or a new password. What the server says is shown as one line each.
    async fn answers(
        &mut self,
        asked: &mut Asked,
        prompts: &[Prompt],
    ) -> Result<Option<Vec<String>>, ConnectError> {
        let mut answers = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let words = asked.words(&prompt.prompt);
            let is_password = asked.rounds == 0 && prompts.len() == 1 && !prompt.echo;
            let answer = match self.password.clone().filter(|_| is_password) {
                Some(secret) => {
                    asked.with_password = true;
                    Some(secret)
                }
                None => self.challenged(prompt.echo, words.clone(), asked.failed).await?,
            };
            let Some(answer) = answer else {
                self.denied.troubles.push(Trouble::NoAnswer(words));
                return Ok(None);
            };
            answers.push(answer.reveal().to_owned());
        }
        Ok(Some(answers))
    }

    async fn challenged(
        &mut self,
        echo: bool,
        words: String,
        failed: u32,
    ) -> Result<Option<Secret>, ConnectError> {
        let ask = self.ask(AskKind::Challenge { echo }, words, failed);
        self.answer(ask).await
    }
}

impl Asked {
    fn notice(&mut self, text: &str) {
        let line = one_line(text);
        if !line.is_empty() && self.notices.chars().count() + line.chars().count() < NOTICES_CHARS_MAX {
            self.notices += &line;
            self.notices.push(' ');
        }
    }

    /// The words of a question, with what the server said before it.
    fn words(&mut self, prompt: &str) -> String {
        format!("{}{}", std::mem::take(&mut self.notices), one_line(prompt))
    }
}
