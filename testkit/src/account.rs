//! An account of its own for a test, with a home and a login shell; it needs root.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::not_run::not_run;
use crate::sshd::Sshd;
use crate::wait::until;

/// An account that goes with this value, with its home.
#[derive(Debug)]
pub struct Account {
    name: String,
    home: PathBuf,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Account {
    /// Makes one whose login shell this is, and lets it log in with the server's own key. Nothing, and a report that
    /// `test` did not run, for who is not root.
    #[must_use]
    pub fn new(test: &str, sshd: &Sshd, shell: &str) -> Option<Self> {
        Self::within(test, &sshd.file(""), shell)
    }

    /// Makes one whose home is in this folder.
    #[must_use]
    pub fn within(test: &str, folder: &Path, shell: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            not_run(test, "an account is root's to make");
            return None;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cotty{}x{number}", std::process::id());
        let home = folder.join(&name);
        // The server reads what stands in its folder as the account that logs in.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("the folder of its home");
        // `*` is no password; without one the account would be locked.
        let home_text = home.to_str().expect("a path in UTF-8");
        change("useradd", &["-m", "-d", home_text, "-p", "*", "-s", shell, &name]);
        Some(Self { name, home })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives it another login shell.
    pub fn set_shell(&self, shell: &str) {
        change("usermod", &["-s", shell, &self.name]);
    }

    /// Gives it a password.
    pub fn set_password(&self, password: &str) {
        until("the list of accounts is free", || {
            let mut child = Command::new("chpasswd")
                .stdin(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("chpasswd");
            let mut input = child.stdin.take().expect("its input");
            writeln!(input, "{}:{password}", self.name).expect("a line");
            drop(input);
            child.wait().expect("its end").success().then_some(())
        });
    }

    /// Lets it become anybody by `sudo`, with its password.
    pub fn may_sudo(&self) {
        let rule = format!("Defaults:{0} !lecture\n{0} ALL=(ALL) ALL\n", self.name);
        let file = self.sudoers();
        fs::write(&file, rule).expect("a file of sudo's");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).expect("0440");
    }

    fn sudoers(&self) -> PathBuf {
        Path::new("/etc/sudoers.d").join(&self.name)
    }

    /// Lets these keys log in where a server reads what the account has in its home.
    pub fn write_keys(&self, keys: &str) {
        fs::create_dir_all(self.home.join(".ssh")).expect("a folder for ssh");
        self.write(".ssh/authorized_keys", keys);
    }

    /// Writes a file in its home, which everybody may read.
    pub fn write(&self, name: &str, content: &str) {
        let path: &Path = &self.home.join(name);
        fs::write(path, content).expect("a file in its home");
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("0644");
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(fs::remove_file(self.sudoers()));
        // Its processes are being hung up; that some still run does not matter. No panic: the test may be in one.
        for _ in 0..50 {
            if run("userdel", &["-f", &self.name]).is_ok_and(|it| it.status.code() != Some(BUSY)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Another program holds the list of accounts: the tools of shadow say so with this status.
const BUSY: i32 = 1;

fn change(program: &str, arguments: &[&str]) {
    let output = until("the list of accounts is free", || {
        let output = run(program, arguments).expect("a program of the package passwd");
        (output.status.code() != Some(BUSY)).then_some(output)
    });
    assert!(output.status.success(), "{program}: {output:?}");
}

fn run(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(program).args(arguments).output()
}
