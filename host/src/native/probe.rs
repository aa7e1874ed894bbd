//! What the host's kernel says of a shell's terminal.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::holder::frame::{Applied, Event, RefusalKind, SignalTo};

/// An engine that asks more at once is not answered.
const ORDERS_MAX: usize = 64;

/// Looks at one shell on behalf of its task, one thing after the other.
pub(super) struct Looker {
    orders: mpsc::Sender<Order>,
    answers: mpsc::Receiver<Event>,
}

#[derive(Debug)]
enum Order {
    Facts,
    Processes,
    Signal(SignalTo, i32),
}

impl Looker {
    /// Begins.
    pub(super) fn start() -> Self {
        let (orders, ordered) = mpsc::channel(ORDERS_MAX);
        let (answer, answers) = mpsc::channel(ORDERS_MAX);
        tokio::spawn(look(ordered, answer));
        Self { orders, answers }
    }

    /// Asks for facts.
    pub(super) fn facts(&self) {
        drop(self.orders.try_send(Order::Facts));
    }

    /// Asks for the processes.
    pub(super) fn processes(&self) {
        drop(self.orders.try_send(Order::Processes));
    }

    /// Sends a signal.
    pub(super) fn signal(&self, to: SignalTo, signal: i32) {
        drop(self.orders.try_send(Order::Signal(to, signal)));
    }

    /// Waits for the next answer.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.answers.recv().await
    }

    /// Notes that something was printed.
    pub(super) fn disturb(&mut self) {}

    /// Notes that something was typed.
    pub(super) fn note_input(&mut self, _bytes: &Bytes) {}

    /// Returns what is known of the terminal at this moment.
    pub(super) fn seen(&self) -> Applied {
        Applied::default()
    }
}

async fn look(mut orders: mpsc::Receiver<Order>, answer: mpsc::Sender<Event>) {
    while let Some(order) = orders.recv().await {
        let event = match order {
            Order::Facts => Event::Facts(Box::default()),
            Order::Processes => Event::Processes(Vec::new()),
            Order::Signal(to, signal) => {
                let text = format!("signal {signal} cannot be sent to {to:?} there");
                Event::Refused { kind: RefusalKind::Failed, text }
            }
        };
        if answer.send(event).await.is_err() {
            return;
        }
    }
}
