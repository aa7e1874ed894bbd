//! An agent's desk: a home, a client at `cotty mcp`, and what its replies say.

use std::collections::BTreeMap;
use std::sync::Arc;

use cotty_core::dialect::Shell;
use cotty_testkit::Sshd;
use cotty_testkit::home::Home;
use cotty_testkit::mcp::{Mcp, Ticket};
use cotty_testkit::not_run::have;
pub(crate) use cotty_testkit::said::Said;
use serde_json::{Value, json};

use crate::remote;

/// The shells whose commands end in a proof.
pub(crate) const SHELLS: [&str; 8] = ["bash", "zsh", "fish", "dash", "ash", "mksh", "ksh93", "tcsh"];

/// The dialect of a shell of the stories.
pub(crate) fn dialect(shell: &str) -> Shell {
    Shell::of_program(shell).unwrap()
}

/// The program that is started: the shell of busybox has no file of its own in Debian.
pub(crate) fn program(shell: &str) -> &str {
    if shell == "ash" { "busybox" } else { shell }
}

/// What is said in the words of each language.
pub(crate) fn in_words_of<'a>(shell: &str, posix: &'a str, fish: &'a str, tcsh: &'a str) -> &'a str {
    match dialect(shell) {
        Shell::Fish => fish,
        Shell::Tcsh => tcsh,
        _ => posix,
    }
}

/// The shells that are nested in stories written for POSIX shells, called by their own names.
pub(crate) fn inner_shells() -> Vec<&'static str> {
    shells().into_iter().filter(|it| dialect(it).is_posix() && program(it) == *it).collect()
}

/// Asks for a secret, as each shell does it, in words for [`Desk::run`].
pub(crate) fn ask_secret(shell: &str) -> &'static str {
    match dialect(shell) {
        Shell::Bash | Shell::Zsh | Shell::Ash => "read -s x; echo \"got-[$x]\"",
        // What edits its line in `read` asks for a secret as it asks for a command: no kernel fact tells.
        // mksh keeps what `stty` has set, also when the rest of the line is interrupted.
        Shell::Ksh93 | Shell::Mksh => "sh -c 'stty -echo; read x; stty echo; echo \"got-[$x]\"'",
        _ => "stty -echo; read x; stty echo; echo \"got-[$x]\"",
    }
}

/// Says in any shell what is written for a POSIX one.
pub(crate) fn posix(shell: &str, command: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || " _./-".contains(it);
    let (shell, rest) = (dialect(shell), command.replace('\'', r"'\''"));
    match shell {
        shell if shell.is_posix() || command.chars().all(plain) => command.to_owned(),
        Shell::Tcsh => format!("sh -c '{}'", rest.replace('\n', "\\\n")),
        _ => format!("sh -c '{}'", command.replace('\\', r"\\").replace('\'', r"\'")),
    }
}

/// A home and an agent in it.
pub(crate) struct Desk {
    pub(crate) agent: Mcp,
    pub(crate) home: Arc<Home>,
    /// What its sessions are opened on.
    pub(crate) target: String,
    /// What each session's shell is.
    languages: BTreeMap<String, String>,
    /// What its calls have cost.
    pub(crate) spent: Spent,
}

/// What calls cost a model that makes them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) calls: usize,
    /// Of arguments and replies, as JSON.
    pub(crate) chars: usize,
}

/// Tells a story in every shell, each in a session named after it, and asks afterwards whether the session is still
/// exact: a story counts only if the next command answers rightly too. It is told on this machine and over SSH.
pub(crate) fn in_every_shell(story: impl Fn(&mut Desk, &str) + Sync) {
    here_and_there(|desk| {
        for shell in shells() {
            desk.open(shell, shell);
            story(desk, shell);
            desk.is_exact(shell);
        }
    });
}

