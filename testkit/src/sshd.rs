//! A real sshd on loopback, with keys, accounts and configuration of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::home::{Home, spare_fish};
use crate::not_run::not_run;
use crate::wait::until;

/// Where Debian puts it; it insists on being started by its whole path.
const PROGRAM: &str = "/usr/sbin/sshd";

/// A server that runs while this lives.
#[derive(Debug)]
pub struct Sshd {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Sshd {
    /// Starts a server with its default configuration, but for keys, port and address; nothing, and a report that
    /// `test` did not run, where there is none.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        Self::start_with(test, "")
    }

    /// Starts a server with these lines in its configuration; they come first, and so they count.
    #[must_use]
    pub fn start_with(test: &str, lines: &str) -> Option<Self> {
        Self::start_after(test, lines, "", |_| ())
    }

    /// The same, after this was done in the server's folder, where its own keys are by then.
    #[must_use]
    pub fn start_prepared(test: &str, lines: &str, prepare: impl FnOnce(&Path)) -> Option<Self> {
        Self::start_after(test, lines, "", prepare)
    }

    /// Starts a server, as root, in a mount namespace of its own in which this was done before by a shell.
    #[must_use]
    pub fn start_in_namespace(test: &str, lines: &str, before: &str) -> Option<Self> {
        let mut unshare = Command::new("unshare");
        if !unshare.args(["-m", "true"]).stderr(Stdio::null()).status().is_ok_and(|it| it.success()) {
            not_run(test, "a mount namespace is root's to make");
            return None;
        }
        Self::start_after(test, lines, before, |_| ())
    }

    fn start_after(test: &str, lines: &str, before: &str, prepare: impl FnOnce(&Path)) -> Option<Self> {
        if !Path::new(PROGRAM).is_file() {
            not_run(test, "openssh-server is not installed");
            return None;
        }
        if !rustix::process::geteuid().is_root() && !gives_terminals_to_the_group_tty() {
            not_run(
                test,
                "an ordinary user's sshd gives no terminal where /dev/pts is not mounted with gid=5 (tty), as Debian does it",
            );
            return None;
        }
        let folder =
            tempfile::Builder::new().prefix("sshd-").tempdir_in("/tmp").expect("a folder for a server");
        // sshd, when it is started by root, wants the folder in which its children are locked up.
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("the folder /run/sshd");
        }
        key(folder.path(), "host_ed25519", &["-t", "ed25519"]);
        key(folder.path(), "user_ed25519", &["-t", "ed25519"]);
        // What the account's own rc files print, and how slow they are, is no part of any story.
        fs::create_dir(folder.path().join("home")).expect("a home without rc files");
        spare_fish(&folder.path().join("home"));
        let public = fs::read(folder.path().join("user_ed25519.pub")).expect("a public key");
        fs::write(folder.path().join("authorized_keys"), public).expect("the authorized keys");
        prepare(folder.path());
        // Another process may take the port between our look and sshd's: then it ends at once, and the next is tried.
        (0..5).find_map(|_| run(&folder, lines, before)).map(|(port, child)| Self { folder, port, child })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The account in which this test runs, and which may log in.
    #[must_use]
    pub fn user(&self) -> String {
        own_name()
    }

    /// A file beside the server's own: `host_ed25519.pub`, `user_ed25519`, `authorized_keys`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file there, which only its owner may read. Whoever reads it meanwhile has the former one whole.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.file(name);
        let mut new = tempfile::NamedTempFile::new_in(self.folder.path()).expect("a file");
        new.write_all(content.as_bytes()).expect("its content");
        new.persist(&path).expect("its place");
        path
    }

    /// Makes a pair of keys there: `NAME` and `NAME.pub`.
    pub fn key(&self, name: &str, arguments: &[&str]) -> PathBuf {
        key(self.folder.path(), name, arguments);
        self.file(name)
    }

    /// Signs a public key that is there, as an authority that is there too: `NAME-cert.pub`.
    ///
    /// # Panics
    /// Panics where ssh-keygen does not.
    pub fn certify(&self, authority: &str, name: &str, arguments: &[&str]) {
        certify(self.folder.path(), authority, name, arguments);
    }

    /// Lets a key log in.
    pub fn authorize(&self, name: &str) {
        let mut keys = fs::read_to_string(self.file("authorized_keys")).expect("the authorized keys");
        keys += &fs::read_to_string(self.file(&format!("{name}.pub"))).expect("a public key");
        fs::write(self.file("authorized_keys"), keys).expect("the authorized keys");
    }

    /// A line of known_hosts with the server's key, under a name.
    #[must_use]
    pub fn known_line(&self, name: &str) -> String {
        let key = fs::read_to_string(self.file("host_ed25519.pub")).expect("a public key");
        let words: Vec<&str> = key.split(' ').collect();
        format!("{name} {} {}\n", words[0], words[1])
    }

    /// A known_hosts file with this server in it.
    #[must_use]
    pub fn known_hosts(&self) -> PathBuf {
        self.write("known_hosts", &self.known_line(&format!("[127.0.0.1]:{}", self.port)))
    }

    /// The real client, with no configuration but what is given.
    #[must_use]
    pub fn ssh(&self, known_hosts: &Path) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]);
        command.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", known_hosts.display()));
        command.arg("-i").arg(self.file("user_ed25519"));
        command.args(["-p", &self.port.to_string(), &format!("{}@127.0.0.1", self.user())]);
        command.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        command
    }

    /// How it is named, as `user@host:port`.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{}@127.0.0.1:{}", self.user(), self.port)
    }

    /// A fresh home whose account knows this server and may log in there.
    #[must_use]
    pub fn home(&self) -> Home {
        let home = Home::new();
        admit(&home, &[self]);
        home
    }

    /// A fresh home whose ssh configuration, which cotty's own names, leads to this server by a name, through a port. What a
    /// release build is shown a server by: it looks for ssh's files with the account alone.
    #[must_use]
    pub fn home_with(&self, name: &str, port: u16) -> Home {
        let home = Home::new();
        let known = home.path().join("known");
        fs::write(&known, self.known_line(&format!("[127.0.0.1]:{port}"))).expect("the known hosts");
        let config = home.path().join("ssh_config");
        let lines = format!(
            "Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {}\n",
            self.user(),
            self.file("user_ed25519").display(),
            known.display()
        );
        fs::write(&config, lines).expect("ssh's configuration");
        home.write_config(&format!("[ssh]\nconfig = \"{}\"\n", config.display()));
        home
    }

    /// The process id of the server that listens.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// Lets the account of a home log in at these servers, as ssh would: by its known hosts and its key.
