//! Which process is which shell, found without leaving a trace on the host.
//!
//! All that a connection starts are children of one server process, among them our probe, whose parent that is. The
//! server forks in the order of our requests, so the children with a terminal, by age, are our shells in their order, and those
//! without one our commands.
//! While the two lists differ in length, because one is just beginning or ending, nothing is concluded; nor of two that began
//! in the same second where no more than the second is known; nor of a look during which one began or ended, for what it shows
//! of that may be either.

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
    family: Arc<Mutex<Family>>,
    numbers: Arc<AtomicU64>,
    /// Others start programs there too: the order proves nothing.
    is_shared: bool,
}

#[derive(Default)]
struct Family {
    born: Vec<Born>,
    // How often one began, ended or was let go of.
    changes: Changes,
    // The probe, and those before it that are silent and may still be there.
    probes: Vec<u32>,
}

/// One program, for as long as this lives.
pub(super) struct Birth {
    kin: Kin,
    number: u64,
}

/// How often a program of each kind began, ended or was let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    shells: u64,
    commands: u64,
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
    // Somebody waits for its end. One that was let go of is kept for as long as its process may be there: it is
    // nobody else's.
    held: bool,
}

impl Kin {
    /// Begins for a connection on which others start programs too: there each of ours says which it is.
    pub(super) fn shared() -> Self {
        Self { is_shared: true, ..Self::default() }
    }

    /// Notes that a program was just started which has said its process.
    pub(super) fn known(&self, with: With, pid: Option<u32>) -> Birth {
        let birth = self.born(with);
        self.with(|it| it.born.iter_mut().filter(|it| it.number == birth.number).for_each(|it| it.pid = pid));
        birth
    }

    /// Notes that a program was just started. Called in the order of the requests.
    pub(super) fn born(&self, with: With) -> Birth {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.with(|it| {
            it.born.push(Born { number, with, pid: None, held: true });
            it.changes.count(with);
        });
        Birth { kin: self.clone(), number }
    }

    /// Notes the process of a probe.
    pub(super) fn note_probe(&self, pid: u32) {
        self.with(|it| it.probes.push(pid));
    }

