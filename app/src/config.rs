//! The config file: as written, with the line of every word, then resolved, with nothing left open.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cotty_core::refusal::Refusal;
use cotty_engine::hosts::device::{Choice, Device, Targets};
use cotty_host::native::settings::Limits as Patience;
use cotty_host::openssh::PATH;
use cotty_web::door::Listen;

pub mod environment;
mod owned;
mod toml;
pub(crate) mod workspace;
pub(crate) mod written;

use owned::{Links, Untaken};
pub use written::Written;

/// What holds once every default is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What a session is opened on when nothing is said.
    pub default: Option<String>,
    /// What new sessions are like.
    pub session: Session,
    /// How much there may be.
    pub limits: Limits,
    /// Variables of a caller that a new shell gets, besides `SSH_AUTH_SOCK`.
    pub pass_env: Vec<String>,
    /// Where browsers and programs find the daemon.
    pub listen: Listen,
    /// The agent of ssh for those who come by TCP, and bring none.
    pub agent_socket: Option<PathBuf>,
    /// What agents may name.
    pub targets: Targets,
    /// How long each step of a connection may take.
    pub timeouts: Timeouts,
    /// The file that ssh's configuration is read from, where it is another than ssh's own.
    pub ssh_config: Option<PathBuf>,
    /// Where ssh and the programs of its configuration are looked for.
    pub ssh_path: String,
    /// The user's ssh, where it is another than the one that is found there.
    pub ssh_program: Option<PathBuf>,
    /// Which engine connects, where a device does not say.
    pub engine: Choice,
    /// The files that this one includes, with `~` as it is written.
    pub include: Vec<PathBuf>,
    /// The groups of devices.
    pub groups: BTreeSet<String>,
    /// The hosts that are named here.
    pub devices: BTreeMap<String, Device>,
}

/// How long each step of a connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Finding the address and opening the connection.
    pub connect: Duration,
    /// The banner and the key exchange.
    pub handshake: Duration,
    /// One answer of the server while logging in.
    pub authentication: Duration,
}

/// What new sessions are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The shell; the account's without one.
    pub shell: Option<String>,
    /// `TERM`.
    pub term: String,
    /// Columns while nobody is there.
    pub cols: u16,
    /// Rows while nobody is there.
    pub rows: u16,
    /// A session closes after this long without input and output; never without it.
    pub idle_timeout: Option<Duration>,
    /// After so much quiet a person's unsent line may be put aside for an agent's command, and is put back.
    pub park_drafts: Option<Duration>,
    /// Words for people.
    pub label: Option<String>,
    /// A command that a person's choice runs in every new shell.
    pub startup: Option<String>,
}

/// How much there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Living sessions.
    pub sessions_max: usize,
    /// Output kept on disk, per session.
    pub quota_bytes: u64,
}

/// Nobody reads this many terminals; a program that opens more has gone astray.
const SESSIONS_MAX: usize = 100;

/// Whoever has not typed for so long is not about to press Enter.
const PARK_DRAFTS: Duration = Duration::from_secs(30);

/// 64 MiB: a day of builds, and a hundred sessions still fit on a small disk.
const QUOTA_MIB: u64 = 64;

/// No config is longer.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads and resolves a config file. A file that does not exist says nothing.
pub fn read(path: &Path) -> Result<Config, Refusal> {
    parsed(path, &text(path)?.unwrap_or_default())
}

/// The same for a file that said something before: it does not come to say nothing by itself. It is being saved, or its
/// disk is away.
pub fn read_again(path: &Path) -> Result<Config, Refusal> {
    let gone = |how: &str| {
        let remedy = "Put it back (a comment is enough), or run: cotty restart".to_owned();
        Refusal::Config { why: format!("{} {how}", path.display()), remedy }
    };
    match text(path)? {
        None => Err(gone("is gone")),
        Some(text) if text.is_empty() => Err(gone("is empty")),
        Some(text) => parsed(path, &text),
    }
}

/// Returns the files that a config names to be included, also where it cannot be used for one of them; nothing where it
/// cannot be understood itself.
pub(crate) fn named(path: &Path) -> Option<Vec<PathBuf>> {
    let text = text(path).ok()?.unwrap_or_default();
    let written = Written::parse(&text).ok()?;
    Some(written.include.iter().filter_map(|it| crate::instance::expanded(it).ok()).collect())
}

