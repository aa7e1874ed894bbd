//! After a session is closed its host is as before: files, processes, histories, and what a new shell exports.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cotty_testkit::{Home, Sshd, Tty, until};
use serde_json::json;

use crate::desk::{Desk, ask_secret, in_words_of, program, shells};

/// What switches the history on, in the account's own file.
fn history_of(shell: &str) -> (&'static str, &'static str, &'static str) {
    match shell {
        "bash" => (".bash_profile", "HISTCONTROL=; PROMPT_COMMAND='history -a'\n", ".bash_history"),
        "zsh" => (
            ".zshrc",
            "HISTFILE=~/.zsh_history; HISTSIZE=999; SAVEHIST=999; setopt share_history\n",
            ".zsh_history",
        ),
        "fish" => (".config/fish/config.fish", "", ".local/share/fish/fish_history"),
        "mksh" => (".profile", "HISTFILE=~/.mksh_history; HISTSIZE=999\n", ".mksh_history"),
        "tcsh" => (".tcshrc", "set history=999 savehist=(999 merge)\n", ".history"),
        "ksh93" => (".profile", "HISTFILE=~/.sh_history; export HISTFILE\n", ".sh_history"),
        _ => (".profile", "HISTFILE=~/.ash_history; export HISTFILE\n", ".ash_history"),
    }
}

/// An account: its home, and how a person starts a shell in it.
struct Account<'a> {
    home: PathBuf,
    at: &'a Home,
}

impl Account<'_> {
    /// A person sits down at a shell, runs a line and leaves again.
    fn visit(&self, shell: &str, line: &str) {
        let mut command: Command = self.at.program(program(shell));
        command.env("HOME", &self.home).env_remove("COTTY_STATE_DIR").env_remove("COTTY_CONFIG");
        if shell == "ash" {
            command.arg("ash");
        }
        let mut tty = Tty::start(command.arg("-l"));
        // What is typed before a shell reads may be thrown away by its editor: so it is typed until it was read.
        let mut typed: Option<Instant> = None;
        let mut again = |tty: &Tty, line: &str| {
            if typed.is_none_or(|it| it.elapsed() > Duration::from_secs(2)) {
                tty.line(line);
                typed = Some(Instant::now());
            }
        };
        until("the line was run", || {
            again(&tty, &format!("{line}; echo mi''ne"));
            tty.text().contains("mine").then_some(())
        });
        tty.line("exit");
        tty.wait_exit();
    }

    /// What a new login shell gives to its programs.
    fn exports(&self, shell: &str) -> Vec<String> {
        let out = self.home.join("exports");
        let line = format!("env > {}", out.display());
        self.visit(shell, &line);
        let text = fs::read_to_string(&out).unwrap();
        fs::remove_file(out).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.retain(|it| !["_=", "SHLVL=", "HOSTNAME="].iter().any(|name| it.starts_with(name)));
        lines.sort();
        lines
    }

    /// Every file and what is in it, but for what is ours on this machine.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.home.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path == self.at.state() {
                    continue;
                }
                let kind = entry.file_type().unwrap();
                // To read the pipe by which fish tells others of a change would wait for that change.
                let content = if kind.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
                found.insert(path.clone(), content);
                if kind.is_dir() {
                    folders.push(path);
                }
            }
        }
        found
    }
}

/// Processes in whose environment this home is, and what they are called.
fn living_in(home: &Path) -> Vec<String> {
    let named = format!("HOME={}", home.display()).into_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|it| it.path());
    let its = processes.filter(|it| {
        let environment = fs::read(it.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|it| it == named)
    });
    let told = its.map(|it| fs::read(it.join("cmdline")).unwrap_or_default());
    told.map(|it| String::from_utf8_lossy(&it).replace('\0', " ")).filter(|it| !it.is_empty()).collect()
}