    /// Takes the children of the server process, and gives each program its own if that is certain. `before` are the changes
    /// before it was looked.
    fn settle(&self, children: &Children, before: Changes) {
        self.with(|family| {
            let is_there = |pid: u32| children.stats.iter().any(|it| it.pid == pid && it.is_live());
            // A probe has no terminal: a shell of its number came after it.
            let probe_is_there = |pid: u32| children.stats.iter().any(|it| it.pid == pid && it.tty == 0);
            family.probes.retain(|it| probe_is_there(*it));
            family.born.retain(|it| it.held || it.pid.is_none_or(is_there));
            if self.is_shared {
                return;
            }
            if family.changes.shells == before.shells {
                family.settle(children, With::Terminal);
            }
            if family.changes.commands == before.commands {
                family.settle(children, With::Pipes);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Family) -> T) -> T {
        act(&mut self.family.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Birth {
    /// Returns the process, if it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.kin.with(|it| it.born.iter().find(|it| it.number == self.number)?.pid)
    }

    /// Notes that it has ended: the others are not compared with it any more.
    pub(super) fn end(&self) {
        self.kin.with(|family| {
            if let Some(place) = family.born.iter().position(|it| it.number == self.number) {
                let with = family.born.remove(place).with;
                family.changes.count(with);
            }
        });
    }

    /// Returns the changes so far: asked before a look whose result is given to `find`.
    pub(super) fn changes(&self) -> Changes {
        self.kin.with(|it| it.changes)
    }

    /// Says whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.kin.with(|it| it.born.iter().all(|it| it.number != self.number))
    }

    /// Looks for the process among the children of the server process, as a look found them that began after these changes.
    pub(super) fn find(&self, children: &Children, before: Changes) -> Option<u32> {
        self.kin.settle(children, before);
        self.pid()
    }
}

impl Changes {
    fn count(&mut self, with: With) {
        match with {
            With::Terminal => self.shells += 1,
            With::Pipes => self.commands += 1,
        }
    }
}

impl Family {
    fn settle(&mut self, children: &Children, with: With) {
        let known: Vec<u32> =
            self.born.iter().filter_map(|it| it.pid).chain(self.probes.iter().copied()).collect();
        let fits = |it: &&Stat| (it.tty != 0) == (with == With::Terminal);
        let is_new = |it: &&Stat| fits(it) && it.is_live() && !known.contains(&it.pid);
        let mut found: Vec<&Stat> = children.stats.iter().filter(is_new).collect();
        found.sort_by_key(|it| (it.started_ticks, it.pid));
        // Numbers are given at random on some systems: of two that began in one second none is known to be the first.
        let is_tie = |pair: &[&Stat]| pair[0].started_ticks == pair[1].started_ticks;
        if children.to_the_second && found.windows(2).any(is_tie) {
            return;
        }
        if found.is_empty() {
            self.born.retain(|it| it.held || it.with != with || it.pid.is_some());
            return;
        }
        let mut waiting: Vec<&mut Born> =
            self.born.iter_mut().filter(|it| it.with == with && it.pid.is_none()).collect();
        if waiting.len() == found.len() {
            waiting.iter_mut().zip(found).for_each(|(born, stat)| born.pid = Some(stat.pid));
        }
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        self.kin.with(|family| {
            if let Some(born) = family.born.iter_mut().find(|it| it.number == self.number) {
                born.held = false;
                family.changes.count(born.with);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(pid: u32, tty: u64, started: u64) -> Stat {
        let line = format!("{pid} (bash) S 1 {pid} {pid} {tty} 9 0 0 0 0 0 0 0 0 0 20 0 1 0 {started}");
        Stat::parse(pid, &line).unwrap()
    }

    fn found(birth: &Birth, children: &Children) -> Option<u32> {
        birth.find(children, birth.changes())
    }

    fn children(stats: &[Stat]) -> Children {
        Children { stats: stats.to_vec(), to_the_second: false }
    }

    #[test]
    fn what_was_let_go_of_and_a_silent_probe_are_taken_for_nothing_else() {
        let kin = Kin::default();
        let (known, unknown) = (kin.born(With::Pipes), kin.born(With::Pipes));
        kin.note_probe(5);
        let (probe, old) = (child(5, 0, 1), child(20, 0, 7));
        assert_eq!(found(&known, &children(&[probe.clone(), old.clone(), child(21, 0, 8)])), Some(20));
        drop((known, unknown));
        let lost = kin.born(With::Pipes);
        kin.note_probe(30);
        let new_probe = child(30, 0, 9);
        let seen = [probe.clone(), old.clone(), child(21, 0, 8), new_probe.clone(), child(31, 0, 9)];
        assert_eq!(found(&lost, &children(&seen)), Some(31));
        // One that was let go of before anybody saw its process is found beside the next.
        drop(kin.born(With::Pipes));
        let last = kin.born(With::Pipes);
        let seen = [old, new_probe, child(31, 0, 9), child(40, 0, 11), child(41, 0, 12)];
        assert_eq!(found(&last, &children(&seen)), Some(41));
    }

    #[test]
    fn of_two_that_began_in_one_second_none_is_taken_for_the_other() {
        let kin = Kin::default();
        let (first, second) = (kin.born(With::Terminal), kin.born(With::Terminal));
        let both = [child(20, 1, 700), child(5, 2, 700)];
        let seen = |stats: &[Stat]| Children { stats: stats.to_vec(), to_the_second: true };
        assert_eq!(found(&first, &seen(&both)), None);
        second.end();
        assert_eq!(found(&first, &seen(&both[..1])), Some(20));
    }

    #[test]
    fn shells_are_told_apart_by_their_order_and_only_when_all_are_there() {
        let kin = Kin::default();
        let (first, second) = (kin.born(With::Terminal), kin.born(With::Terminal));
        kin.note_probe(5);
        assert_eq!(found(&first, &children(&[child(20, 34816, 7), child(5, 0, 1)])), None);
        // Process ids come round again: the time of the start counts.
        assert_eq!(found(&first, &children(&[child(20, 34816, 7), child(5, 34817, 8)])), Some(20));
        assert_eq!(second.pid(), Some(5));
        // One that ended is not waited for, though somebody still holds it.
        let fourth = kin.born(With::Terminal);
        fourth.end();
        assert!(fourth.is_over() && fourth.pid().is_none());
        first.end();
        let third = kin.born(With::Terminal);
        assert_eq!(found(&third, &children(&[child(5, 34817, 8), child(30, 34816, 9)])), Some(30));
    }

    #[test]
    fn what_a_look_found_while_one_ended_is_concluded_nothing_from() {
        let kin = Kin::default();
        let (old, new) = (kin.born(With::Terminal), kin.born(With::Terminal));
        // The old one was still there, the new one had no terminal yet; before that is heard the old one has ended.
        let before = new.changes();
        let stale = children(&[child(20, 34816, 7)]);
        old.end();
        assert_eq!(new.find(&stale, before), None);
        assert_eq!(found(&new, &children(&[child(21, 34817, 9)])), Some(21));
    }
}
