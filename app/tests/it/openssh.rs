//! What OpenSSH itself answers on the same files is what we answer: the real client runs beside us, case by case.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use cotty_testkit::{Account, Agent, Home, Relay, Sshd};
use serde_json::json;

use crate::desk::{Desk, Said};

/// How a login ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    In,
    /// The key of the host is not trusted.
    HostKey,
    /// Nothing that there was opened the account.
    Denied,
    /// It did not come to that: no connection, or none that both sides could speak on.
    Unreached,
}

/// One host, as files describe it: lines of ssh's configuration, and what its known-hosts file holds.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) lines: String,
    pub(crate) known: Option<String>,
    /// How a device logs in to it, and what a person would answer to ssh.
    secret: Option<(String, &'static str)>,
    end: End,
}

/// The table, for the server at whose addresses all of them are.
pub(crate) struct Table<'sshd> {
    pub(crate) sshd: &'sshd Sshd,
    pub(crate) cases: Vec<Case>,
}

impl Table<'_> {
    pub(crate) fn file(&self, name: &str) -> String {
        self.sshd.file(name).display().to_string()
    }

    pub(crate) fn public(&self, name: &str) -> String {
        let text = fs::read_to_string(self.sshd.file(&format!("{name}.pub"))).unwrap();
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// A login with these keys, by the names of their files.
    pub(crate) fn keys(&mut self, name: &'static str, keys: &[&str], end: End) {
        let lines = keys.iter().map(|it| format!("IdentityFile {}\n", self.file(it))).collect();
        self.cases.push(Case { name, lines, known: None, secret: None, end });
    }

    /// A login with one key and these lines.
    pub(crate) fn lines(&mut self, name: &'static str, key: &str, lines: &str, end: End) {
        self.keys(name, &[key], end);
        self.cases.last_mut().unwrap().lines += lines;
    }

    /// A login with the right key at a host of which these lines are known: `NAME` is what it is called there.
    pub(crate) fn known(&mut self, name: &'static str, known: &str, end: End) {
        self.keys(name, &["user_ed25519"], end);
        self.cases.last_mut().unwrap().known = Some(known.to_owned());
    }

    /// A login with a secret, from a file for us and from a person for ssh.
    fn secret(&mut self, name: &'static str, lines: &str, auth: &str, secret: &'static str, end: End) {
        let file = self.sshd.write(&format!("secret-{name}"), &format!("{secret}\n"));
        let auth = auth.replace("FILE", &file.display().to_string());
        self.cases.push(Case {
            name,
            lines: lines.to_owned(),
            known: None,
            secret: Some((auth, secret)),
            end,
        });
    }

    /// Lets ssh and us answer each case.
    pub(crate) fn compare(&self) {
        self.compare_by("native");
    }

    /// The same, and once more by the user's ssh, which no stored secret is given.
    pub(crate) fn compare_by_both(&self) {
        self.compare();
        self.compare_by("openssh");
    }

    fn compare_by(&self, engine: &str) {
        let doors: Vec<Relay> = self.cases.iter().map(|_| Relay::to(self.sshd.port())).collect();
        let mut desk = Desk::at(written(self, &doors, engine));
        let mut wrong = Vec::new();
        for (at, case) in self.cases.iter().enumerate() {
            if engine == "openssh" && case.secret.is_some() {
                continue;
            }
            let target = if case.secret.is_some() { format!("device-{at}") } else { format!("case-{at}") };
            let said = desk.tool("ssh_run", json!({"target": target, "command": "true", "isolated": true}));
            let (theirs, ours) = (theirs(self.sshd, at, case), ours(&said));
            if theirs != case.end || ours != theirs {
                wrong.push(format!("{engine}, {}: ssh {theirs:?}, ours {ours:?}: {}", case.name, said.text));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn keys_and_agents(&mut self) {
        use End::{Denied, In};
        for (name, arguments) in [("rsa", &["-t", "rsa", "-b", "2048"][..]), ("ecdsa", &["-t", "ecdsa"])] {
            self.sshd.key(name, arguments);
            self.sshd.authorize(name);
        }
        self.sshd.key("stranger", &["-t", "ed25519"]);
        self.sshd.key("open", &["-t", "ed25519"]);
        self.sshd.authorize("open");
        fs::set_permissions(self.sshd.file("open"), fs::Permissions::from_mode(0o644)).unwrap();
        self.sshd.key("locked", &["-t", "ed25519", "-N", "open sesame"]);
        self.sshd.authorize("locked");
        // What the agent will have.
        for name in ["held", "half"] {
            self.sshd.key(name, &["-t", "ed25519"]);
            self.sshd.authorize(name);
        }
        fs::create_dir(self.sshd.file("folder")).unwrap();
        self.keys("an ed25519 key", &["user_ed25519"], In);
        self.keys("an ecdsa key", &["ecdsa"], In);
        self.keys("an rsa key", &["rsa"], In);
        self.keys("a key of nobody", &["stranger"], Denied);
        self.keys("the second key", &["stranger", "rsa"], In);
        self.keys("no key there", &["none"], Denied);
        self.keys("a folder", &["folder"], Denied);
        self.keys("a folder, then a key", &["folder", "ecdsa"], In);
        self.keys("a key open to others", &["open"], Denied);
        self.keys("a public key", &["rsa.pub"], Denied);
        self.keys("a locked key and nobody to ask", &["locked"], Denied);
        let socket = format!("IdentityAgent {}\n", self.file("agent"));
        let all = format!("{socket}IdentitiesOnly no\n");
        self.lines("the agent", "none", &all, In);
        self.lines("the agent, and only a key that it has not", "stranger", &socket, Denied);
        self.lines("the agent, and only a key that it has", "held", &socket, In);
        self.lines("the agent, for a public key that is named", "held.pub", &socket, In);
        self.lines("the agent, for a key whose public half is there", "half", &socket, In);
        self.lines("no agent there", "rsa", &format!("IdentityAgent {}\n", self.file("nobody")), In);
    }

    fn host_keys(&mut self) {
        use End::{HostKey, In};
        let (right, wrong) = (self.public("host_ed25519"), self.public("user_ed25519"));
        self.known("nothing known", "", HostKey);
        self.known("another key known", &format!("NAME {wrong}\n"), HostKey);
        self.known("among several names", &format!("web,NAME,db {right}\n"), In);
        self.known("by a pattern", &format!("[127.0.*]:* {right}\n"), In);
        self.known("by a pattern without it", &format!("[127.0.*]:*,!NAME {right}\n"), HostKey);
        self.known("without the port", &format!("HOST {right}\n"), In);
        self.known("with another port", &format!("[HOST]:1 {right}\n"), HostKey);
        self.known("revoked", &format!("NAME {right}\n@revoked * {right}\n"), HostKey);
        self.known("another one revoked", &format!("@revoked * {wrong}\nNAME {right}\n"), In);
        self.known("after lines that are none", &format!("NAME\nNAME ssh-rsa ?\nNAME {right}\n"), In);
        self.known("hashed", &format!("NAME {right}\n"), In);
        self.known("hashed, with another key", &format!("NAME {wrong}\n"), HostKey);
        self.known("by another name", &format!("aliased {right}\n"), In);
        self.cases.last_mut().unwrap().lines += "HostKeyAlias aliased\n";
        self.known("by another name only", &format!("NAME {right}\n"), HostKey);
        self.cases.last_mut().unwrap().lines += "HostKeyAlias aliased\n";
    }

    fn secrets(&mut self, account: Option<&Account>) {
        use End::{Denied, In};
        let key = format!("key = \"{}\"\npassphrase_file = \"FILE\"", self.file("locked"));
        let locked = format!("IdentityFile {}\n", self.file("locked"));
        self.secret("passphrase", &locked, &key, "open sesame", In);
        self.secret("wrong-passphrase", &locked, &key, "open barley", Denied);
        let Some(account) = account else { return };
        account.set_password("a password");
        let user = format!("User {}\nIdentityFile none\n", account.name());
        self.secret("password", &user, "password_file = \"FILE\"", "a password", In);
        self.secret("wrong-password", &user, "password_file = \"FILE\"", "another", Denied);
    }
}

/// Writes what both read, and returns the home of ours. Each case has a door of its own to the server: who is let in at
/// one of them shares no connection with another.
fn written(table: &Table, doors: &[Relay], engine: &str) -> Home {
    let sshd = table.sshd;
    let (mut config, mut devices) = (String::new(), String::new());
    for (at, (case, door)) in table.cases.iter().zip(doors).enumerate() {
        let (host, port) = ("127.0.0.1", door.port());
        let name = format!("[{host}]:{port}");
        let known = case.known.clone().unwrap_or_else(|| sshd.known_line(&name));
        let file = sshd.write(&format!("known-{at}"), &known.replace("NAME", &name).replace("HOST", host));
        if case.name.starts_with("hashed") {
            let mut hash = Command::new("ssh-keygen");
            assert!(hash.args(["-q", "-H", "-f"]).arg(&file).output().unwrap().status.success());
        }
        write!(config, "Host case-{at}\nPort {port}\nUserKnownHostsFile {}\n{}", file.display(), case.lines)
            .unwrap();
        if let Some((auth, _)) = &case.secret {
            write!(
                devices,
                "[devices.device-{at}]\nhost = \"case-{at}\"\n[devices.device-{at}.auth]\n{auth}\n"
            )
            .unwrap();
        }
    }
    let always = format!(
        "Host *\nHostName 127.0.0.1\nUser {}\nGlobalKnownHostsFile /dev/null\nIdentitiesOnly yes\nIdentityAgent none\n\
         StrictHostKeyChecking yes\n",
        sshd.user()
    );
    let config = sshd.write("config", &(config + &always));
    let home = Home::new();
    home.write_config(&format!("{devices}[ssh]\nengine = \"{engine}\"\nconfig = \"{}\"\n", config.display()));
    home
}

/// What ssh says where there is no connection.
const UNREACHED: [&str; 8] = [
    "no matching",
    "Connection closed",
    "banner exchange",
    "Connection refused",
    "Connection reset",
    "Could not resolve",
    "Cannot assign requested address",
    "jumphost loop",
];

/// What the real client says.
fn theirs(sshd: &Sshd, at: usize, case: &Case) -> End {
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(sshd.file("config")).env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
    match &case.secret {
        None => ssh.args(["-o", "BatchMode=yes"]),
        Some((_, secret)) => {
            let ask = sshd.write(&format!("ask-{at}"), &format!("#!/bin/sh\necho '{secret}'\n"));
            fs::set_permissions(&ask, fs::Permissions::from_mode(0o700)).unwrap();
            ssh.args(["-o", "NumberOfPasswordPrompts=1"]);
            ssh.env("SSH_ASKPASS", ask).env("SSH_ASKPASS_REQUIRE", "force")
        }
    };
    let output = ssh.args(["--", &format!("case-{at}"), "true"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => End::In,
        _ if text.contains("Host key verification failed") => End::HostKey,
        _ if UNREACHED.iter().any(|it| text.contains(it)) => End::Unreached,
        _ if text.contains("Permission denied") || text.contains("Too many authentication") => End::Denied,
        _ => panic!("{}: {output:?}", case.name),
    }
}

fn ours(said: &Said) -> End {
    match said.text.split(':').next().unwrap_or_default() {
        _ if !said.is_error && said.exit() == Some(0) => End::In,
        "host-key" => End::HostKey,
        "auth-failure" | "secret-needed" => End::Denied,
        "connection-failure" | "config-error" => End::Unreached,
        _ => panic!("{said:?}"),
    }
}

#[test]
fn every_key_secret_and_host_key_is_answered_as_openssh_answers() {
    let test = "every_key_secret_and_host_key_is_answered_as_openssh_answers";
    let Some(sshd) = Sshd::start(test) else { return };
    let account = Account::new(test, &sshd, "/bin/sh");
    let mut table = Table { sshd: &sshd, cases: Vec::new() };
    table.keys_and_agents();
    table.host_keys();
    table.secrets(account.as_ref());
    let agent = Agent::start(&sshd);
    agent.add(&sshd.file("held"));
    agent.add(&sshd.file("half"));
    // Of this one the files keep the public half only.
    fs::remove_file(sshd.file("half")).unwrap();
    table.compare();
}
