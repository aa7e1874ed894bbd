//! From kernel facts to a verdict: what a terminal's foreground does, by rules that read no text.
//!
//! The order of the rules matters; each line of [`judge`] is one of them. A verdict counts only after two equal
//! answers in quiet, which is the business of [`Prober`].

use std::time::{Duration, Instant};

use crate::dialect::Shell;
use crate::facts::{Blocked, Facts, Inner, Member, Program};
use crate::names::{Boundary, InputKind};
use crate::programs::{EDITORS, Multiplexer, PAGERS, REMOTES, SHELLS, arguments, called};

/// Output must have been quiet for this long before facts mean anything.
const QUIET: Duration = Duration::from_millis(5);
/// After keys, as long as nothing is printed: a busy machine hands them to who waits for them only some time later, and
/// until then that looks as if it waited for more.
const TAKEN: Duration = Duration::from_millis(30);
/// Between the two equal answers.
const AGAIN: Duration = Duration::from_millis(5);
/// A foreground that works is asked again after this, doubled each time …
const BUSY_FIRST: Duration = Duration::from_millis(10);
/// … up to this.
const BUSY_MAX: Duration = Duration::from_millis(250);

/// Where the shell stands whose prompt counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Front {
    /// It is the session's own.
    #[default]
    Own,
    /// It is this process, inside the session's own.
    Inside(u32),
    /// It is where the kernel here shows nothing: on another machine, in a container, below another user's `sudo`.
    Beyond,
}

/// What the session knows beside the facts.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Where the shell stands.
    pub front: Front,
    /// What it speaks.
    pub shell: Shell,
    /// Device and inode of the shell when it last signed a prompt.
    pub executable: Option<(u64, u64)>,
    /// The last mark was that of a second prompt.
    pub more_wanted: bool,
    /// A command was given, and neither its start nor a prompt was marked since.
    pub unanswered: bool,
    /// The screen has been addressed since the command was given.
    pub addressed: bool,
    /// Somebody holds the output back (Ctrl-S): who prints then sleeps like who reads.
    pub held: bool,
}

/// What the foreground does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It works, or nothing certain can be said about what it waits for.
    Running {
        /// Why no more can be said, if that is so (`opaque`, `unseen`).
        because: Option<&'static str>,
    },
    /// The session's shell itself reads its terminal.
    AtShell,
    /// A program waits for somebody.
    Waits(InputKind),
    /// Another shell waits at its prompt, or the shell has replaced itself.
    Nested(Program),
    /// A program carries the terminal elsewhere (`ssh`, `docker`), and whether anybody waits there is not to be seen.
    Remote(Program),
    /// The shell is gone.
    Gone,
}

/// Judges one answer. Also returns how surely: without `/proc/PID/syscall` a verdict is only probed in part.
#[must_use]
pub fn judge(facts: &Facts, around: &Surroundings) -> (Judged, Boundary) {
    if facts.shell.pid == 0 {
        return (Judged::Gone, Boundary::Probed);
    }
    let Some(terminal) = innermost(facts) else {
        return (Judged::Running { because: Some("opaque") }, Boundary::Probed);
    };
    let shell = match around.front {
        Front::Own => facts.shell.pid,
        Front::Inside(pid) => pid,
        Front::Beyond => 0,
    };
    let in_front = terminal.members.iter().find(|member| member.program.pid == shell);
    if let Some(Member { program, .. }) = in_front
        && around.executable.is_some()
        && program.executable.is_some()
        && around.executable != program.executable
    {
        // What it has become is a program like any other: one that may be a shell, and may read.
        return judge_foreground(terminal, around, 0);
    }
    judge_foreground(terminal, around, shell)
}

/// Returns the name of the program that waits for the terminal, where one does.
#[must_use]
pub fn reader_of(facts: &Facts) -> Option<&str> {
    let terminal = innermost(facts).unwrap_or(facts);
    let shell_in_front = terminal.members.iter().any(|member| member.program.pid == facts.shell.pid);
    reader(terminal, shell_in_front).map(called)
}

