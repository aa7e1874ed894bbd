//! Sends a signal to a process of a session, and to no other.

use rustix::process::{Pid, Signal};

use crate::holder::facts::Look;
use crate::holder::frame::SignalTo;

/// Sends a signal. The text of a failure is for people.
pub(super) fn send(look: &Look<'_>, to: SignalTo, signal: i32) -> Result<(), String> {
    let signal = Signal::from_named_raw(signal).ok_or_else(|| format!("there is no signal {signal}"))?;
    let failed = |error| format!("cannot signal: {error}");
    match to {
        SignalTo::ForegroundButShell if look.shell_is_in_front() => Ok(()),
        SignalTo::Foreground | SignalTo::ForegroundButShell => {
            let group = look.foreground().and_then(pid).ok_or("nothing stands in the foreground")?;
            rustix::process::kill_process_group(group, signal).map_err(failed)
        }
        SignalTo::Group(number) => {
            let ours = look.live().iter().any(|it| it.group == number);
            let group = pid(number).filter(|_| ours);
            let group = group.ok_or_else(|| format!("group {number} is not of this session"))?;
            rustix::process::kill_process_group(group, signal).map_err(failed)
        }
        SignalTo::Process(number) => {
            let ours = look.live().iter().any(|it| it.pid == number);
            let process = pid(number).filter(|_| ours);
            let process = process.ok_or_else(|| format!("process {number} is not of this session"))?;
            rustix::process::kill_process(process, signal).map_err(failed)
        }
    }
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}
