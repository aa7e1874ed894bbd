//! From a wish to a running task: which shell, with which environment, and how a session is found again.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use cotty_core::dialect::{self, Shell};
use cotty_core::marks::Key;
use cotty_core::names::{Epoch, Offset, RunKind, is_variable};
use cotty_core::refusal::Refusal;
use cotty_core::run::Run;
use cotty_core::session::{Plan, Session};
use cotty_host::holder::client::{Holder, HolderError, Terminal};
use cotty_host::holder::frame::{Listed, OpenTerminal};
use cotty_host::local::account::Account;
use cotty_host::local::pty::Spawn;
use cotty_host::state_dir::StateDir;

use crate::clock;
use crate::report::{Caller, Connect, RunState};
use crate::settings::SessionDefaults;
use crate::store::{RunRow, SessionRow, Store};
use crate::texts;

/// Where programs are looked for, before the account's own profile has its say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is read of a session's output where its screen was not kept.
const REREAD_BYTES_MAX: u64 = 1024 * 1024;
/// Of a session that is gone so much of its end is read: there stand the marks of an end that nobody kept.
const LAST_BYTES: u64 = 64 * 1024;
/// What the history says of a pen whose time is over.
pub(crate) const PEN_FELL: &str = "the pen fell back: its time was over";
/// Longer directories than the kernel takes.
const PATH_BYTES_MAX: usize = 4096;

/// Everything about a new session but its terminal.
pub(crate) struct Opening {
    pub(crate) row: SessionRow,
    pub(crate) spawn: Spawn,
}

/// Decides on shell, directory, environment and size of a new local session.
pub(crate) fn plan(
    caller: &Caller,
    order: &Connect,
    name: String,
    defaults: &SessionDefaults,
    epoch: Epoch,
) -> Result<Opening, Refusal> {
    let account = Account::of_this_user().map_err(|error| Refusal::CannotStart { why: error.to_string() })?;
    let wanted = order.shell.as_deref().or(defaults.shell.as_deref());
    let program = find_shell(wanted, &account)?;
    let shell = dialect(&program)?;
    let cwd = directory(caller, order, &account)?;
    let (cols, rows) =
        cotty_core::screen::clamp(order.cols.unwrap_or(defaults.cols), order.rows.unwrap_or(defaults.rows));
    let env = environment(caller, order, &account, &program, &defaults.term)?;
    let arg0 = [OsStr::new("-"), &called(&program)].join(OsStr::new(""));
    let row = SessionRow {
        id: random_hex(8)?,
        name,
        target: "local".to_owned(),
        identity: None,
        account: None,
        label: order.label.clone().or_else(|| defaults.label.clone()),
        program: program.display().to_string(),
        shell,
        key: random_hex(16)?,
        epoch,
        mode: cotty_core::names::Mode::default(),
        size: (cols, rows),
        opened_at: SystemTime::now(),
        opened_by: caller.principal.clone(),
        idle_timeout: defaults.idle_timeout,
        is_default: order.default.unwrap_or(false),
        ended: None,
        frames: Vec::new(),
        kept: cotty_core::session::Kept::default(),
    };
    let spawn = Spawn { argv: vec![program.into_os_string()], arg0: Some(arg0), env, cwd, cols, rows };
    Ok(Opening { row, spawn })
}

/// Decides on shell, directory and environment of a command on this machine that has no terminal.
pub(crate) fn plan_isolated(
    caller: &Caller,
    order: &Connect,
    defaults: &SessionDefaults,
    command: &str,
) -> Result<Spawn, Refusal> {
    let account = Account::of_this_user().map_err(|error| Refusal::CannotStart { why: error.to_string() })?;
    let program = find_shell(defaults.shell.as_deref(), &account)?;
    let cwd = directory(caller, order, &account)?;
    let env = environment(caller, order, &account, &program, "dumb")?;
    let arg0 = Some(called(&program));
    let argv = vec![program.into_os_string(), "-c".into(), command.into()];
    Ok(Spawn { argv, arg0, env, cwd, ..Spawn::default() })
}