/// Finds what reads the terminal, or has handed it to a server that does.
fn reader(facts: &Facts, shell_in_front: bool) -> Option<&Member> {
    let hands_on = |it: &&Member| !facts.canonical && Multiplexer::of_program(&it.program.comm).is_some();
    let waits = |it: &&Member| waits(it, facts, shell_in_front);
    facts.members.iter().find(waits).or_else(|| facts.members.iter().find(hands_on))
}

/// Returns whether the shell that reads in raw mode does so by a builtin that takes single keys, `read -n1` or `read -k`: a
/// line editor turns the echo off as well.
pub(crate) fn reads_a_key(facts: &Facts, shell: Shell) -> bool {
    let Some(terminal) = innermost(facts).filter(|it| !it.canonical) else { return false };
    let by_byte = |member: &Member| member.blocked == Blocked::OnTerminalByte;
    terminal.echo || shell.polls_at_prompt() && terminal.members.iter().any(by_byte)
}

/// Returns whether the shell whose prompt counts stands in front itself.
pub(crate) fn has_in_front(facts: &Facts, front: Front) -> bool {
    let pid = match front {
        Front::Own => facts.shell.pid,
        Front::Inside(pid) => pid,
        Front::Beyond => return false,
    };
    innermost(facts).is_some_and(|it| it.members.iter().any(|member| member.program.pid == pid))
}

/// Returns the terminal of the program in front; nothing if it may not be read.
pub(crate) fn innermost(facts: &Facts) -> Option<&Facts> {
    match &facts.inner {
        Inner::None => Some(facts),
        Inner::Terminal(inner) => innermost(inner),
        Inner::Opaque => None,
    }
}

fn judge_foreground(facts: &Facts, around: &Surroundings, shell: u32) -> (Judged, Boundary) {
    let shell_in_front = facts.members.iter().any(|member| member.program.pid == shell);
    let boundary = Boundary::Probed;
    let reader = reader(facts, shell_in_front);
    // A read of a terminal and a write to it wait in one place: only the system call tells them apart.
    let in_doubt = |it: &&Member| around.held && matches!(it.blocked, Blocked::Unseen { .. });
    if facts.canonical && reader.as_ref().is_some_and(in_doubt) {
        return (Judged::Running { because: Some("output held") }, boundary);
    }
    // A host that hides other accounts' processes (hidepid) shows a group in front and nobody in it.
    let hidden_group = facts.members.is_empty() && facts.foreground != 0;
    if hidden_group && facts.canonical && !facts.echo {
        return (Judged::Waits(InputKind::Secret), boundary);
    }
    let Some(reader) = reader else {
        if let Some(carrier) = facts.members.iter().find(|it| may_carry(it, facts)) {
            return (Judged::Remote(carrier.program.clone()), boundary);
        }
        let unseen = facts.members.iter().any(|member| matches!(member.blocked, Blocked::Unseen { .. }));
        let unseen = unseen || hidden_group;
        return (Judged::Running { because: unseen.then_some("unseen") }, boundary);
    };
    if reader.program.pid == shell {
        // A prompt of its own, its second prompt, or a builtin such as `read`.
        return (judge_shell(facts, around, reader), boundary);
    }
    let comm = called(reader);
    let remote = REMOTES.contains(&comm) && !facts.canonical;
    let hidden = facts.canonical && !facts.echo;
    let judged = if remote {
        Judged::Remote(reader.program.clone())
    } else if SHELLS.contains(&comm) && is_interactive(reader) && !hidden {
        Judged::Nested(reader.program.clone())
    } else if hidden {
        Judged::Waits(InputKind::Secret)
    } else if facts.canonical {
        Judged::Waits(InputKind::Line)
    } else {
        Judged::Waits(judge_raw(comm, around))
    };
    (judged, boundary)
}

/// The shell itself reads: a line editor leaves the terminal raw, a builtin leaves it canonical.
fn judge_shell(facts: &Facts, around: &Surroundings, reader: &Member) -> Judged {
    let at_editor = !facts.canonical || !around.shell.edits_lines();
    if around.more_wanted && at_editor {
        return Judged::Waits(InputKind::IncompleteSyntax);
    }
    if around.unanswered && around.shell.marks_starts() && !facts.canonical {
        return Judged::Waits(InputKind::IncompleteSyntax);
    }
    match (facts.canonical, facts.echo) {
        (true, _) if !around.shell.reads_whole_lines() => Judged::Running { because: None },
        // Somebody has turned the echo off (`stty -echo`): its prompt asks for more than its `read` does.
        (true, false) if !around.shell.edits_lines() && reader.blocked == Blocked::OnTerminal => {
            Judged::AtShell
        }
        (true, false) => Judged::Waits(InputKind::Secret),
        (true, true) if around.shell.edits_lines() || reader.blocked == Blocked::OnTerminalByte => {
            Judged::Waits(InputKind::Line)
        }
        _ => Judged::AtShell,
    }
}

