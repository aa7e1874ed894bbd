//! A HOME of its own for one test, with everything that is started in it ended again.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::mcp::Mcp;
use crate::tty::{GRACE, Tty};
use crate::wait::DEADLINE;

/// A fresh HOME with a state directory and a configuration of its own.
///
/// When it is dropped the daemon, the holder and all that still lives in it are ended by their process
/// ids, which are found by the variables that name this home and by descent, never by a program's name.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    instance: Option<String>,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// Makes a fresh home.
    #[must_use]
    pub fn new() -> Self {
        // Short, because a socket's address has room for 108 bytes.
        let folder =
            tempfile::Builder::new().prefix("cotty-").tempdir_in("/tmp").expect("a folder for a home");
        for sub in ["state", "work"] {
            fs::create_dir(folder.path().join(sub)).expect("a folder in it");
        }
        spare_fish(folder.path());
        let home = Self { folder, instance: None };
        private(&home.state());
        home
    }

    /// Makes a fresh home whose commands name an instance.
    #[must_use]
    pub fn with_instance(name: &str) -> Self {
        let mut home = Self::new();
        home.instance = Some(name.to_owned());
        home
    }

    /// The HOME of everything started here.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The state directory (`COTTY_STATE_DIR`).
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// The configuration file (`COTTY_CONFIG`). It does not exist until [`Home::write_config`].
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// The directory in which commands are started.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    /// Writes the configuration file.
    pub fn write_config(&self, text: &str) {
        fs::write(self.config(), text).expect("the configuration");
    }

    /// Any program in this home: clean environment, standard input closed.
    #[must_use]
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("HOME", self.path())
            .env("COTTY_STATE_DIR", self.state())
            .env("COTTY_CONFIG", self.config())
            .env("COTTY_ACCOUNT_HOME", self.path().join("account"))
            .current_dir(self.work())
            .stdin(Stdio::null());
        if let Some(instance) = &self.instance {
            command.env("COTTY_INSTANCE", instance);
        }
        command
    }

    /// `cotty` with `args`. Run as it is, it has no terminal and so counts as an agent.
    #[must_use]
    pub fn cotty(&self, args: &[&str]) -> Command {
        let mut command = self.program(binary());
        command.args(args);
        command
    }

    /// Runs `cotty` with `args` as an agent would and returns its end and what it printed.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Output {
        self.cotty(args).output().expect("starting cotty")
    }

    /// Starts `cotty` with `args` at a terminal of a person.
    #[must_use]
    pub fn tty(&self, args: &[&str]) -> Tty {
        Tty::start(&self.cotty(args))
    }

    /// Runs `cotty` with `args` at a terminal of a person; returns the exit code and the text.
    #[must_use]
    pub fn run_as_person(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut tty = self.tty(args);
        let status = tty.wait_exit();
        (status.code(), tty.rest())
    }

    /// Starts `cotty mcp` with a client on its standard input and output.
    #[must_use]
    pub fn mcp(&self) -> Mcp {
        Mcp::start(self.cotty(&["mcp"]))
    }

    /// The process id of this home's daemon, as its file in the state directory has it; the daemon may be gone.
    #[must_use]
    pub fn daemon_pid(&self) -> Option<u32> {
        let instance = self.instance.as_ref().map(|name| Path::new("instances").join(name));
        let folder = self.state().join(instance.unwrap_or_default());
        let card: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join("daemon.json")).ok()?).ok()?;
        u32::try_from(card["pid"].as_u64()?).ok()
    }

    /// Everything that lives in this home: processes whose environment names it, and their descendants.
    #[must_use]
    pub fn processes(&self) -> BTreeSet<u32> {
        let marks: Vec<Vec<u8>> = [("COTTY_STATE_DIR", self.state()), ("HOME", self.path().to_owned())]
            .into_iter()
            .map(|(name, path)| format!("{name}={}", path.display()).into_bytes())
            .collect();
        let table = process_table();
        let named = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|entry| marks.iter().any(|mark| entry == mark))
        };
        let mut found: BTreeSet<u32> = table.iter().map(|(pid, _)| *pid).filter(named).collect();
        // The daemon lets nobody look into its environment, but for root.
        found.extend(self.daemon_pid().filter(|pid| living_parent(*pid).is_some() && is_a_daemon(*pid)));
        loop {
            let children = table.iter().filter(|(_, parent)| found.contains(parent)).map(|(pid, _)| *pid);
            let more: Vec<u32> = children.filter(|pid| !found.contains(pid)).collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    /// Asks the daemon to end, as a person.
    fn ask_to_stop(&self) {
        let mut tty = self.tty(&["stop"]);
        let start = Instant::now();
        while start.elapsed() < GRACE && !tty.has_ended() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// At its first start in a home fish would read every manual page for completions.
pub(crate) fn spare_fish(home: &Path) {
    let fish = home.join(".config/fish");
    fs::create_dir_all(&fish).expect("a folder for fish");
    let known = "# VERSION: 3.0\nSETUVAR __fish_initialized:3400\n";
    fs::write(fish.join("fish_variables"), known).expect("what fish knows");
    fs::create_dir_all(home.join(".local/share/fish/generated_completions")).expect("no completions to make");
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.processes().is_empty() && binary_path().is_some() {
            self.ask_to_stop();
        }
        let start = Instant::now();
        loop {
            let living = self.processes();
            if living.is_empty() {
                return;
            }
            living.iter().for_each(|&pid| kill(pid));
            // No panic here: the test may be ending in one already.
            if start.elapsed() > DEADLINE {
                eprintln!("{} is still lived in by {living:?}", self.path().display());
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The binary under test: `COTTY_BIN`, what the runner names, or what stands beside the test's folder.
///
/// # Panics
/// Panics where there is none.
#[must_use]
pub fn binary() -> PathBuf {
    binary_path().expect("the binary: build it first, with `cargo build -p cotty`, or name it in COTTY_BIN")
}

/// Where the binary stands, if it does.
fn binary_path() -> Option<PathBuf> {
    for name in ["COTTY_BIN", "NEXTEST_BIN_EXE_cotty", "CARGO_BIN_EXE_cotty"] {
        if let Some(path) = std::env::var_os(name) {
            return Some(path.into());
        }
    }
    let here = std::env::current_exe().ok()?;
    here.ancestors().skip(1).take(3).map(|folder| folder.join("cotty")).find(|path| path.is_file())
}

/// Every process and its parent.
fn process_table() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, living_parent(pid)?))).collect()
}

/// The parent of a process that lives; none for a zombie, which only waits to be fetched.
fn living_parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows the last one does not.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then_some(())?;
    fields.next()?.parse().ok()
}

/// A number may be another process's by now.
fn is_a_daemon(pid: u32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).any(|word| word == b"daemon")
}

/// Kills one process.
fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone_already = kill_process(pid, Signal::KILL);
    }
}

/// Lets nobody else in.
fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("0700");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::until;

    #[test]
    fn a_program_sees_this_home_and_little_else() {
        let home = Home::new();
        let output = home.program("env").output().expect("env");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(&format!("HOME={}", home.path().display())));
        assert!(!text.contains("CARGO"));
    }

    #[test]
    fn what_was_left_behind_ends_with_the_home() {
        let home = Home::new();
        // It leaves its session, and its child forgets the environment.
        let script = "setsid sh -c 'env -i sleep 1000 & sleep 1000' >/dev/null 2>&1 & exit 0";
        home.program("sh").args(["-c", script]).status().expect("sh");
        let left = until("both are there", || Some(home.processes()).filter(|found| found.len() >= 3));
        drop(home);
        // Each was killed; the kernel takes a moment to end it.
        until("nothing is left", || left.iter().all(|pid| living_parent(*pid).is_none()).then_some(()));
    }
}
