//! An answer that another program gives: the first line of standard input.

use std::io::{BufRead, Read};

use cotty_core::refusal::Refusal;
use cotty_wire::api::Failure;
use cotty_wire::socket::Hidden;
use zeroize::Zeroizing;

/// No secret is longer.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Reads the first line of standard input. Nobody else is asked before the daemon has asked for it.
pub(crate) fn piped() -> Result<Hidden, Failure> {
    let stdin = std::io::stdin();
    let refused = |why: String| Failure::from(&Refusal::InvalidArgument { what: "standard input", why });
    // Of its full size from the start, so that nothing of it is left behind by growing.
    let mut line = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    let read = stdin.lock().take(SECRET_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line);
    read.map_err(|error| refused(error.to_string()))?;
    if line.len() > SECRET_BYTES_MAX {
        return Err(refused("its first line has more than 64 KiB".to_owned()));
    }
    let text = std::str::from_utf8(&line).map_err(|_| refused("it is not UTF-8".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(refused("it holds no answer".to_owned()));
    }
    Ok(Hidden::new(text.to_owned()))
}
