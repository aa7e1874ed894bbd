//! The second channel of a connection: one long-lived `sh` that answers questions about processes.
//!
//! It is started without a file, an option or a variable on the host; its text goes in by standard input. Everything
//! that is asked is a number we chose, and every answer ends with a line that nobody else knows.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::native::channel::{Heard, Lane};

/// What runs there.
const SCRIPT: &str =
    concat!(include_str!("probe.sh"), include_str!("probe_ps.sh"), include_str!("probe_loop.sh"));

/// A host that takes longer for a look is too busy to be looked at. A connection that is gone is noticed before.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// No honest answer is longer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// So many questions may wait.
const QUESTIONS_MAX: usize = 256;

/// Asks the probe of one connection.
#[derive(Clone)]
pub(super) struct Probe {
    questions: mpsc::Sender<Asked>,
    /// What the host is.
    pub(super) machine: Machine,
    /// Its own process there.
    pub(super) pid: u32,
}

/// What a host is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Machine {
    /// `uname -s`.
    pub(super) system: String,
    /// `uname -m`.
    pub(super) processor: String,
    /// The file name of the account's shell.
    pub(super) login_shell: String,
}

/// Why there is no probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoProbe {
    /// The server gave no channel, or nothing that was started in it answered.
    Silent,
    /// It answered that nothing can be seen on this host.
    Blind,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The facts of the terminal of this shell.
    Facts(u32),
    /// All processes below this one, and those of these that live.
    Processes(u32, Vec<u32>),
    /// What left the tree of this shell or command, and all below it.
    Strays(u32),
    /// What the server process of this connection has started.
    Kin,
    /// That the terminal of this shell shows again what is typed.
    Echo(u32),
    /// A signal, to a process or, below zero, a group.
    Kill { signal: i32, to: i64 },
}

struct Asked {
    question: Question,
    answer: oneshot::Sender<Vec<String>>,
}

impl Probe {
    /// Starts it in a channel of its own.
    pub(super) async fn start(mut lane: Lane, limit: Duration) -> Result<Self, NoProbe> {
        let mut key = [0; 16];
        SystemRandom::new().fill(&mut key).map_err(|_| NoProbe::Silent)?;
        let key = HEXLOWER.encode(&key);
        lane.exec("exec /bin/sh", limit).await.map_err(|_| NoProbe::Silent)?;
        let script = SCRIPT.replace("KEY", &key);
        if !lane.writer().send(Bytes::from(script)).await {
            return Err(NoProbe::Silent);
        }
        let mut lines = Lines::default();
        // What an rc file prints comes before it.
        let ready = timeout(limit, lines.until(&mut lane, |line| line.starts_with(&key))).await;
        let ready = ready.ok().flatten().ok_or(NoProbe::Silent)?;
        let words: Vec<&str> = ready.last().map_or("", String::as_str).split(' ').collect();
        let [_, "ready", system, processor, pid, ref shell @ ..] = words[..] else {
            return Err(NoProbe::Blind);
        };
        let machine = Machine {
            system: system.to_owned(),
            processor: processor.to_owned(),
            login_shell: shell.join(" "),
        };
        let pid = pid.parse().map_err(|_| NoProbe::Blind)?;
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        tokio::spawn(answer(lane, lines, key, asked));
        Ok(Self { questions, machine, pid })
    }

    /// Says whether it still answers, as far as is known.
    pub(super) fn answers(&self) -> bool {
        !self.questions.is_closed()
    }

    /// Asks; nothing if there is no answer any more.
    pub(super) async fn ask(&self, question: Question) -> Option<Vec<String>> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Asked { question, answer }).await.ok()?;
        answered.await.ok()
    }
}

impl Probe {
    /// Asks for everything of a shell or a command: the processes below it, those of these that live, and what left its tree.
    pub(super) async fn everything(&self, pid: u32, others: Vec<u32>) -> Vec<String> {
        let mut lines = self.ask(Question::Processes(pid, others)).await.unwrap_or_default();
        lines.extend(self.ask(Question::Strays(pid)).await.unwrap_or_default());
        lines
    }
}

impl Question {
    fn line(&self) -> String {
        match self {
            Self::Facts(pid) => format!("f {pid}\n"),
            Self::Processes(pid, others) => {
                let others: Vec<String> = others.iter().map(u32::to_string).collect();
                format!("p {pid} {}\n", others.join(" "))
            }
            Self::Strays(pid) => format!("o {pid}\n"),
            Self::Kin => "c\n".to_owned(),
            Self::Echo(pid) => format!("e {pid}\n"),
            Self::Kill { signal, to } => format!("k {signal} {to}\n"),
        }
    }
}

/// Asks one question after the other, for as long as somebody may ask and the answers come.
async fn answer(mut lane: Lane, mut lines: Lines, key: String, mut asked: mpsc::Receiver<Asked>) {
    let writer = lane.writer();
    loop {
        // While nothing is asked nothing is said, but the end of the channel is heard.
        let asked = tokio::select! {
            asked = asked.recv() => asked,
            heard = lane.next() => {
                if !matches!(heard, Some(Heard::Output(_) | Heard::Error(_))) { return }
                continue;
            }
        };
        let Some(Asked { question, answer }) = asked else { return };
        if !writer.send(Bytes::from(question.line())).await {
            return;
        }
        let answered = timeout(ANSWER_LIMIT, lines.until(&mut lane, |line| line == key)).await;
        let Ok(Some(mut lines)) = answered else {
            tracing::warn!(?question, "the host did not answer: it is asked anew later");
            return;
        };
        lines.pop();
        drop(answer.send(lines));
    }
}

/// What came and was not taken yet.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    whole: VecDeque<String>,
}

impl Lines {
    /// Reads to a line that ends an answer, and returns all up to it; nothing at the end, or if there is too much.
    async fn until(&mut self, lane: &mut Lane, ends: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        loop {
            while let Some(line) = self.whole.pop_front() {
                bytes += line.len();
                let end = ends(&line);
                taken.push(line);
                if end {
                    return Some(taken);
                }
            }
            if bytes + self.rest.len() > ANSWER_BYTES_MAX {
                return None;
            }
            match lane.next().await? {
                Heard::Output(bytes) => self.take(&bytes),
                Heard::Error(_) | Heard::NoTerminal => {}
                Heard::Exit(_) | Heard::Closed => return None,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let Some(end) = self.rest.iter().rposition(|it| *it == b'\n') else { return };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        let whole = String::from_utf8_lossy(&whole[..end]).into_owned();
        self.whole.extend(whole.split('\n').map(ToOwned::to_owned));
    }
}