/// What carries the terminal elsewhere has a connection open too: without its system call it is not to be seen which of the
/// two it waits for, and it makes no difference.
fn may_carry(member: &Member, facts: &Facts) -> bool {
    let holds = matches!(member.blocked, Blocked::Unseen { terminal: true, .. });
    holds && !facts.canonical && REMOTES.contains(&called(member))
}

fn judge_raw(comm: &str, around: &Surroundings) -> InputKind {
    if PAGERS.contains(&comm) {
        InputKind::Pager
    } else if EDITORS.contains(&comm) {
        InputKind::Editor
    } else if around.addressed || Multiplexer::of_program(comm).is_some() {
        InputKind::FullScreen
    } else {
        InputKind::Line
    }
}

fn edits_lines(member: &Member) -> bool {
    Shell::of_login(called(member)).is_some_and(Shell::edits_lines)
}

/// A shell with `-c` or a script is a program like another.
fn is_interactive(member: &Member) -> bool {
    arguments(member).all(|it| {
        it.starts_with('-')
            && it != "-c"
            && !(it.starts_with('-') && !it.starts_with("--") && it.contains('c'))
    })
}

/// What the name of a wait channel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A read that may be of a terminal.
    Reads,
    /// A wait for any of several descriptors.
    Polls,
    /// No name is told.
    Hidden,
    /// Something else.
    Other,
}

impl Wait {
    /// Reads a name: of Linux; `ttyin`, `select` and `kqread` of FreeBSD and OpenBSD; `ttyraw` of NetBSD.
    #[must_use]
    pub fn of(channel: &str) -> Self {
        match channel {
            "" => Self::Hidden,
            "wait_woken" | "n_tty_read" | "ttyin" | "ttyraw" => Self::Reads,
            _ if channel.contains("poll") || channel.contains("select") || channel.starts_with("kq") => {
                Self::Polls
            }
            _ => Self::Other,
        }
    }
}

/// Waits for the terminal: asleep in a read of it, or in a poll that includes it.
fn waits(member: &Member, facts: &Facts, shell_in_front: bool) -> bool {
    if member.state != 'S' {
        return false;
    }
    match &member.blocked {
        Blocked::OnTerminal | Blocked::OnTerminalByte => true,
        Blocked::Elsewhere => false,
        // Another user's process hides what it is blocked on: asleep with the echo off is called a secret.
        // A shell's line editor makes its terminal raw only to read it.
        Blocked::Unseen { .. } if member.foreign && hides_what_it_reads(member, facts) => true,
        Blocked::Unseen { channel, terminal, socket } => {
            *terminal
                && !*socket
                && match Wait::of(channel) {
                    Wait::Reads => true,
                    Wait::Polls => !facts.canonical || shell_in_front,
                    // Where no channel is told (macOS): a shell's line editor makes its terminal raw only to read it.
                    Wait::Hidden => {
                        shell_in_front && !facts.canonical && member.program.pid == facts.shell.pid
                    }
                    Wait::Other => false,
                }
        }
    }
}

fn hides_what_it_reads(member: &Member, facts: &Facts) -> bool {
    !facts.echo && (facts.canonical || edits_lines(member) && is_interactive(member))
}

/// Decides when to ask for facts, and when two answers make a verdict.
#[derive(Clone, Debug, Default)]
pub struct Prober {
    ask_at: Option<Instant>,
    asked: Option<u64>,
    asked_number: u64,
    backoff: Option<Duration>,
    first: Option<(Judged, u32)>,
}

impl Prober {
    /// Something happened (output, input, a new interest): what was seen is void, and quiet begins.
    pub fn disturb(&mut self, now: Instant) {
        *self = Self { ask_at: Some(now + QUIET), asked_number: self.asked_number, ..Self::default() };
    }

