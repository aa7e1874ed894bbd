//! The limits of a process: what we take for ourselves, and what those whom we start get back.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// No core file is as small, and a program that takes them by a pipe is not started for this limit, as it is for 0
/// (core(5)).
const NO_CORE_BYTES: u64 = 1;

static DESCRIPTORS_BEFORE: OnceLock<Rlimit> = OnceLock::new();
static CORE_BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit of open descriptors as far as allowed; what we start gets the former one back.
pub fn raise_descriptors() {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        // The first one is the former one.
        DESCRIPTORS_BEFORE.set(before).ok();
    }
}

/// What is typed passes through this process: no copy of its memory is written when it crashes.
///
/// The hard limit stays, so that a person's programs can be given back what was theirs.
pub fn leave_no_core() {
    let before = getrlimit(Resource::Core);
    let current = Some(before.maximum.map_or(NO_CORE_BYTES, |it| it.min(NO_CORE_BYTES)));
    if setrlimit(Resource::Core, Rlimit { current, maximum: before.maximum }).is_ok() {
        CORE_BEFORE.set(before).ok();
    }
}

/// Starts a program of ours with the core limit that we were started with: it takes that away for itself, and gives it
/// back to what it starts.
#[expect(unsafe_code, reason = "a limit of the child alone can only be set between fork and exec")]
pub fn start_as_we_were(command: &mut Command) -> &mut Command {
    let core = former(&CORE_BEFORE);
    // SAFETY: only a system call is made between fork and exec; nothing is allocated or locked.
    unsafe { command.pre_exec(move || give_back(Resource::Core, core.as_ref())) }
}

/// The limits that we were started with, where we have changed them.
pub(super) struct Former {
    descriptors: Option<Rlimit>,
    core: Option<Rlimit>,
}

impl Former {
    /// Looks them up.
    pub(super) fn known() -> Self {
        Self { descriptors: former(&DESCRIPTORS_BEFORE), core: former(&CORE_BEFORE) }
    }

    /// Sets them again. Runs between fork and exec: nothing is allocated or locked.
    pub(super) fn give_back(&self) -> io::Result<()> {
        give_back(Resource::Nofile, self.descriptors.as_ref())?;
        give_back(Resource::Core, self.core.as_ref())
    }
}

fn former(limit: &OnceLock<Rlimit>) -> Option<Rlimit> {
    limit.get().map(|it| Rlimit { ..*it })
}

fn give_back(resource: Resource, limit: Option<&Rlimit>) -> io::Result<()> {
    limit.map_or(Ok(()), |it| Ok(setrlimit(resource, Rlimit { ..*it })?))
}