/// Opens the terminal that was planned.
pub(crate) async fn open(
    holder: &Holder,
    row: &SessionRow,
    spawn: Spawn,
    term: u64,
    quota_bytes: u64,
) -> Result<(Session, Terminal), Refusal> {
    let order = OpenTerminal { id: row.id.clone(), term, epoch: row.epoch, quota_bytes, spawn };
    let (_, terminal) = holder.open(order).await.map_err(|error| refused(&error))?;
    Ok((Session::new(plan_of(row), clock::now()), terminal))
}

/// Attaches to the terminal of a session that an earlier life of the daemon had.
pub(crate) async fn resume(
    holder: &Holder,
    store: &Store,
    state_dir: &StateDir,
    row: &SessionRow,
    listed: &Listed,
) -> Result<(Session, Terminal), Refusal> {
    let term = store.next_term(&row.id)?.max(listed.term + 1);
    let at = Offset { epoch: row.epoch, byte: listed.state.acknowledged_byte };
    let (attached, terminal) = holder.attach(&row.id, term, at).await.map_err(|error| refused(&error))?;
    let hidden = store.hidden(&row.id, row.epoch)?;
    let screen = screen_at(state_dir, row, at, &hidden);
    Ok((found(store, row, at.byte, attached.applied_sequence, &screen)?, terminal))
}

/// Reads what the terminal of a session that is gone printed after the last that was kept: marks that stand there prove
/// an end all the same, or where the output of a command begins.
pub(crate) fn read_to_the_end(
    store: &Store,
    state_dir: &StateDir,
    row: &SessionRow,
    end: u64,
    reason: &str,
) -> Result<Session, Refusal> {
    let newest = store.runs(Some(&row.id), 1)?.pop().filter(|run| !run.state.is_settled());
    let begin = newest.map_or(end, |run| run.typed_at.min(end));
    let mut session = found(store, row, begin, row.kept.sequence, &[])?;
    // The first of it tells where output begins, and the last of it whether it ended.
    let head = end.min(begin + REREAD_BYTES_MAX);
    let tail = end.saturating_sub(LAST_BYTES).max(head);
    for (from, to) in [(begin, head), (tail, end)] {
        let offset = |byte| Offset { epoch: row.epoch, byte };
        let stretch = crate::report::Stretch {
            session_id: row.id.clone(),
            from: offset(from),
            to: offset(to),
            cols: row.size.0,
            paged: None,
        };
        let mut at = from;
        let read = texts::read_shown(state_dir, &stretch, &[], |bytes| {
            session.handle_output(clock::now(), at, &Bytes::copy_from_slice(bytes));
            at += bytes.len() as u64;
        });
        // A place where something is missing is none that anything can be told from.
        if read? > 0 {
            break;
        }
    }
    session.handle_lost(clock::now(), reason);
    Ok(session)
}

/// Makes a session of what is kept of it, with the command that was under way.
pub(crate) fn found(
    store: &Store,
    row: &SessionRow,
    at: u64,
    applied: u64,
    screen: &[u8],
) -> Result<Session, Refusal> {
    let (now, mut kept) = (clock::now(), row.kept.clone());
    let newest = store.runs(Some(&row.id), 1)?.pop();
    if let Some(run) = &newest
        && matches!(run.state, RunState::Completed { .. })
    {
        // Its marks may be read once more: they begin no other command.
        kept.serial = kept.serial.max(run.expected);
    }
    let serial = kept.serial;
    let mut session = Session::resume(plan_of(row), now, kept, at, applied, screen);
    if let Some(pen) = store.pen(&row.id)? {
        session.restore_pen(now, &pen);
        if session.gate().taken().is_none() {
            store.keep_pen(&row.id, None)?;
            store.note(&row.id, &pen.who, "noted", PEN_FELL)?;
        }
    }
    let mut frames = Vec::new();
    for frame in &row.frames {
        let opened = frame.run.map(|id| store.run(id)).transpose()?.flatten();
        let opened = opened.filter(|run| !run.state.is_settled());
        frames.push((frame.clone(), opened.map(|run| found_again(run, frame.shell, now).0)));
    }
    if let Some((front, run)) = frames.last_mut() {
        (front.serial, *run) = (front.serial.max(serial), None);
    }
    session.take_up_frames(frames);
    let is_open = |id| row.frames.iter().any(|frame| frame.run == Some(id));
    if let Some(run) = newest.filter(|run| !run.state.is_settled() && !is_open(run.id)) {
        let shell = row.frames.last().map_or(row.shell, |frame| frame.shell);
        let (run, typed) = found_again(run, shell, now);
        session.take_up(now, run, typed);
    }
    Ok(session)
}

