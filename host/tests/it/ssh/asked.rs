//! Logins by questions of the server's own: what is asked, in which order, and what a stored password answers.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cotty_host::native::connect::Connection;
use cotty_host::native::error::ConnectError;
use cotty_host::native::secret::{Ask, AskKind, Asker, Secret, ask_nobody};
use cotty_host::native::settings::Settings;
use russh::server::{self, Auth, Response};
use russh::{MethodKind, MethodSet};

use super::hostile::{key, target};
use crate::world::block_on;

/// One round: what the server says, what it asks (and whether the answer may be shown), and the right answers.
struct Round {
    says: &'static str,
    asks: &'static [(&'static str, bool)],
    right: &'static [&'static str],
}

/// A password; then a word without a question; then a code and a colour at once.
const ROUNDS: &[Round] = &[
    Round { says: "", asks: &[("Password: ", false)], right: &["sesame"] },
    Round { says: "Your phone \x1b[2Jrings", asks: &[], right: &[] },
    Round { says: "", asks: &[("Code\u{202e} sent: ", true), ("Colour: ", false)], right: &["123", "blue"] },
];

/// Asks those rounds, and notes what was answered.
#[derive(Clone, Default)]
struct Asks {
    round: usize,
    answered: Arc<Mutex<Vec<String>>>,
}

fn refusal() -> Auth {
    let methods = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
    Auth::Reject { proceed_with_methods: Some(methods), partial_success: false }
}

impl server::Handler for Asks {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(refusal())
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(response) = response else {
            self.round = 0;
            return Ok(self.ask());
        };
        let given: Vec<String> = response.map(|it| String::from_utf8_lossy(&it).into()).collect();
        let was_right = given == ROUNDS[self.round].right;
        self.answered.lock().unwrap().push(given.join("+"));
        self.round += 1;
        Ok(match (was_right, self.round == ROUNDS.len()) {
            (false, _) => refusal(),
            (true, true) => Auth::Accept,
            (true, false) => self.ask(),
        })
    }
}

impl Asks {
    fn ask(&self) -> Auth {
        let Round { says, asks, .. } = &ROUNDS[self.round];
        let prompts = asks.iter().map(|(prompt, echo)| (Cow::Borrowed(*prompt), *echo)).collect();
        Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(says),
            prompts: Cow::Owned(prompts),
        }
    }
}

/// Tries a login there; returns what was asked, what was answered, and how it ended.
fn login(password: Option<&'static str>, ask: Asker) -> (Vec<String>, Result<(), ConnectError>) {
    let folder = tempfile::tempdir().unwrap();
    key(&folder, "user");
    block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(server::Config {
            keys: vec![key(&folder, "known")],
            auth_rejection_time: Duration::from_millis(1),
            ..server::Config::default()
        });
        let asks = Asks::default();
        let answered = asks.answered.clone();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(session) = server::run_stream(config, stream, asks).await {
                drop(session.await);
            }
        });
        let password = password.map(|it| Arc::new(move |_: &_| Ok(Secret::new(it.into()))) as _);
        let settings = Settings { identity_files: Vec::new(), password, ..target(&folder, address, "known") };
        let ended = Connection::open(&settings, &ask).await.map(drop);
        (answered.lock().unwrap().clone(), ended)
    })
}

/// Answers by the words that are asked, and notes them with their kind.
fn answers(
    noted: &Arc<Mutex<Vec<(String, bool)>>>,
    answer: impl Fn(&Ask) -> &'static str + Send + Sync + 'static,
) -> Asker {
    let noted = noted.clone();
    Arc::new(move |ask: Ask| {
        let text = answer(&ask);
        noted.lock().unwrap().push((ask.prompt, ask.kind == AskKind::Challenge { echo: true }));
        Box::pin(std::future::ready(Some(Secret::new(text.into()))))
    })
}

fn right(ask: &Ask) -> &'static str {
    match &ask.prompt {
        words if words.contains("Code") => "123",
        words if words.contains("Colour") => "blue",
        _ => "sesame",
    }
}

#[test]
fn every_round_is_relayed_word_for_word_and_one_without_questions_is_answered_with_nothing() {
    let asked = Arc::default();
    let (answered, ended) = login(None, answers(&asked, right));
    ended.unwrap();
    assert_eq!(answered, ["sesame", "", "123+blue"]);
    let words = [
        ("Password:".to_owned(), false),
        ("Your phone [2Jrings Code sent:".to_owned(), true),
        ("Colour:".to_owned(), false),
    ];
    assert_eq!(*asked.lock().unwrap(), words);
}

#[test]
fn a_stored_password_answers_the_one_hidden_question_of_the_first_round_and_nothing_else() {
    let asked = Arc::default();
    let (answered, ended) = login(Some("sesame"), answers(&asked, right));
    ended.unwrap();
    assert_eq!(answered, ["sesame", "", "123+blue"]);
    assert_eq!(asked.lock().unwrap().len(), 2, "the code and the colour");
    // Where it is wrong it is not sent again: a person is asked.
    let asked = Arc::default();
    let (answered, ended) = login(Some("wrong"), answers(&asked, right));
    ended.unwrap();
    assert_eq!(answered, ["wrong", "sesame", "", "123+blue"]);
    // With nobody there, no question but that is answered.
    let (answered, ended) = login(Some("sesame"), ask_nobody());
    let why = ended.unwrap_err().to_string();
    assert!(why.contains("nobody answered the question") && why.contains("Code sent:"), "{why}");
    assert_eq!(answered, ["sesame", ""]);
}

#[test]
fn a_wrong_code_may_be_mended_twice() {
    let asked = Arc::default();
    let mended = |ask: &Ask| match (ask.prompt.contains("Code"), ask.failed) {
        (true, 0 | 1) => "999",
        _ => right(ask),
    };
    let (answered, ended) = login(Some("sesame"), answers(&asked, mended));
    ended.unwrap();
    let round = ["sesame", "", "999+blue"];
    assert_eq!(answered, [&round[..], &round[..], &["sesame", "", "123+blue"]].concat());
    // The third time is the last.
    let wrong = |ask: &Ask| if ask.prompt.contains("Code") { "999" } else { right(ask) };
    let (answered, ended) = login(Some("sesame"), answers(&Arc::default(), wrong));
    let why = ended.unwrap_err().to_string();
    assert!(why.contains("may not log in; not accepted: an answer (keyboard-interactive)"), "{why}");
    assert_eq!(answered, [round, round, round].concat());
}
