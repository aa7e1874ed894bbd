//! Which process is which shell, found without leaving a trace on the host.
//!
//! All that a connection starts are children of one server process, among them our probe, whose parent that is. The
//! server forks in the order of our requests, so the children with a terminal, by age, are our shells in their order, and those
//! without one our commands.
//! While the two lists differ in length, because one is just beginning or ending, nothing is concluded; nor of two that began
//! in the same second where no more than the second is known.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::holder::kernel::Stat;

/// What the server process of a connection has started.
#[derive(Clone, Debug, Default)]
pub(super) struct Children {
    pub(super) stats: Vec<Stat>,
    /// Their beginnings are known to the second only.
    pub(super) to_the_second: bool,
}

/// The programs of one connection.
#[derive(Clone, Default)]
pub(super) struct Kin {
    born: Arc<Mutex<Vec<Born>>>,
    numbers: Arc<AtomicU64>,
}

/// One program, for as long as this lives.
pub(super) struct Birth {
    kin: Kin,
    number: u64,
}

/// What a program was started with. The two kinds are told apart by that, and each is counted for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// A terminal: a shell.
    Terminal,
    /// None: a command.
    Pipes,
}

struct Born {
    number: u64,
    with: With,
    pid: Option<u32>,
}

impl Kin {
    /// Notes that a program was just started. Called in the order of the requests.
    pub(super) fn born(&self, with: With) -> Birth {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.with(|born| born.push(Born { number, with, pid: None }));
        Birth { kin: self.clone(), number }
    }

    /// Takes the children of the server process, and gives each program its own if that is certain.
    fn settle(&self, children: &Children, probe: Option<u32>) {
        self.with(|born| {
            settle(born, children, With::Terminal, probe);
            settle(born, children, With::Pipes, probe);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Born>) -> T) -> T {
        act(&mut self.born.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Birth {
    /// Returns the process, if it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.kin.with(|born| born.iter().find(|it| it.number == self.number)?.pid)
    }

    /// Notes that it has ended: the others are not compared with it any more.
    pub(super) fn end(&self) {
        self.kin.with(|born| born.retain(|it| it.number != self.number));
    }

    /// Says whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.kin.with(|born| born.iter().all(|it| it.number != self.number))
    }

    /// Looks for the process among the children of the server process, of which one is the probe.
    pub(super) fn find(&self, children: &Children, probe: Option<u32>) -> Option<u32> {
        self.kin.settle(children, probe);
        self.pid()
    }
}

fn settle(born: &mut [Born], children: &Children, with: With, probe: Option<u32>) {
    let known: Vec<u32> = born.iter().filter_map(|it| it.pid).chain(probe).collect();
    let fits = |it: &&Stat| (it.tty != 0) == (with == With::Terminal);
    let is_new = |it: &&Stat| fits(it) && it.is_live() && !known.contains(&it.pid);
    let mut found: Vec<&Stat> = children.stats.iter().filter(is_new).collect();
    found.sort_by_key(|it| (it.started_ticks, it.pid));
    // Numbers are given at random on some systems: of two that began in one second none is known to be the first.
    let is_tie = |pair: &[&Stat]| pair[0].started_ticks == pair[1].started_ticks;
    if children.to_the_second && found.windows(2).any(is_tie) {
        return;
    }
    let mut waiting: Vec<&mut Born> =
        born.iter_mut().filter(|it| it.with == with && it.pid.is_none()).collect();
    if waiting.len() == found.len() {
        waiting.iter_mut().zip(found).for_each(|(born, stat)| born.pid = Some(stat.pid));
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(pid: u32, tty: u64, started: u64) -> Stat {
        let line = format!("{pid} (bash) S 1 {pid} {pid} {tty} 9 0 0 0 0 0 0 0 0 0 20 0 1 0 {started}");
        Stat::parse(pid, &line).unwrap()
    }

    fn children(stats: &[Stat]) -> Children {
        Children { stats: stats.to_vec(), to_the_second: false }
    }

    #[test]
    fn of_two_that_began_in_one_second_none_is_taken_for_the_other() {
        let kin = Kin::default();
        let (first, second) = (kin.born(With::Terminal), kin.born(With::Terminal));
        let both = [child(20, 1, 700), child(5, 2, 700)];
        let seen = |stats: &[Stat]| Children { stats: stats.to_vec(), to_the_second: true };
        assert_eq!(first.find(&seen(&both), None), None);
        second.end();
        assert_eq!(first.find(&seen(&both[..1]), None), Some(20));
    }

    #[test]
    fn shells_are_told_apart_by_their_order_and_only_when_all_are_there() {
        let kin = Kin::default();
        let (first, second) = (kin.born(With::Terminal), kin.born(With::Terminal));
        assert_eq!(first.find(&children(&[child(20, 34816, 7), child(5, 0, 1)]), Some(5)), None);
        // Process ids come round again: the time of the start counts.
        assert_eq!(first.find(&children(&[child(20, 34816, 7), child(5, 34817, 8)]), None), Some(20));
        assert_eq!(second.pid(), Some(5));
        // One that ended is not waited for, though somebody still holds it.
        let fourth = kin.born(With::Terminal);
        fourth.end();
        assert!(fourth.is_over() && fourth.pid().is_none());
        drop(first);
        let third = kin.born(With::Terminal);
        assert_eq!(third.find(&children(&[child(5, 34817, 8), child(30, 34816, 9)]), None), Some(30));
    }
}
