//! Looks at one shell on behalf of its task: facts, processes, signals, and whether the shell stands at its prompt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cotty_core::facts::{Blocked, Facts};
use cotty_core::probe::Wait;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::holder::frame::{Applied, Event, RefusalKind, SignalTo};
use crate::native::connect::Connection;
use crate::native::finding::{BEGINNING, find};
use crate::native::kin::Birth;
use crate::native::probe::{Probe, Question};
use crate::native::sight;

/// So many orders may wait. Facts that are asked for beyond it are counted: each question has its answer.
const ORDERS_MAX: usize = 64;

/// So many processes are remembered for the list of what outlives a command.
const KNOWN_MAX: usize = 128;

/// After so much silence it is looked whether the shell stands at its prompt.
const QUIET: Duration = Duration::from_millis(30);

/// Asks, and hears the answers.
pub(super) struct Looker {
    orders: mpsc::Sender<Order>,
    // How often facts were asked for while no order had room.
    counted: Arc<AtomicUsize>,
    answers: mpsc::Receiver<Answer>,
    // What the terminal is like while the shell reads at its prompt, from the last look, if nothing was sent since that
    // a shell acts on: only then what is typed is known to be shown.
    prompt: Option<Applied>,
    birth: Arc<Birth>,
    sent: u64,
    quiet_at: Option<Instant>,
}

/// What was heard of a look.
pub(super) enum Looked {
    /// An answer for the engine.
    Told(Event),
    /// The terminal shows again what is typed, or cannot be made to.
    Echoes,
}

#[derive(Debug)]
enum Order {
    /// So many questions for facts, the last of them after so much was sent.
    Facts {
        told: usize,
        sent: u64,
    },
    Processes,
    Echo,
    Signal(SignalTo, i32),
}

/// The orders, of which those for facts are taken together: one look answers all who asked before it.
struct Ordered {
    orders: mpsc::Receiver<Order>,
    next: Option<Order>,
    counted: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Answer {
    event: Option<Event>,
    prompt: Option<(u64, Option<Applied>)>,
    echoes: bool,
}

impl Looker {
    /// Begins for a shell that was just asked for, and which this program is to be, if it is not the account's.
    pub(super) fn start(connection: Arc<Connection>, birth: Birth, program: Option<String>) -> Self {
        let (orders, ordered) = mpsc::channel(ORDERS_MAX);
        let (answer, answers) = mpsc::channel(ORDERS_MAX);
        let (birth, counted) = (Arc::new(birth), Arc::<AtomicUsize>::default());
        let ordered = Ordered { orders: ordered, next: None, counted: counted.clone() };
        tokio::spawn(look(connection, birth.clone(), program, ordered, answer));
        Self { orders, counted, answers, prompt: None, birth, sent: 0, quiet_at: None }
    }

