//! The program that the user's ssh starts for a question (`SSH_ASKPASS`): it brings the words to the daemon and prints the answer.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use cotty_host::native::questions::{KIND_VARIABLE, NONCE_VARIABLE, SOCKET_VARIABLE};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use zeroize::Zeroizing;

/// No answer is longer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Returns the program, as ssh is told of it; nothing where its file is gone.
pub(crate) fn program() -> Option<PathBuf> {
    std::env::current_exe().ok().filter(|it| it.exists())
}

/// Says whether ssh has called us: with one argument, in an environment that only an ssh of the daemon's gets.
#[must_use]
pub fn is_called(arguments: &[OsString]) -> bool {
    arguments.len() == 1 && std::env::var_os(SOCKET_VARIABLE).is_some()
}

/// Brings the question, and prints what comes back. Without an answer nothing is printed, and the exit code says so.
#[must_use]
pub fn run(arguments: &[OsString]) -> ExitCode {
    // What is typed passes through this process: no copy of it is written, and nobody of this account looks into it.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).ok();
    let question = arguments.first().map(|it| it.to_string_lossy()).unwrap_or_default();
    match answer(&question) {
        Ok(true) => ExitCode::SUCCESS,
        // There is nobody to tell: ssh goes on without an answer.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn answer(question: &str) -> io::Result<bool> {
    let said = |name: &str| std::env::var_os(name).unwrap_or_default();
    let mut stream = UnixStream::connect(said(SOCKET_VARIABLE))?;
    let (nonce, kind) = (said(NONCE_VARIABLE), said(KIND_VARIABLE));
    let words = [nonce.to_string_lossy(), kind.to_string_lossy(), question.into()].join("\n");
    stream.write_all(words.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    // It has its size from the start: one that grew would leave copies behind.
    let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_MAX));
    let mut length = 0;
    answer.resize(ANSWER_BYTES_MAX, 0);
    while length < ANSWER_BYTES_MAX {
        match stream.read(&mut answer[length..])? {
            0 => break,
            bytes => length += bytes,
        }
    }
    let Some((b'+', secret)) = answer[..length].split_first() else { return Ok(false) };
    let mut out = io::stdout().lock();
    out.write_all(secret)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(true)
}
