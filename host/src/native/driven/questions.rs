//! What the user's ssh asks: brought to us by the program that it starts for each question, and put to a person.
//!
//! ssh proves to nobody to which key an answer goes, so that no stored secret is an answer here. Whether a key is trusted is
//! not answered here either: that is asked with the key itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::native::program::Overheard;
use crate::native::secret::{Ask, AskKind, Asker, Bound, one_line};

/// Where the program that brings a question finds us.
pub const SOCKET_VARIABLE: &str = "COTTY_ASKPASS_SOCKET";

/// What it shows us. It is good for one connection, until that stands.
pub const NONCE_VARIABLE: &str = "COTTY_ASKPASS_NONCE";

/// Of what sort a question is, as ssh says it.
pub const KIND_VARIABLE: &str = "SSH_ASKPASS_PROMPT";

/// A question is no longer.
const QUESTION_BYTES_MAX: u64 = 16 << 10;

/// So many may be open at once: each host on a way asks one at a time.
const OPEN_MAX: usize = 16;

/// Whoever connects says all of it in this time.
const SAYING_LIMIT: Duration = Duration::from_secs(5);

/// Answers while this lives.
pub(super) struct Questions {
    socket: PathBuf,
    nonce: String,
    task: AbortHandle,
    /// How many are open.
    pub(super) open: watch::Receiver<usize>,
}

/// Who is asked, and what is known of whom the answer is for.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) ask: Asker,
    pub(super) bound: Arc<Mutex<Bound>>,
    pub(super) overheard: Overheard,
}

struct Counting(watch::Sender<usize>);

impl Questions {
    /// Listens at a socket, which only we may use.
    pub(super) fn listen(socket: PathBuf, desk: Desk) -> io::Result<Self> {
        let mut nonce = [0; 32];
        SystemRandom::new().fill(&mut nonce).map_err(|_| io::Error::other("no random bytes"))?;
        let nonce = HEXLOWER.encode(&nonce);
        let listener = UnixListener::bind(&socket)?;
        std::fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        let (count, open) = watch::channel(0);
        let task = tokio::spawn(serve(listener, nonce.clone(), desk, count)).abort_handle();
        Ok(Self { socket, nonce, task, open })
    }

    /// Returns what the program that brings a question has to know.
    pub(super) fn variables(&self) -> [(OsString, OsString); 2] {
        [
            (SOCKET_VARIABLE.into(), self.socket.clone().into_os_string()),
            (NONCE_VARIABLE.into(), self.nonce.clone().into()),
        ]
    }
}

impl Drop for Questions {
    fn drop(&mut self) {
        self.task.abort();
        std::fs::remove_file(&self.socket).ok();
    }
}

async fn serve(listener: UnixListener, nonce: String, desk: Desk, count: watch::Sender<usize>) {
    let asked = Arc::<Mutex<BTreeMap<String, u32>>>::default();
    // Who asks no more has nobody to be answered: with this all of them end.
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                if open.len() >= OPEN_MAX || !is_ours(&stream) {
                    continue;
                }
                let (nonce, desk, asked) = (nonce.clone(), desk.clone(), asked.clone());
                let counting = Counting::one_more(&count);
                open.spawn(async move {
                    let _counting = counting;
                    // Whoever asked may have gone.
                    answer(stream, &nonce, &desk, &asked).await.ok();
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
}

fn is_ours(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|it| it.uid() == rustix::process::geteuid().as_raw())
}

async fn answer(
    mut stream: UnixStream,
    nonce: &str,
    desk: &Desk,
    asked: &Mutex<BTreeMap<String, u32>>,
) -> io::Result<()> {
    let mut said = String::new();
    let (reader, mut writer) = stream.split();
    let mut limited = reader.take(QUESTION_BYTES_MAX);
    timeout(SAYING_LIMIT, limited.read_to_string(&mut said)).await??;
    let mut parts = said.splitn(3, '\n');
    let (shown, kind, words) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if shown != nonce {
        return Ok(());
    }
    let prompt = one_line(words);
    if kind == "none" {
        (desk.overheard)(&prompt);
        return Ok(());
    }
    if is_a_decision(kind, &prompt) {
        return writer.write_all(b"-").await;
    }
    let failed = {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.entry(prompt.clone()).or_default();
        std::mem::replace(before, *before + 1)
    };
    let bound = desk.bound.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let account = format!("{}@{}", bound.user, bound.host);
    let ask = Ask { kind: AskKind::Challenge { echo: false }, account, bound, prompt, failed };
    let Some(secret) = (desk.ask)(ask).await else { return writer.write_all(b"-").await };
    let text = Zeroizing::new([b"+", secret.reveal().as_bytes()].concat());
    writer.write_all(&text).await
}

/// Whether a key is trusted, or used, is no secret to be typed.
fn is_a_decision(kind: &str, prompt: &str) -> bool {
    kind == "confirm" || prompt.contains("(yes/no")
}

impl Counting {
    fn one_more(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|it| *it += 1);
        Self(count.clone())
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.send_modify(|it| *it = it.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::secret::Secret;

    /// What comes back to whoever says this.
    async fn said(questions: &Questions, words: &str) -> String {
        let mut stream = UnixStream::connect(&questions.socket).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn only_who_shows_the_nonce_is_answered_and_no_decision_is_made_here() {
        let folder = tempfile::tempdir().unwrap();
        let asked = Arc::<Mutex<Vec<Ask>>>::default();
        let noted = asked.clone();
        let ask: Asker = Arc::new(move |ask| {
            noted.lock().unwrap().push(ask);
            Box::pin(std::future::ready(Some(Secret::new("sesame".to_owned()))))
        });
        let bound =
            Bound { user: "me".to_owned(), host: "web1".to_owned(), port: 22, key: "SHA256:x".to_owned() };
        let desk = Desk { ask, bound: Arc::new(Mutex::new(bound.clone())), overheard: Arc::new(|_| ()) };
        let questions = Questions::listen(folder.path().join("q"), desk).unwrap();
        let mode = std::fs::metadata(&questions.socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let nonce = questions.nonce.clone();
        assert_eq!(said(&questions, "wrong\n\nPassword: ").await, "");
        assert_eq!(said(&questions, &format!("{nonce}\nconfirm\nUse it?")).await, "-");
        let unknown = "The authenticity of host 'x' can't be established.\nContinue (yes/no/[fingerprint])? ";
        assert_eq!(said(&questions, &format!("{nonce}\n\n{unknown}")).await, "-");
        assert!(asked.lock().unwrap().is_empty());
        for failed in 0..2 {
            assert_eq!(said(&questions, &format!("{nonce}\n\nme@web1's password: ")).await, "+sesame");
            let ask = asked.lock().unwrap().pop().unwrap();
            let kind = AskKind::Challenge { echo: false };
            assert_eq!((ask.kind, ask.bound, ask.failed), (kind, bound.clone(), failed));
            assert_eq!(ask.prompt, "me@web1's password:");
        }
    }
}
