//! Servers that are not OpenSSH's, on loopback: dropbear, tinyssh, and what the libraries asyncssh and paramiko make.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::account::Account;
use crate::home::Home;
use crate::not_run::{have, not_run};
use crate::sshd::Sshd;

/// What serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// The server of small machines and routers.
    Dropbear,
    /// A server with one algorithm of each kind.
    Tinyssh,
    /// The library of Python programs that serve many at once.
    Asyncssh,
    /// The library of most other Python programs.
    Paramiko,
}

/// A server that runs while this lives. Whoever has the key of the [`Sshd`] beside it may log in.
#[derive(Debug)]
pub struct Peer {
    port: u16,
    user: String,
    known: String,
    _serving: Serving,
    _account: Option<Account>,
    _homes: Option<TempDir>,
}

impl Peer {
    /// Starts one; nothing, and a report that `test` did not run, where it is not installed or may not.
    #[must_use]
    pub fn start(make: Make, test: &str, beside: &Sshd) -> Option<Self> {
        // tinyssh trusts no key below a folder in which others may write, as they may in /tmp.
        let homes = tempfile::Builder::new().prefix("cotty-").tempdir_in("/home").ok();
        let (account, serving) = match make {
            Make::Dropbear => {
                let account = account(test, "dropbear", homes.as_ref(), beside)?;
                let key = beside.file("dropbear_key");
                quietly(Command::new("dropbearkey").args(["-t", "ed25519", "-f"]).arg(&key));
                let arguments = ["-i", "-s", "-m", "-r", key.to_str().expect("a path in UTF-8")];
                (Some(account), Serving::each("dropbear", &arguments))
            }
            Make::Tinyssh => {
                let account = account(test, "tinysshd", homes.as_ref(), beside)?;
                let keys = beside.file("tinyssh_keys");
                quietly(Command::new("tinysshd-makekey").arg(&keys));
                (Some(account), Serving::each("tinysshd", &[keys.to_str().expect("a path in UTF-8")]))
            }
            Make::Asyncssh => (None, library(test, "asyncssh", beside)?),
            Make::Paramiko => (None, library(test, "paramiko", beside)?),
        };
        let port = serving.port();
        let user = account.as_ref().map_or_else(|| beside.user(), |it| it.name().to_owned());
        let known = shown_keys(port);
        Some(Self { port, user, known, _serving: serving, _account: account, _homes: homes })
    }

    /// How it is named, as `user@host:port`.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{}@127.0.0.1:{}", self.user, self.port)
    }

    /// Tells a home which keys it shows.
    pub fn is_known_to(&self, home: &Home) {
        let file = home.path().join("account/.ssh/known_hosts");
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(file, known + &self.known).expect("the known hosts");
    }
}

/// Who may log in at a server that reads what an account has at its home.
fn account(test: &str, program: &str, homes: Option<&TempDir>, beside: &Sshd) -> Option<Account> {
    if !have(program, test) {
        return None;
    }
    let folder = homes.map_or_else(|| beside.file(""), |it| it.path().to_owned());
    let account = Account::within(test, &folder, "/bin/bash")?;
    account
        .write_keys(&std::fs::read_to_string(beside.file("authorized_keys")).expect("the authorized keys"));
    Some(account)
}

/// Starts our script around a library.
fn library(test: &str, name: &str, beside: &Sshd) -> Option<Serving> {
    let python =
        PathBuf::from(std::env::var_os("COTTY_TEST_CLIENTS").unwrap_or_default()).join("python/bin/python");
    let is_there = Command::new(&python)
        .args(["-c", &format!("import {name}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success());
    if !is_there {
        not_run(test, &format!("the Python library {name} is not installed"));
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("peers/{name}_server.py"));
    let mut child = Command::new(python)
        .arg(script)
        .arg(beside.file("host_ed25519"))
        .arg(beside.file("authorized_keys"))
        .envs([("SHELL", "/bin/bash"), ("HOME", beside.file("home").to_str().expect("a path in UTF-8"))])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a server");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let port = line.trim().parse().expect("its port");
    Some(Serving::Itself { child, port })
}

/// The keys that a server shows, as lines of a known-hosts file.
fn shown_keys(port: u16) -> String {
    let scan = Command::new("ssh-keyscan")
        .args(["-T", "20", "-p", &port.to_string(), "127.0.0.1"])
        .stderr(Stdio::null())
        .output()
        .expect("ssh-keyscan");
    String::from_utf8(scan.stdout).expect("lines")
}

fn quietly(command: &mut Command) {
    let output = command.output().expect("a program that makes keys");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// What waits for connections.
#[derive(Debug)]
enum Serving {
    /// The server itself.
    Itself { child: Child, port: u16 },
    /// We do, and start the server for each.
    Each { port: u16, over: Arc<AtomicBool>, accepting: Option<JoinHandle<()>> },
}

impl Serving {
    fn each(program: &'static str, arguments: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let over = Arc::new(AtomicBool::new(false));
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let accepting = std::thread::spawn({
            let over = over.clone();
            move || accept(&listener, program, &arguments, &over)
        });
        Self::Each { port, over, accepting: Some(accepting) }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Itself { port, .. } | Self::Each { port, .. } => *port,
        }
    }
}

fn accept(listener: &TcpListener, program: &str, arguments: &[String], over: &AtomicBool) {
    let mut children: Vec<Child> = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let output = OwnedFd::from(stream.try_clone().expect("a second descriptor"));
        let child = Command::new(program)
            .args(arguments)
            .stdin(OwnedFd::from(stream))
            .stdout(output)
            .stderr(Stdio::null())
            .spawn();
        children.push(child.expect("a server"));
    }
    for mut child in children {
        drop(child.kill());
        drop(child.wait());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        match self {
            Self::Itself { child, .. } => {
                drop(child.kill());
                drop(child.wait());
            }
            Self::Each { port, over, accepting } => {
                over.store(true, Ordering::Relaxed);
                drop(TcpStream::connect((Ipv4Addr::LOCALHOST, *port)));
                drop(accepting.take().map(JoinHandle::join));
            }
        }
    }
}