/// Makes a command of its row again, and what was typed for it if that may not have been applied.
fn found_again(row: RunRow, shell: Shell, now: Instant) -> (Run, Option<(u64, Bytes)>) {
    let age = SystemTime::now().duration_since(row.at).unwrap_or(Duration::ZERO);
    let since = now.checked_sub(age).unwrap_or(now);
    let mut run = Run::new(row.id, row.who, row.command, row.expected, row.typed_at, since);
    run.from = row.from;
    run.evidence = row.evidence;
    run.blank = dialect::is_blank(&run.command);
    if let Some(after) = row.kill_after {
        run.end_at(since + after);
    }
    if run.from.is_none() {
        run.follow_echo(&row.keys, shell.echoes_of(&row.keys));
    }
    let typed =
        (row.id.kind == RunKind::Command && !row.keys.is_empty()).then(|| (row.sequence, row.keys.into()));
    (run, typed)
}

/// Returns what a session is made of.
pub(crate) fn plan_of(row: &SessionRow) -> Plan {
    Plan {
        name: row.name.clone(),
        target: row.target.clone(),
        shell: row.shell,
        key: Key::new(row.key.clone()),
        size: row.size,
        mode: row.mode,
        epoch: row.epoch,
    }
}

/// Returns bytes that paint the screen as it was at an offset: what was kept of it, and the output since.
fn screen_at(state_dir: &StateDir, row: &SessionRow, at: Offset, hidden: &[(u64, u64)]) -> Vec<u8> {
    let kept = state_dir.read(&texts::snapshot_name(&row.id)).ok().flatten();
    let kept = kept.as_deref().and_then(read_snapshot).filter(|(since, _)| {
        since.epoch == at.epoch && since.byte <= at.byte && at.byte - since.byte <= 4 * REREAD_BYTES_MAX
    });
    let (from, mut screen) = match kept {
        Some((since, bytes)) => (since.byte, bytes.to_vec()),
        None => (row.kept.ready_at.max(at.byte.saturating_sub(REREAD_BYTES_MAX)).min(at.byte), Vec::new()),
    };
    let epoch = at.epoch;
    let stretch = crate::report::Stretch {
        session_id: row.id.clone(),
        from: Offset { epoch, byte: from },
        to: at,
        cols: row.size.0,
        paged: None,
    };
    // What is gone is not on the screen either.
    drop(texts::read_shown(state_dir, &stretch, hidden, |bytes| screen.extend_from_slice(bytes)));
    screen
}

fn read_snapshot(content: &[u8]) -> Option<(Offset, &[u8])> {
    let end = content.iter().position(|&byte| byte == b'\n')?;
    let head = std::str::from_utf8(&content[..end]).ok()?;
    Some((head.split(' ').next()?.parse().ok()?, &content[end + 1..]))
}

fn find_shell(wanted: Option<&str>, account: &Account) -> Result<PathBuf, Refusal> {
    let Some(wanted) = wanted else { return Ok(account.shell.clone()) };
    let invalid = |why: String| Refusal::InvalidArgument { what: "shell", why };
    if wanted.is_empty() || wanted.len() > PATH_BYTES_MAX || wanted.chars().any(char::is_control) {
        return Err(invalid("it must be a program's name or an absolute path".into()));
    }
    if wanted.starts_with('/') {
        return Ok(PathBuf::from(wanted));
    }
    if wanted.contains('/') {
        return Err(invalid("a path must be absolute".into()));
    }
    let found = PATH.split(':').map(|place| Path::new(place).join(wanted)).find(|path| path.is_file());
    found.ok_or_else(|| Refusal::CannotStart { why: format!("there is no program {wanted:?} in {PATH}") })
}

/// The name that a shell is called by.
fn called(program: &Path) -> OsString {
    let applet = Shell::applet(&program.display().to_string()).map(OsString::from);
    applet.unwrap_or_else(|| program.file_name().unwrap_or(program.as_os_str()).to_owned())
}