/// Returns what is in a file; nothing where there is none.
fn text(path: &Path) -> Result<Option<String>, Refusal> {
    let refused = |why: String, remedy: &str| Refusal::Config { why, remedy: remedy.to_owned() };
    let unread = |error: std::io::Error| {
        let why = format!("cannot read {}: {error}", path.display());
        refused(why, "Mend its permissions, or name another file in COTTY_CONFIG")
    };
    let taken = match owned::take(path, BYTES_MAX, Links::Followed, owned::by_others) {
        Ok(taken) => taken,
        Err(Untaken::NotThere) => return Ok(None),
        Err(Untaken::NoFile | Untaken::Link) => {
            let why = format!("{} is no file of at most 1 MiB", path.display());
            return Err(refused(why, "Name another file in COTTY_CONFIG"));
        }
        Err(Untaken::Others(why)) => {
            let remedy =
                format!("See that what is in it is yours; then: chown, chmod go-w {}", path.display());
            return Err(refused(format!("{} {why}", path.display()), &remedy));
        }
        Err(Untaken::Failed(error)) => return Err(unread(error)),
    };
    let text = std::str::from_utf8(&taken.bytes)
        .map_err(|_| refused(format!("{} is not UTF-8", path.display()), "Save it as UTF-8"))?;
    Ok(Some(text.to_owned()))
}

fn parsed(path: &Path, text: &str) -> Result<Config, Refusal> {
    let mut written = Written::parse(text).map_err(|wrong| told(path, wrong))?;
    let refused = |path: &Path, why: String| {
        let why = format!("{}: {why}", path.display());
        Refusal::Config { why, remedy: "Mend it; then run: cotty config check".to_owned() }
    };
    for named in written.include.clone() {
        let file = crate::instance::expanded(&named)?;
        let text = self::text(&file)?;
        let text = text
            .ok_or_else(|| refused(path, format!("include names {}, which is not there", file.display())))?;
        let included = Written::parse_included(&text).map_err(|wrong| told(&file, wrong))?;
        written.take_in(included).map_err(|why| refused(&file, why))?;
    }
    if let Some((device, group)) = written.groupless() {
        return Err(refused(
            path,
            format!("the device {device} is in the group {group}, and there is no [groups.{group}]"),
        ));
    }
    Ok(written.into())
}

fn told(path: &Path, wrong: written::Wrong) -> Refusal {
    let remedy = format!("{}; then run: cotty config check", wrong.remedy);
    Refusal::Config { why: format!("{}:{}: {}", path.display(), wrong.line, wrong.what), remedy }
}

impl From<Written> for Config {
    fn from(written: Written) -> Self {
        let quota_mib = written.quota_mib.unwrap_or(QUOTA_MIB);
        let patience = Patience::default();
        let devices = written.devices();
        let own = devices.iter().find(|(_, it)| it.defaults.default == Some(true));
        Self {
            default: written.default.or_else(|| own.map(|(name, _)| name.clone())),
            listen: written.listen.unwrap_or_default(),
            agent_socket: written.agent_socket,
            targets: written.targets.unwrap_or_default(),
            timeouts: Timeouts {
                connect: written.connect.unwrap_or(patience.connect),
                handshake: written.handshake.unwrap_or(patience.handshake),
                authentication: written.authentication.unwrap_or(patience.authentication),
            },
            ssh_config: written.ssh_config,
            engine: written.engine.unwrap_or_default(),
            ssh_path: written.ssh_path.unwrap_or_else(|| PATH.to_owned()),
            ssh_program: written.ssh_program,
            include: written.include,
            groups: written.groups.into_keys().collect(),
            devices,
            session: Session {
                shell: written.shell,
                term: written.term.unwrap_or_else(|| "xterm-256color".to_owned()),
                cols: written.cols.unwrap_or(120),
                rows: written.rows.unwrap_or(40),
                idle_timeout: written.idle_timeout.flatten(),
                park_drafts: written.park_drafts.unwrap_or(Some(PARK_DRAFTS)),
                label: written.label,
                startup: written.startup,
            },
            limits: Limits {
                sessions_max: written.sessions_max.unwrap_or(SESSIONS_MAX),
                quota_bytes: quota_mib * 1024 * 1024,
            },
            pass_env: written.pass_env,
        }
    }
}

impl Config {
    /// Returns the variables that a caller says in its hello: those for shells, and those that hold a device's secrets.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        // No shell here gets what is a device's.
        let of_devices: BTreeSet<String> =
            self.devices.values().flat_map(Device::variables).map(str::to_owned).collect();
        self.pass_env.iter().chain(&of_devices).cloned().collect()
    }
}
