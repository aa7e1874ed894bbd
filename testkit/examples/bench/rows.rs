//! The rows: what is measured, against which floor, and what was promised.

mod scene;
mod time;
mod flood;
mod memory;
mod texts;
mod bare;
mod ssh;
mod devices;

use cotty_testkit::pairs::Pairs;

/// One row of the table.
pub struct Row {
    /// Its name, as one types it.
    pub name: &'static str,
    /// What is measured.
    pub command: &'static str,
    /// What its figures are.
    pub unit: Unit,
    /// What was promised about them.
    pub promise: Promise,
    /// Measures it.
    pub measure: fn() -> Pairs,
}

/// What a figure counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Time.
    Seconds,
    /// Memory.
    Bytes,
    /// Text that a model is given.
    Characters,
    /// The same, four characters to one.
    Tokens,
}

/// What the median may be at most.
#[derive(Clone, Copy)]
pub enum Promise {
    /// The figure is only told.
    Nothing,
    /// Ours in parts of the floor.
    Ratio(f64),
    /// Ours less the floor.
    Difference(f64),
    /// Ours, whatever the floor is.
    Figure(f64),
}

use Promise::{Difference, Figure, Nothing, Ratio};
use Unit::{Bytes, Characters, Seconds, Tokens};

/// A mebibyte.
const MIB: f64 = 1_048_576.0;

const fn row(
    name: &'static str,
    command: &'static str,
    unit: Unit,
    promise: Promise,
    measure: fn() -> Pairs,
) -> Row {
    Row { name, command, unit, promise, measure }
}

/// All rows. BENCHMARKS.md says in words what floor and ours are.
pub const ROWS: [Row; 27] = [
    row("start", "cotty mcp: initialize", Seconds, Difference(0.001), time::start),
    row("first", "the first ssh_run true, with daemon start", Seconds, Figure(0.050), time::first),
    row("call", "ssh_list, no sessions", Seconds, Nothing, time::call),
    row("command", "ssh_run true", Seconds, Difference(0.000_25), time::command),
    row("hops", "true through as many bare processes", Seconds, Nothing, time::hops),
    row("input", "ssh_run cat, to needs input", Seconds, Difference(0.030), time::input),
    row("echo", "p95 of keys in attach beside yes", Seconds, Figure(0.005), time::echo),
    row("twenty", "20 × ssh_run sleep 0.5 at once", Seconds, Figure(0.6), time::twenty),
    row("flood", "ssh_run cat 72MB", Seconds, Ratio(1.3), flood::on_all_cores),
    row("flood-1", "the same, all on one core", Seconds, Ratio(1.7), flood::on_one_core),
    row("growth", "ssh_run cat 72MB: memory at its peak", Bytes, Figure(16.0 * MIB), flood::growth),
    row("idle", "daemon and holder, one session", Bytes, Figure(15e6), memory::idle),
    row("sessions", "one of 50 sessions with 1,000 lines", Bytes, Figure(0.25 * MIB), memory::sessions),
    row("ssh-first", "ssh_run true, no connection open", Seconds, Ratio(0.75), ssh::connect),
    row("ssh-connect", "ssh_run isolated true, no connection open", Seconds, Ratio(1.15), ssh::connect_alone),
    row("ssh-command", "ssh_run true over SSH", Seconds, Difference(0.000_25), ssh::command),
    row("ssh-flood", "ssh_run cat 72MB over SSH", Seconds, Ratio(1.15), ssh::flood),
    row("ssh-growth", "the same: memory at its peak", Bytes, Figure(16.0 * MIB), ssh::growth),
    row("ssh-exec", "ssh_run isolated true over SSH", Seconds, Ratio(1.25), ssh::exec),
    row("ssh-channel", "one more channel beside a session", Seconds, Figure(0.005), ssh::channel),
    row("ssh-sessions", "one of 50 with 1,000 lines over SSH", Bytes, Figure(0.25 * MIB), ssh::sessions),
    row("ssh-keys", "p99 of keys in attach beside yes, one connection", Seconds, Ratio(1.5), ssh::keys),
    row(
        "ssh-keys-shared",
        "the same beside yes, and ssh's own shared connection",
        Seconds,
        Nothing,
        ssh::keys_shared,
    ),
    row("devices", "100 devices checked and listed", Seconds, Figure(0.050), devices::list),
    row("resolve", "a name of which ssh is asked", Seconds, Difference(0.002), devices::resolve),
    row("tools", "tools/list", Tokens, Figure(1_900.0), texts::tools),
    row("answer", "ssh_run ls /etc", Characters, Ratio(1.1), texts::answer),
];