/// Finds out what a shell speaks: by what its name points to (`sh`), or by its name.
fn dialect(program: &Path) -> Result<Shell, Refusal> {
    let resolved = program.canonicalize().map_err(|error| Refusal::CannotStart {
        why: format!("{}: {error}", texts::one_line(&program.display().to_string())),
    })?;
    let of = |path: &Path| Shell::of_program(&path.display().to_string());
    // `ksh` is one of several programs: what it points to says more.
    of(&resolved).or_else(|| of(program)).ok_or_else(|| {
        let known = Shell::ALL.map(Shell::name).join(", ");
        let shown = texts::one_line(&program.display().to_string());
        Refusal::InvalidArgument { what: "shell", why: format!("{shown} is not spoken yet; {known} are") }
    })
}

fn directory(caller: &Caller, order: &Connect, account: &Account) -> Result<PathBuf, Refusal> {
    let invalid = |why: String| Refusal::InvalidArgument { what: "cwd", why };
    let Some(wanted) = &order.cwd else {
        let here = caller.cwd.clone().filter(|path| path.is_dir());
        return Ok(here.unwrap_or_else(|| home(account)));
    };
    if wanted.len() > PATH_BYTES_MAX {
        return Err(invalid(format!(
            "it has {} bytes, and a path has at most {PATH_BYTES_MAX}",
            wanted.len()
        )));
    }
    let wanted = match wanted.strip_prefix("~/") {
        Some(rest) => home(account).join(rest),
        None if wanted == "~" => home(account),
        None => caller.cwd.clone().unwrap_or_default().join(wanted),
    };
    if !wanted.is_absolute() || !wanted.is_dir() {
        let shown = texts::one_line(&wanted.display().to_string());
        return Err(invalid(format!("{shown} is not a directory")));
    }
    Ok(wanted)
}

/// Where cotty's own files are: the same for every shell, whoever opened it.
fn home(account: &Account) -> PathBuf {
    std::env::var_os("HOME").map_or_else(|| account.home.clone(), PathBuf::from)
}

/// Builds a shell's environment anew: the account's own, what the caller's hello may give, and what was asked
/// for. A person at a terminal brings their whole one.
fn environment(
    caller: &Caller,
    order: &Connect,
    account: &Account,
    program: &Path,
    term: &str,
) -> Result<Vec<(OsString, OsString)>, Refusal> {
    let lang = std::env::var_os("LANG").unwrap_or_else(|| "C.UTF-8".into());
    let mut env: Vec<(OsString, OsString)> = match &caller.whole_env {
        Some(whole) => whole.clone(),
        None => vec![
            ("HOME".into(), home(account).into_os_string()),
            ("USER".into(), account.name.clone().into()),
            ("LOGNAME".into(), account.name.clone().into()),
            ("PATH".into(), PATH.into()),
            ("LANG".into(), lang),
        ],
    };
    let mut set = |name: OsString, value: OsString| {
        env.retain(|(known, _)| *known != name);
        env.push((name, value));
    };
    set("SHELL".into(), program.as_os_str().to_owned());
    set("TERM".into(), term.into());
    for (name, value) in &caller.env {
        set(name.clone(), value.clone());
    }
    for (name, value) in &order.env {
        if !is_variable(name) || value.contains('\0') {
            let why = format!("{:?} is no name of a variable, or its value holds NUL", texts::one_line(name));
            return Err(Refusal::InvalidArgument { what: "env", why });
        }
        set(name.into(), value.into());
    }
    env.retain(|(name, value)| !name.as_bytes().contains(&0) && !value.as_bytes().contains(&0));
    Ok(env)
}

/// Draws random bytes as hexadecimal text.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Refusal> {
    let mut drawn = vec![0; bytes];
    getrandom::fill(&mut drawn)
        .map_err(|error| Refusal::Internal { what: format!("no random bytes: {error}") })?;
    Ok(drawn.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Says in our words why a holder did not do it.
pub(crate) fn refused(error: &HolderError) -> Refusal {
    if let HolderError::State(state) = error {
        return Refusal::Storage { why: state.to_string() };
    }
    Refusal::CannotStart { why: error.to_string() }
}