    /// Asks for facts.
    pub(super) fn facts(&self) {
        if self.orders.try_send(Order::Facts { told: 1, sent: self.sent }).is_err() {
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks for the processes.
    pub(super) fn processes(&self) {
        self.order(Order::Processes);
    }

    /// Lets the terminal show again what is typed; returns whether [`Looked::Echoes`] will follow.
    pub(super) fn restore_echo(&self) -> bool {
        self.order(Order::Echo)
    }

    /// Sends a signal.
    pub(super) fn signal(&self, to: SignalTo, signal: i32) {
        self.order(Order::Signal(to, signal));
    }

    /// Waits for the next answer. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Looked> {
        loop {
            let answer = tokio::select! {
                biased;
                answer = self.answers.recv() => answer?,
                () = passed(self.quiet_at) => {
                    self.quiet_at = None;
                    // Where there is no room somebody has asked already.
                    drop(self.orders.try_send(Order::Facts { told: 0, sent: self.sent }));
                    continue;
                }
            };
            if let Some((sent, prompt)) = answer.prompt
                && sent == self.sent
            {
                self.prompt = prompt;
            }
            if answer.echoes {
                return Some(Looked::Echoes);
            }
            if let Some(event) = answer.event {
                return Some(Looked::Told(event));
            }
        }
    }

    /// Notes that the shell has ended.
    pub(super) fn end(&mut self) {
        self.birth.end();
        (self.prompt, self.quiet_at) = (None, None);
    }

    /// Notes that something was printed.
    pub(super) fn disturb(&mut self) {
        if self.prompt.is_none() {
            self.quiet_at = Some(Instant::now() + QUIET);
        }
    }

    /// Notes that something was typed. A shell at its prompt acts on control characters only.
    pub(super) fn note_input(&mut self, bytes: &Bytes) {
        if bytes.iter().any(u8::is_ascii_control) {
            self.sent += 1;
            self.prompt = None;
        }
    }

    /// Returns what is known of the terminal at this moment: what is not known is not shown.
    pub(super) fn seen(&self) -> Applied {
        self.prompt.unwrap_or_default()
    }

    fn order(&self, order: Order) -> bool {
        let taken = self.orders.try_send(order);
        if let Err(error) = &taken {
            tracing::warn!(%error, "too many looks are asked for");
        }
        taken.is_ok()
    }
}

impl Ordered {
    async fn next(&mut self) -> Option<Order> {
        let order = match self.next.take() {
            Some(order) => order,
            None => self.orders.recv().await?,
        };
        let Order::Facts { mut told, mut sent } = order else { return Some(order) };
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Facts { told: more, sent: later } => (told, sent) = (told + more, later),
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        told += self.counted.swap(0, Ordering::Relaxed);
        Some(Order::Facts { told, sent })
    }
}

/// Carries orders out, one after the other: their answers come in their order.
async fn look(
    connection: Arc<Connection>,
    birth: Arc<Birth>,
    program: Option<String>,
    mut orders: Ordered,
    tell: mpsc::Sender<Answer>,
) {
    let first = connection.probe().await;
    let login_shell = || first.as_ref().map(|it| it.machine.login_shell.clone()).unwrap_or_default();
    let unseen = Facts::unseen(&program.unwrap_or_else(login_shell));
    if let Some(probe) = &first {
        find(probe, &birth, BEGINNING).await;
    }
    let mut known = Vec::new();
    while let Some(order) = orders.next().await {
        // It may have fallen silent and be another by now.
        let probe = connection.probe().await;
        if let Some(probe) = &probe {
            find(probe, &birth, 1).await;
        }
        let seen = probe.as_ref().zip(birth.pid());
        let answer = match order {
            Order::Facts { told, sent } => {
                // One that has ended is gone; one that was not found is unknown.
                let facts = if birth.is_over() {
                    Facts::default()
                } else {
                    facts(seen).await.unwrap_or_else(|| unseen.clone())
                };
                let prompt = Some((sent, at_prompt(&facts)));
                for _ in 1..told {
                    let event = Some(Event::Facts(Box::new(facts.clone())));
                    if tell.send(Answer { event, ..Answer::default() }).await.is_err() {
                        return;
                    }
                }
                let event = (told > 0).then(|| Event::Facts(Box::new(facts)));
                Answer { event, prompt, ..Answer::default() }
            }
            Order::Processes => Answer { event: Some(processes(seen, &known).await), ..Answer::default() },
            Order::Echo => {
                if let Some((probe, pid)) = seen {
                    drop(probe.ask(Question::Echo(pid)).await); // Where it cannot be done it stays as it is.
                }
                Answer { echoes: true, ..Answer::default() }
            }
            Order::Signal(to, signal) => {
                // What outlives its parent is found under nobody any more: it is remembered before.
                remember(seen, &mut known).await;
                let event = kill(probe.as_ref(), birth.pid(), to, signal).await;
                Answer { event, ..Answer::default() }
            }
        };
        if tell.send(answer).await.is_err() {
            return;
        }
    }
}

/// Returns the facts; nothing where none are to be had.
async fn facts(seen: Option<(&Probe, u32)>) -> Option<Facts> {
    let (probe, pid) = seen?;
    let lines = probe.ask(Question::Facts(pid)).await?;
    sight::facts(&lines, &probe.machine)
}

/// Returns what typing at the shell's prompt is like, if the shell reads there and hides nothing.
fn at_prompt(facts: &Facts) -> Option<Applied> {
    let hides = facts.canonical && !facts.echo;
    let shell = facts.members.iter().find(|it| it.program.pid == facts.shell.pid)?;
    let reads = match &shell.blocked {
        Blocked::OnTerminal => true,
        Blocked::Unseen { channel, terminal: true, socket: false } => match Wait::of(channel) {
            Wait::Reads | Wait::Polls => true,
            Wait::Hidden => !facts.canonical,
            Wait::Other => false,
        },
        Blocked::OnTerminalByte | Blocked::Elsewhere | Blocked::Unseen { .. } => false,
    };
    let (echo, canonical) = (facts.echo, facts.canonical);
    (reads && !hides).then_some(Applied { sequence: 0, echo, canonical, shell_reads: true, turning: false })
}

/// A process, by its number and the time of its start: numbers come round again.
type Known = (u32, u64);

async fn processes(seen: Option<(&Probe, u32)>, known: &[Known]) -> Event {
    let Some((probe, pid)) = seen else { return Event::Processes(Vec::new()) };
    let others = known.iter().map(|it| it.0).collect();
    let lines = probe.everything(pid, others).await;
    let is_other = |it: u32, started: u64| known.iter().any(|known| known.0 == it && known.1 != started);
    Event::Processes(sight::processes(&lines, pid, is_other))
}

async fn remember(seen: Option<(&Probe, u32)>, known: &mut Vec<Known>) {
    let Some((probe, pid)) = seen else { return };
    let others = known.iter().map(|it| it.0).collect();
    let lines = probe.everything(pid, others).await;
    *known =
        sight::children(&lines).stats.iter().take(KNOWN_MAX).map(|it| (it.pid, it.started_ticks)).collect();
}

/// Sends a signal by the second channel; says so if that failed.
async fn kill(probe: Option<&Probe>, shell: Option<u32>, to: SignalTo, signal: i32) -> Option<Event> {
    let refused = |text: String| Some(Event::Refused { kind: RefusalKind::Failed, text });
    let Some(probe) = probe else {
        return refused(format!("signal {signal} cannot be sent: this host has no second channel for it"));
    };
    let to = match to {
        SignalTo::Process(pid) => i64::from(pid),
        SignalTo::Group(group) => -i64::from(group),
        SignalTo::Foreground | SignalTo::ForegroundButShell => {
            let facts = facts(shell.map(|it| (probe, it))).await.unwrap_or_default();
            match facts.foreground {
                0 => return refused("there is no foreground group".to_owned()),
                // A login shell leads its group.
                group if to == SignalTo::ForegroundButShell && Some(group) == shell => return None,
                group => -i64::from(group),
            }
        }
    };
    // 0, 1, -1 and their like would reach what is not ours.
    if to.unsigned_abs() <= 1 {
        return refused(format!("{to} is no process of this session"));
    }
    match probe.ask(Question::Kill { signal, to }).await {
        Some(lines) if lines.iter().any(|it| it == "done") => None,
        _ => refused(format!("signal {signal} to {to} was not sent")),
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