pub fn admit(home: &Home, servers: &[&Sshd]) {
    let ssh = home.path().join("account/.ssh");
    fs::create_dir_all(&ssh).expect("a folder for ssh");
    let known: String =
        servers.iter().map(|it| it.known_line(&format!("[127.0.0.1]:{}", it.port()))).collect();
    fs::write(ssh.join("known_hosts"), known).expect("the known hosts");
    if let Some(server) = servers.first() {
        fs::copy(server.file("user_ed25519"), ssh.join("id_ed25519")).expect("a key");
    }
}

/// Tells whether a new terminal belongs to the group tty from its beginning. sshd wants that, and only root may change it.
fn gives_terminals_to_the_group_tty() -> bool {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let Some(tty) = groups.lines().find_map(|line| line.strip_prefix("tty:")?.split(':').nth(1)) else {
        return true;
    };
    let wanted = format!("gid={tty}");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let newest = mounts.lines().rev().find_map(|line| line.split_once(" /dev/pts devpts "));
    newest.is_some_and(|(_, options)| options.split([',', ' ']).any(|it| it == wanted))
}

impl Drop for Sshd {
    // What serves a connection ends with that connection.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The name of the account in which this test runs.
fn own_name() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8(output.stdout).expect("a name").trim().to_owned()
}

/// Makes a pair of keys in a folder.
///
/// # Panics
/// Panics where ssh-keygen does not.
pub fn key(folder: &Path, name: &str, arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-C", name, "-f"]).arg(folder.join(name)).args(arguments);
    if !arguments.contains(&"-N") {
        command.args(["-N", ""]);
    }
    assert!(command.status().expect("ssh-keygen").success(), "ssh-keygen {arguments:?}");
}

/// Signs the public key of a pair in a folder.
///
/// # Panics
/// Panics where ssh-keygen does not.
pub fn certify(folder: &Path, authority: &str, name: &str, arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-I", name, "-s"]).arg(folder.join(authority)).args(arguments);
    command.arg(folder.join(format!("{name}.pub"))).stderr(Stdio::null());
    assert!(command.status().expect("ssh-keygen").success(), "ssh-keygen -s {arguments:?}");
}

/// Runs a server until it listens; nothing if it ended.
fn run(folder: &TempDir, lines: &str, before: &str) -> Option<(u16, Child)> {
    let port =
        TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its number").port();
    let path = folder.path().display();
    let host_key =
        if lines.contains("HostKey") { String::new() } else { format!("HostKey {path}/host_ed25519") };
    // The last word on the environment has whoever sets any of it: sshd joins no two lists.
    let home = if lines.contains("SetEnv") {
        String::new()
    } else {
        format!("Match User {}\nSetEnv HOME={path}/home", own_name())
    };
    let config = format!(
        "{lines}\nPort {port}\nListenAddress 127.0.0.1\n{host_key}\nAuthorizedKeysFile {path}/authorized_keys\n\
         StrictModes no\nPidFile none\nPrintMotd no\nPrintLastLog no\n{home}\n"
    );
    let file = folder.path().join("sshd_config");
    fs::write(&file, config.replace("{folder}", &path.to_string())).expect("the configuration");
    let mut command = Command::new(if before.is_empty() { PROGRAM } else { "unshare" });
    if !before.is_empty() {
        let script =
            format!("set -e\n{}\nexec {PROGRAM} \"$@\"", before.replace("{folder}", &path.to_string()));
        command.args(["-m", "sh", "-c", &script, "sh"]);
    }
    let mut child = command
        .args(["-D", "-e", "-f"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starting sshd");
    // Its log is read for as long as it lives, so that it never waits for us.
    let log = child.stderr.take().expect("its log");
    let kept = folder.path().join("sshd.log");
    std::thread::spawn(move || {
        let mut kept = fs::File::create(kept).expect("a log");
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            drop(std::io::Write::write_all(&mut kept, format!("{line}\n").as_bytes()));
        }
    });
    let listens = until("sshd listens or ends", || {
        if child.try_wait().expect("its state").is_some() {
            return Some(false);
        }
        TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(true)
    });
    listens.then_some((port, child))
}
