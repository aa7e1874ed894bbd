//! Who a peer is: an agent or a person, judged from its process and never from what it says.
//!
//! A person sits at a terminal that is not ours. What runs below one of our holders is an agent's, whatever it did to
//! look like something else: the holder is a child subreaper, so `setsid`, double forks and `script` do not leave it.

use cotty_core::names::{Principal, Role};
use cotty_web::house::{Judged, Peer};

use crate::daemon::processes::{self, Process};

/// A deeper tree is nobody's at a terminal.
const ANCESTORS_MAX: usize = 4096;

/// A tree that changes under our eyes is looked at this often.
const LOOKS_MAX: usize = 8;

/// Where processes are looked at: `/proc`, or a story told by a test.
pub trait Eyes {
    /// Looks at a process.
    fn look(&self, pid: u32) -> Option<Process>;
    /// Returns whether it is a holder.
    fn is_holder(&self, pid: u32) -> bool;
    /// Returns whether a pseudo-terminal is served by a holder.
    fn is_ours(&self, pts: u32) -> bool;
}

/// `/proc`.
#[derive(Debug)]
pub struct Proc;

impl Eyes for Proc {
    fn look(&self, pid: u32) -> Option<Process> {
        Process::look(pid)
    }

    fn is_holder(&self, pid: u32) -> bool {
        processes::is_holder(pid)
    }

    fn is_ours(&self, pts: u32) -> bool {
        processes::holders().into_iter().any(|it| processes::masters(it).contains(&pts))
    }
}

/// Judges a peer of our own user; another user's is nobody.
pub fn judge(eyes: &impl Eyes, peer: Peer) -> Option<Judged> {
    if peer.uid != rustix::process::geteuid().as_raw() {
        return None;
    }
    Some(match decide(eyes, peer.pid) {
        Ok(pts) => {
            let label = pts.map_or_else(|| "console".to_owned(), |it| format!("pts/{it}"));
            let because = format!("its controlling terminal is {label}");
            Judged { principal: Principal { role: Role::Operator, label }, because }
        }
        Err(because) => Judged {
            principal: Principal { role: Role::Agent, label: String::new() },
            because: because.to_owned(),
        },
    })
}

/// Returns the person's pseudo-terminal (none at a console), or why it is no person.
fn decide(eyes: &impl Eyes, pid: Option<u32>) -> Result<Option<u32>, &'static str> {
    let pid = pid.ok_or("the kernel does not name its process")?;
    let peer = eyes.look(pid).ok_or("its process is gone")?;
    if peer.terminal == 0 {
        return Err("it has no controlling terminal");
    }
    let pts = peer.pts();
    if below_a_holder(eyes, &peer)? {
        return Err("it runs inside a session");
    }
    if pts.is_some_and(|it| eyes.is_ours(it)) {
        return Err("its controlling terminal is a session's");
    }
    // The number may have passed to another process while we looked.
    match eyes.look(pid) {
        Some(now) if now.start == peer.start => Ok(pts),
        _ => Err("its process is gone"),
    }
}

fn below_a_holder(eyes: &impl Eyes, peer: &Process) -> Result<bool, &'static str> {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = climb(eyes, peer) {
            return Ok(found);
        }
    }
    Err("its ancestors could not be read")
}

/// Climbs to the root; nothing where the tree changed meanwhile.
fn climb(eyes: &impl Eyes, peer: &Process) -> Option<bool> {
    let mut at = eyes.look(peer.pid).filter(|it| it.start == peer.start)?;
    for _ in 0..ANCESTORS_MAX {
        if eyes.is_holder(at.pid) {
            return Some(true);
        }
        if at.parent == 0 {
            return Some(false);
        }
        let parent = eyes.look(at.parent)?;
        // A parent is older than its child; a younger one has taken the number of one that ended.
        if parent.start > at.start {
            return None;
        }
        at = parent;
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PTS_3: u32 = (136 << 8) | 3;
    const PTS_9: u32 = (136 << 8) | 9;

    /// A tree of processes: (pid, parent, terminal, start); 50 is a holder that serves pts/9.
    struct Story(BTreeMap<u32, Process>);

    impl Eyes for Story {
        fn look(&self, pid: u32) -> Option<Process> {
            self.0.get(&pid).cloned()
        }
        fn is_holder(&self, pid: u32) -> bool {
            pid == 50
        }
        fn is_ours(&self, pts: u32) -> bool {
            pts == 9
        }
    }

    fn story(rows: &[(u32, u32, u32, u64)]) -> Story {
        let process = |&(pid, parent, terminal, start): &_| (pid, Process { pid, parent, terminal, start });
        Story(rows.iter().map(process).collect())
    }

    #[test]
    fn a_shell_at_a_terminal_of_its_own_is_a_person() {
        let story = story(&[(1, 0, 0, 1), (10, 1, PTS_3, 5), (11, 10, PTS_3, 6)]);
        assert_eq!(decide(&story, Some(11)), Ok(Some(3)));
    }

    #[test]
    fn without_a_terminal_it_is_an_agent() {
        let story = story(&[(1, 0, 0, 1), (11, 1, 0, 6)]);
        assert_eq!(decide(&story, Some(11)), Err("it has no controlling terminal"));
        assert_eq!(decide(&story, Some(12)), Err("its process is gone"));
        assert_eq!(decide(&story, None), Err("the kernel does not name its process"));
    }

    #[test]
    fn below_a_holder_a_terminal_of_its_own_helps_nobody() {
        // `script` below a session's shell: another terminal, the same ancestors.
        let story = story(&[(1, 0, 0, 1), (50, 1, 0, 5), (60, 50, PTS_9, 6), (70, 60, PTS_3, 7)]);
        assert_eq!(decide(&story, Some(70)), Err("it runs inside a session"));
        assert_eq!(decide(&story, Some(60)), Err("it runs inside a session"));
    }

    #[test]
    fn a_sessions_terminal_taken_from_outside_makes_nobody_a_person() {
        let story = story(&[(1, 0, 0, 1), (11, 1, PTS_9, 6)]);
        assert_eq!(decide(&story, Some(11)), Err("its controlling terminal is a session's"));
    }

    #[test]
    fn a_parent_younger_than_its_child_is_not_believed() {
        let story = story(&[(1, 0, 0, 1), (10, 1, PTS_3, 9), (11, 10, PTS_3, 6)]);
        assert_eq!(decide(&story, Some(11)), Err("its ancestors could not be read"));
    }

    #[test]
    fn a_circle_of_ancestors_ends() {
        let story = story(&[(10, 11, PTS_3, 5), (11, 10, PTS_3, 5)]);
        assert_eq!(decide(&story, Some(11)), Err("it runs inside a session"));
    }
}
