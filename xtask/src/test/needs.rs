//! What the tests need from outside, installed by the ordinary clients of its source: Debian, PyPI, npm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{on_path, quiet};
use crate::tree::root;

/// Where the MCP clients of others are installed, below the build folder: `python/bin/python` and
/// `node/node_modules`.
pub const CLIENTS: &str = "test-clients";

/// Programs, and the Debian package of each.
const PROGRAMS: &[(&str, &str)] = &[
    ("zsh", "zsh"),
    ("dash", "dash"),
    ("fish", "fish"),
    ("tcsh", "tcsh"),
    ("busybox", "busybox"),
    ("mksh", "mksh"),
    ("ksh93", "ksh93u+m"),
    ("vim", "vim"),
    ("nano", "nano"),
    ("less", "less"),
    ("git", "git"),
    ("htop", "htop"),
    ("sqlite3", "sqlite3"),
    ("whiptail", "whiptail"),
    ("sudo", "sudo"),
    ("tmux", "tmux"),
    ("screen", "screen"),
    ("yash", "yash"),
    ("ps", "procps"),
    ("setsid", "util-linux"),
    ("ssh", "openssh-client"),
    ("sshd", "openssh-server"),
    ("dropbear", "dropbear-bin"),
    ("tinysshd", "tinysshd"),
    ("python3", "python3"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("dbus-run-session", "dbus-daemon"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("secret-tool", "libsecret-tools"),
    ("chromium", "chromium"),
    ("softhsm2-util", "softhsm2"),
    ("krb5kdc", "krb5-kdc"),
    ("kadmin.local", "krb5-admin-server"),
    ("klist", "krb5-user"),
];

/// The Python client, and the libraries of servers that are not OpenSSH's.
const PYTHON_CLIENT: &[&str] = &["mcp==2.3.0", "asyncssh==2.24.1", "paramiko==5.1.0"];

/// The TypeScript clients, of both generations.
const NODE_CLIENTS: &[&str] = &["@modelcontextprotocol/client@2.4.0", "@modelcontextprotocol/sdk@1.32.2"];

/// What drives the browser.
const BROWSER_DRIVER: &[&str] = &["playwright-core@1.65.1"];

/// The viewer, with the tools that build it: what the lock names and nothing else.
const VIEWER: &str = "web/viewer";

/// The terminal that core's repaint is compared with.
const ORACLE: &str = "core/tests/oracle";

/// Installs what is missing, and says what could not be had. Going on is right: each test that misses
/// something says so itself.
#[must_use]
pub fn provide(target: &Path) -> Vec<String> {
    let mut missing = programs();
    let clients = target.join(CLIENTS);
    let oracle = root().join(ORACLE);
    let steps = [
        ("the Python MCP client", python_client(&clients.join("python"))),
        ("the TypeScript MCP clients", node_packages(&clients.join("node"), NODE_CLIENTS)),
        ("the driver of the browser", node_packages(&clients.join("browser"), BROWSER_DRIVER)),
        ("the tools that build the viewer", locked_packages(&root().join(VIEWER), &clients.join("viewer"))),
        (
            "the terminal oracle",
            if oracle.join("package.json").is_file() { node_packages(&oracle, &[]) } else { Ok(()) },
        ),
    ];
    for (what, done) in steps {
        if let Err(reason) = done {
            eprintln!("{reason}");
            let first = reason.lines().next().unwrap_or_default();
            missing.push(format!("{what}: {first}"));
        }
    }
    missing
}

/// Installs the programs that are missing where that is allowed; names those that are missing still.
fn programs() -> Vec<String> {
    // An ordinary user of Debian has no /usr/sbin on the PATH.
    let is_there = |program: &str| on_path(program) || Path::new("/usr/sbin").join(program).is_file();
    let is_missing = |(program, _): &&(&str, &str)| !is_there(program);
    let mut packages: Vec<&str> = PROGRAMS.iter().filter(is_missing).map(|(_, package)| *package).collect();
    if on_path("python3") && quiet(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_err() {
        packages.push("python3-venv");
    }
    if packages.is_empty() {
        return Vec::new();
    }
    let reason = match install(&packages) {
        Ok(()) => String::new(),
        Err(reason) => format!(" ({reason})"),
    };
    let left = PROGRAMS.iter().filter(is_missing);
    left.map(|(program, package)| format!("{program}: not installed; apt-get install {package}{reason}"))
        .collect()
}

/// Installs Debian packages, without a question and without more than was asked for.
fn install(packages: &[&str]) -> Result<(), String> {
    if !on_path("apt-get") {
        return Err("no apt-get here".to_owned());
    }
    if fs::metadata("/proc/self").map(|it| std::os::unix::fs::MetadataExt::uid(&it)).unwrap_or(1) != 0 {
        return Err("only root may install".to_owned());
    }
    println!("installing {}", packages.join(", "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // An old list may still do: what counts is whether the packages arrive.
    let updated = quiet(apt().arg("update"));
    let installed = quiet(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages));
    let first_line = |reason: String| reason.lines().next().unwrap_or_default().to_owned();
    installed.map(drop).map_err(|reason| first_line(updated.err().unwrap_or(reason)))
}

/// Makes a virtual environment with the Python client.
fn python_client(folder: &Path) -> Result<(), String> {
    if is_provided(folder, PYTHON_CLIENT) {
        return Ok(());
    }
    println!("installing {}", PYTHON_CLIENT.join(", "));
    quiet(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    quiet(Command::new(folder.join("bin/python")).args(pip).args(PYTHON_CLIENT))?;
    note_provided(folder, PYTHON_CLIENT)
}

/// Installs npm packages into a folder: those named, else those of its `package.json`.
fn node_packages(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let manifest = fs::read_to_string(folder.join("package.json")).unwrap_or_default();
    let wanted: Vec<&str> = if packages.is_empty() { vec![&manifest] } else { packages.to_vec() };
    if is_provided(folder, &wanted) {
        return Ok(());
    }
    println!("installing {}", if packages.is_empty() { ORACLE.to_owned() } else { packages.join(", ") });
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let options = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(options).args(packages);
    if !packages.is_empty() {
        // Else npm looks for a package.json further up.
        npm.arg("--prefix").arg(folder);
    }
    quiet(&mut npm)?;
    note_provided(folder, &wanted)
}

/// Installs what a folder's lock names into another one.
fn locked_packages(from: &Path, folder: &Path) -> Result<(), String> {
    let read = |name: &str| {
        let path = from.join(name);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let (manifest, lock) = (read("package.json")?, read("package-lock.json")?);
    let wanted = [manifest.as_str(), lock.as_str()];
    if is_provided(folder, &wanted) {
        return Ok(());
    }
    println!("installing {VIEWER}");
    let put = |name: &str, text: &str| fs::write(folder.join(name), text);
    fs::create_dir_all(folder)
        .and_then(|()| put("package.json", &manifest))
        .and_then(|()| put("package-lock.json", &lock))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    quiet(Command::new("npm").current_dir(folder).args([
        "ci",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]))?;
    note_provided(folder, &wanted)
}

/// The file that tells what was installed in a folder; beside the packages, so that it goes with them.
fn note(folder: &Path) -> PathBuf {
    let packages = folder.join("node_modules");
    if packages.is_dir() { packages.join(".provided") } else { folder.join(".provided") }
}

/// Whether just this was installed before.
fn is_provided(folder: &Path, what: &[&str]) -> bool {
    fs::read_to_string(note(folder)).is_ok_and(|noted| noted == what.join("\n"))
}

fn note_provided(folder: &Path, what: &[&str]) -> Result<(), String> {
    let note = note(folder);
    fs::write(&note, what.join("\n")).map_err(|error| format!("{}: {error}", note.display()))
}