    /// Keys were typed: whoever waited is given time to take them, or to print.
    pub fn put_off(&mut self, now: Instant) {
        if let Some(at) = &mut self.ask_at {
            *at = (*at).max(now + TAKEN);
        }
    }

    /// Nobody is interested.
    pub fn rest(&mut self) {
        *self = Self { asked_number: self.asked_number, ..Self::default() };
    }

    /// Returns whether facts are being waited for or will be asked for.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.ask_at.is_some() || self.asked.is_some()
    }

    /// Returns when to ask next.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.ask_at
    }

    /// Returns the number of the question to ask now, if it is time.
    pub fn ask(&mut self, now: Instant) -> Option<u64> {
        if self.ask_at.is_none_or(|at| at > now) {
            return None;
        }
        self.ask_at = None;
        self.asked_number += 1;
        self.asked = Some(self.asked_number);
        self.asked
    }

    /// Takes in an answer; returns it when it is the second equal one.
    pub fn answer(&mut self, now: Instant, number: u64, judged: Judged, foreground: u32) -> Option<Judged> {
        if self.asked != Some(number) {
            return None; // Something happened since the question: the answer speaks of another moment.
        }
        self.asked = None;
        let this = (judged, foreground);
        if self.first.as_ref() == Some(&this) {
            self.ask_at = Some(now + self.slower());
            return Some(this.0);
        }
        let busy = matches!(this.0, Judged::Running { .. });
        self.ask_at = Some(now + if busy { self.slower() } else { AGAIN });
        if !busy {
            self.backoff = None;
        }
        self.first = Some(this);
        None
    }

    fn slower(&mut self) -> Duration {
        let wait = self.backoff.map_or(BUSY_FIRST, |last| (last * 2).min(BUSY_MAX));
        self.backoff = Some(wait);
        wait
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has a clock")]
mod tests {
    use super::*;
    use crate::facts::Program;

    const AROUND: Surroundings = Surroundings {
        front: Front::Own,
        shell: Shell::Bash,
        executable: Some((1, 1)),
        more_wanted: false,
        unanswered: false,
        addressed: false,
        held: false,
    };

    fn facts(comm: &str, canonical: bool, echo: bool) -> Facts {
        let member = Member {
            program: Program { pid: 2, executable: None, comm: comm.into() },
            state: 'S',
            argv: vec![comm.into()],
            foreign: false,
            blocked: Blocked::OnTerminal,
        };
        let shell = Program { pid: 1, executable: Some((1, 1)), comm: "bash".into() };
        Facts { shell, foreground: 2, echo, canonical, members: vec![member], inner: Inner::None }
    }

    #[test]
    fn what_a_program_waits_for() {
        let judged = |comm: &str, canonical, echo| judge(&facts(comm, canonical, echo), &AROUND).0;
        assert_eq!(judged("cat", true, true), Judged::Waits(InputKind::Line));
        assert_eq!(judged("sudo", true, false), Judged::Waits(InputKind::Secret));
        assert_eq!(judged("less", false, false), Judged::Waits(InputKind::Pager));
        assert_eq!(judged("vim", false, false), Judged::Waits(InputKind::Editor));
        assert_eq!(judged("python3", false, false), Judged::Waits(InputKind::Line));
        assert!(matches!(judged("dash", true, true), Judged::Nested(it) if it.comm == "dash"));
    }

    #[test]
    fn who_prints_against_a_held_terminal_is_not_called_a_reader() {
        let mut facts = facts("cat", true, true);
        let judged = |facts: &Facts, held| judge(facts, &Surroundings { held, ..AROUND }).0;
        assert_eq!(judged(&facts, true), Judged::Waits(InputKind::Line), "its system call is seen");
        let channel = "wait_woken".to_owned();
        facts.members[0].blocked = Blocked::Unseen { channel, terminal: true, socket: false };
        assert_eq!(judged(&facts, false), Judged::Waits(InputKind::Line));
        assert_eq!(judged(&facts, true), Judged::Running { because: Some("output held") });
        facts.canonical = false;
        assert_eq!(
            judged(&facts, true),
            Judged::Waits(InputKind::Line),
            "there Ctrl-S is a key like another"
        );
    }

    #[test]
    fn a_builtin_that_takes_single_keys_is_told_from_a_line_editor() {
        let mut facts = facts("bash", false, false);
        (facts.shell.pid, facts.members[0].program.pid) = (2, 2);
        assert!(!reads_a_key(&facts, Shell::Bash), "its line editor");
        facts.members[0].blocked = Blocked::OnTerminalByte;
        assert!(reads_a_key(&facts, Shell::Bash) && !reads_a_key(&facts, Shell::Zsh));
        facts.echo = true;
        assert!(reads_a_key(&facts, Shell::Zsh));
        facts.canonical = true;
        assert!(!reads_a_key(&facts, Shell::Zsh));
    }

    #[test]
    fn another_user_s_reader_counts_where_it_may_be_looked_into() {
        let mut facts = facts("cat", true, true);
        let blocked = |terminal| Blocked::Unseen { channel: "wait_woken".into(), terminal, socket: false };
        (facts.members[0].foreign, facts.members[0].blocked) = (true, blocked(true));
        assert_eq!(judge(&facts, &AROUND).0, Judged::Waits(InputKind::Line));
        facts.members[0].blocked = blocked(false);
        assert_eq!(judge(&facts, &AROUND).0, Judged::Running { because: Some("unseen") });
    }

    #[test]
    fn a_group_that_is_hidden_asks_for_a_secret_where_the_echo_is_off_and_else_nothing_is_said() {
        let mut facts = facts("sudo", true, false);
        facts.members.clear();
        assert_eq!(judge(&facts, &AROUND), (Judged::Waits(InputKind::Secret), Boundary::Probed));
        for (canonical, echo) in [(true, true), (false, false), (false, true)] {
            (facts.canonical, facts.echo) = (canonical, echo);
            assert_eq!(judge(&facts, &AROUND).0, Judged::Running { because: Some("unseen") });
        }
        (facts.canonical, facts.echo, facts.foreground) = (true, false, 0);
        assert_eq!(judge(&facts, &AROUND).0, Judged::Running { because: None });
    }

    #[test]
    fn without_echo_a_shell_without_an_editor_is_at_its_prompt_or_asks_for_a_secret() {
        let judged = |blocked: Blocked| {
            let mut facts = facts("dash", true, false);
            facts.members[0].blocked = blocked;
            facts.shell.pid = facts.members[0].program.pid;
            judge(&facts, &Surroundings { shell: Shell::Dash, executable: None, ..AROUND }).0
        };
        assert_eq!(judged(Blocked::OnTerminal), Judged::AtShell);
        assert_eq!(judged(Blocked::OnTerminalByte), Judged::Waits(InputKind::Secret));
        let unseen = Blocked::Unseen { channel: "n_tty_read".into(), terminal: true, socket: false };
        assert_eq!(judged(unseen), Judged::Waits(InputKind::Secret));
    }

    #[test]
    fn a_multiplexer_s_client_stands_for_the_server_that_reads_for_it() {
        for (comm, name) in [("tmux: client", "tmux"), ("screen", "screen")] {
            let mut facts = facts(comm, false, false);
            facts.members[0].blocked = Blocked::Elsewhere;
            assert_eq!(judge(&facts, &AROUND).0, Judged::Waits(InputKind::FullScreen), "{comm}");
            assert_eq!(reader_of(&facts), Some(comm));
            assert_eq!(Multiplexer::of_program(comm).unwrap().name(), name);
            // `tmux ls` and `screen -ls` leave the terminal as it is.
            facts.canonical = true;
            assert_eq!(judge(&facts, &AROUND).0, Judged::Running { because: None }, "{comm}");
        }
    }

    #[test]
    fn a_program_of_many_names_is_what_it_was_called_by() {
        let judged = |argv: &[&str], canonical| {
            let mut facts = facts("busybox", canonical, canonical);
            facts.members[0].argv = argv.iter().map(|it| (*it).to_owned()).collect();
            judge(&facts, &AROUND).0
        };
        for argv in [&["busybox", "ash"][..], &["/bin/busybox", "sh", "-l"], &["ash"], &["-ash"]] {
            assert!(matches!(judged(argv, false), Judged::Nested(it) if it.comm == "busybox"), "{argv:?}");
        }
        assert_eq!(judged(&["busybox", "cat"], true), Judged::Waits(InputKind::Line));
        assert_eq!(judged(&["busybox", "sh", "-c", "cat"], true), Judged::Waits(InputKind::Line));
        assert_eq!(judged(&["busybox", "vi", "x"], false), Judged::Waits(InputKind::Editor));
    }

    #[test]
    fn by_its_wait_channel_alone_a_program_is_judged_with_care() {
        let judged = |comm: &str, channel: &str, modes: (bool, bool)| {
            let mut facts = facts(comm, modes.0, modes.1);
            let channel = channel.to_owned();
            facts.members[0].blocked = Blocked::Unseen { channel, terminal: true, socket: false };
            if comm == facts.shell.comm {
                (facts.shell.pid, facts.members[0].program.pid) = (2, 2);
            }
            judge(&facts, &AROUND).0
        };
        let unseen = Judged::Running { because: Some("unseen") };
        assert_eq!(judged("cat", "ttyin", (true, true)), Judged::Waits(InputKind::Line));
        assert_eq!(judged("passwd", "ttyin", (true, false)), Judged::Waits(InputKind::Secret));
        assert_eq!(judged("less", "ttyin", (false, false)), Judged::Waits(InputKind::Pager));
        assert_eq!(judged("vim", "kqread", (false, false)), Judged::Waits(InputKind::Editor));
        assert_eq!(judged("python3", "select", (true, true)), unseen);
        assert_eq!(judged("sleep", "nanslp", (false, false)), unseen);
        assert_eq!(judged("bash", "", (false, false)), Judged::AtShell);
        assert_eq!(judged("bash", "", (true, true)), unseen);
        assert_eq!(judged("cat", "", (false, false)), unseen);
    }

    #[test]
    fn a_script_reader_is_no_nested_shell() {
        let mut facts = facts("sh", true, true);
        facts.members[0].argv = vec!["sh".into(), "-c".into(), "read x".into()];
        assert_eq!(judge(&facts, &AROUND).0, Judged::Waits(InputKind::Line));
    }

    #[test]
    fn a_replaced_shell_is_nested() {
        let mut facts = facts("zsh", false, false);
        facts.shell = Program { pid: 2, executable: Some((1, 2)), comm: "zsh".into() };
        facts.members[0].program = facts.shell.clone();
        assert!(matches!(judge(&facts, &AROUND).0, Judged::Nested(it) if it.comm == "zsh"));
        facts.members[0].blocked = Blocked::Elsewhere;
        assert_eq!(judge(&facts, &AROUND).0, Judged::Running { because: None }, "its rc files work");
        let mut facts = facts_of_a_shell_that_became("cat");
        assert_eq!(judge(&facts, &AROUND).0, Judged::Waits(InputKind::Line));
        facts.canonical = false;
        facts.members[0].program.comm = "less".into();
        assert_eq!(judge(&facts, &AROUND).0, Judged::Waits(InputKind::Pager));
    }

    fn facts_of_a_shell_that_became(comm: &str) -> Facts {
        let mut facts = facts(comm, true, true);
        facts.shell = Program { pid: 2, executable: Some((1, 2)), comm: comm.into() };
        facts.members[0].program = facts.shell.clone();
        facts
    }

    #[test]
    fn one_answer_is_no_verdict_and_a_disturbed_one_is_none() {
        let (mut prober, now) = (Prober::default(), Instant::now());
        prober.disturb(now);
        assert_eq!(prober.ask(now), None);
        let later = now + QUIET;
        let first = prober.ask(later).unwrap();
        let line = Judged::Waits(InputKind::Line);
        assert_eq!(prober.answer(later, first, line.clone(), 2), None);
        let second = prober.ask(later + AGAIN).unwrap();
        prober.disturb(later + AGAIN);
        assert_eq!(prober.answer(later + AGAIN, second, line.clone(), 2), None);
        let third = prober.ask(later + AGAIN * 3).unwrap();
        assert_eq!(prober.answer(later + AGAIN * 3, third, line.clone(), 2), None);
        let fourth = prober.ask(later + AGAIN * 5).unwrap();
        assert_eq!(prober.answer(later + AGAIN * 5, fourth, line.clone(), 2), Some(line));
    }
}