/// Tells a story on this machine and over SSH.
pub(crate) fn here_and_there(story: impl Fn(&mut Desk) + Sync) {
    let name = std::thread::current().name().unwrap_or("a story over SSH").to_owned();
    // Side by side: most of a story is waiting.
    std::thread::scope(|scope| {
        let there = std::thread::Builder::new().name(name.clone()).spawn_scoped(scope, || {
            if let Some(sshd) = Sshd::start(&name) {
                story(&mut Desk::over(&sshd));
            }
        });
        story(&mut Desk::new());
        if let Err(panic) = there.unwrap().join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// The same on this machine alone: what survives is a holder's, and hosts have none.
pub(crate) fn in_every_shell_here(story: impl Fn(&mut Desk, &str)) {
    let mut desk = Desk::new();
    for shell in shells() {
        desk.open(shell, shell);
        story(&mut desk, shell);
        desk.is_exact(shell);
    }
}

/// The shells that are installed; the others are reported as not run.
pub(crate) fn shells() -> Vec<&'static str> {
    let story = std::thread::current().name().unwrap_or("a story in every shell").to_owned();
    SHELLS.into_iter().filter(|shell| have(program(shell), &format!("{story} in {shell}"))).collect()
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::at(Home::new())
    }

    pub(crate) fn at(home: Home) -> Self {
        Self::of(client(&home), home)
    }

    /// The desk of this client.
    pub(crate) fn of(agent: Mcp, home: impl Into<Arc<Home>>) -> Self {
        Self {
            agent,
            home: home.into(),
            target: "local".to_owned(),
            languages: BTreeMap::new(),
            spent: Spent::default(),
        }
    }

    /// A desk of another client in the same home, with the same target.
    pub(crate) fn beside(&self) -> Self {
        let other = Self::of(client(&self.home), Arc::clone(&self.home));
        Self { target: self.target.clone(), ..other }
    }

    /// A desk whose sessions are opened on this server.
    pub(crate) fn over(sshd: &Sshd) -> Self {
        Self { target: remote::target(sshd), ..Self::at(remote::home(&[sshd])) }
    }

    /// Opens a session.
    pub(crate) fn open(&mut self, name: &str, shell: &str) -> Said {
        let (target, cwd) = (&self.target, self.home.work());
        // A server of default configuration takes no language over.
        let env = json!({"LANG": "C.UTF-8"});
        let order = json!({"target": target, "name": name, "shell": program(shell), "cwd": cwd, "env": env});
        let said = self.tool("ssh_connect", order);
        assert!(said.head().contains("ready"), "{said:?}");
        self.languages.insert(name.to_owned(), shell.to_owned());
        said
    }

    /// From now on another shell answers in this session.
    pub(crate) fn speaks(&mut self, session: &str, shell: &str) {
        self.languages.insert(session.to_owned(), shell.to_owned());
    }

    /// Puts a command that is written for a POSIX shell into words of the session's.
    fn worded(&self, session: &str, command: &str) -> String {
        self.languages
            .get(session.split(['#', '-']).next().unwrap_or(session))
            .map_or(command.to_owned(), |shell| posix(shell, command))
    }

    /// Calls a tool.
    pub(crate) fn tool(&mut self, tool: &str, arguments: Value) -> Said {
        let asked = arguments.to_string().len() + tool.len();
        let said: Said = self.agent.call(tool, arguments).into();
        self.spent.calls += 1;
        self.spent.chars += asked + json!(said.text).to_string().chars().count();
        said
    }

    /// Runs a command and waits for it as long as a call may.
    pub(crate) fn run(&mut self, session: &str, command: &str) -> Said {
        self.run_for(session, command, 25)
    }

    /// Runs a command and waits for it so many seconds.
    pub(crate) fn run_for(&mut self, session: &str, command: &str, wait_s: u64) -> Said {
        self.run_as_it_is(session, &self.worded(session, command), wait_s)
    }

    /// Runs a command in the session's own language.
    pub(crate) fn run_as_it_is(&mut self, session: &str, command: &str, wait_s: u64) -> Said {
        self.tool("ssh_run", json!({"session": session, "command": command, "wait_s": wait_s}))
    }

    /// Begins a call; [`Desk::finish`] has its answer.
    pub(crate) fn begin(&mut self, session: &str, command: &str) -> Ticket {
        let command = self.worded(session, command);
        self.agent.start_call("ssh_run", json!({"session": session, "command": command, "wait_s": 25}))
    }

    pub(crate) fn finish(&mut self, ticket: Ticket) -> Said {
        self.agent.await_reply(ticket).into()
    }

    /// Types text and Enter.
    pub(crate) fn send(&mut self, session: &str, text: &str) -> Said {
        self.tool("ssh_send", json!({"session": session, "text": text, "wait_s": 10}))
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, session: &str, key: &str) -> Said {
        self.tool("ssh_send", json!({"session": session, "keys": [key], "wait_s": 10}))
    }

    /// Waits for a session's command.
    pub(crate) fn wait(&mut self, session: &str) -> Said {
        self.tool("ssh_wait", json!({"session": session, "wait_s": 25}))
    }

    /// Asserts that a session answers rightly.
    #[track_caller]
    pub(crate) fn is_exact(&mut self, session: &str) {
        let said = self.run(session, "echo next-$((40 + 2)); (exit 6)");
        assert_eq!((said.exit(), said.output().as_str()), (Some(6), "next-42"), "{said:?}");
        let said = self.run(session, "true");
        assert_eq!((said.exit(), said.output().as_str()), (Some(0), ""), "{said:?}");
    }
}

/// A client of its own in a home.
pub(crate) fn client(home: &Home) -> Mcp {
    let mut agent = home.mcp();
    agent.initialize();
    agent
}