/// Runs commands of every kind in the session that is named after its shell.
fn work(desk: &mut Desk, shell: &str) {
    let many = ["echo plain", "echo \"a!b\" # c", "echo one\necho two", "cat <<E\nhere\nE", "(exit 3)"];
    for command in many {
        desk.run(shell, command);
    }
    desk.run_as_it_is(shell, &format!("echo {}", "y".repeat(2_000)), 25);
    desk.run_as_it_is(shell, "echo a\tb", 25);
    desk.run(shell, "cat").needs("line");
    desk.press(shell, "ctrl-d");
    desk.run(shell, ask_secret(shell)).needs("secret");
    desk.press(shell, "ctrl-c");
    desk.run(shell, "stty echo");
    assert!(desk.run_for(shell, "sleep 1000", 1).state().starts_with("running"));
    desk.press(shell, "ctrl-c");
    let begun = in_words_of(shell, "for i in 1 2; do", "for i in 1 2", "foreach i (1 2)");
    desk.run_as_it_is(shell, begun, 25).needs("incomplete_syntax");
    desk.press(shell, "ctrl-c");
    // One of its own kind inside.
    if program(shell) == shell {
        let opened = desk.run_as_it_is(shell, shell, 25);
        assert!(opened.state().starts_with("nested shell ("), "{opened:?}");
        desk.run(shell, "echo inside\necho twice");
        desk.run(shell, "exit 4");
        // The one around it says so at its own next prompt.
        let said = desk.tool("ssh_wait", json!({"command": opened.handle(), "wait_s": 20}));
        assert_eq!(said.exit(), Some(4), "{said:?}");
    }
    desk.is_exact(shell);
}

fn leaves_nothing(desk: &mut Desk, shell: &str, home: PathBuf, over_ssh: bool) {
    let (rc, lines, history) = history_of(shell);
    fs::create_dir_all(home.join(rc).parent().unwrap()).unwrap();
    fs::write(home.join(rc), lines).unwrap();
    let at = Home::new();
    let account = Account { home: home.clone(), at: if over_ssh { &at } else { &desk.home } };
    account.visit(shell, "true");
    let exports = account.exports(shell);
    let before = account.files();

    desk.open(shell, shell);
    work(desk, shell);
    desk.tool("ssh_close", json!({"id": shell}));
    let account = Account { home: home.clone(), at: if over_ssh { &at } else { &desk.home } };
    let left = || living_in(&home).into_iter().filter(|it| !it.contains("cotty") && !is_the_looker(it));
    until("its processes have ended", || left().next().is_none().then_some(()));
    let after = account.files();
    let history = home.join(history);
    for path in before.keys().chain(after.keys()).filter(|path| **path != history) {
        assert_eq!(before.get(path), after.get(path), "{shell}: {}", path.display());
    }
    let kept = |files: &BTreeMap<PathBuf, Vec<u8>>| {
        String::from_utf8_lossy(files.get(&history).map_or(&[], Vec::as_slice)).into_owned()
    };
    let (had, has) = (kept(&before), kept(&after));
    let ours: &[&str] = if shell != "tcsh" && shell != "ash" {
        &["133;", "__", "eval", "k=", "printf '\\"]
    } else {
        &["133;", "k="]
    };
    for sign in ours {
        assert!(!has.contains(sign), "{shell} keeps {sign}: {has}");
    }
    if had.contains("mi''ne") {
        // What was there is there still, and what ran is what the person finds.
        assert!(has.contains("mi''ne") && has.contains("echo plain"), "{shell}: {has}");
    }
    assert_eq!(account.exports(shell), exports, "{shell}");
}

/// The one that looks at the terminals of a host for as long as the connection is kept.
fn is_the_looker(command: &str) -> bool {
    command.trim_end().ends_with("/bin/sh") || command.starts_with("sshd")
}

#[test]
fn a_session_here_leaves_nothing_behind() {
    for shell in shells() {
        let mut desk = Desk::new();
        let home = desk.home.path().to_owned();
        leaves_nothing(&mut desk, shell, home, false);
    }
}

#[test]
fn a_session_over_ssh_leaves_nothing_behind() {
    let Some(sshd) = Sshd::start("a_session_over_ssh_leaves_nothing_behind") else { return };
    let mut desk = Desk::over(&sshd);
    for shell in shells() {
        let home = sshd.file("home");
        leaves_nothing(&mut desk, shell, home, true);
    }
    let home = sshd.file("home");
    drop(desk);
    until("nothing lives there", || living_in(&home).is_empty().then_some(()));
}
