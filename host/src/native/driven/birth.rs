//! Which process is what we started, where a connection is not ours alone: it says so itself before it begins.
//!
//! Beside us others start programs on a master of the user's, so that the order of our requests proves nothing there.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;

/// Rc files may be slow, and a server may start something else in the place of what was asked for.
const LIMIT: Duration = Duration::from_secs(5);

/// What may be printed before it.
const BEFORE_BYTES_MAX: usize = 64 << 10;

/// What a program says of itself: its number, between words that nobody else knows.
pub(super) struct Mark {
    begin: String,
}

impl Mark {
    /// Draws one.
    pub(super) fn new() -> Option<Self> {
        let mut key = [0; 16];
        SystemRandom::new().fill(&mut key).ok()?;
        Some(Self { begin: format!("\x1b]7717;{};", HEXLOWER.encode(&key)) })
    }

    /// Puts it before a line for the account's shell, which becomes that shell as it would have been. The process stays the
    /// same from the first to the last.
    pub(super) fn before(&self, line: &str) -> String {
        let begin = self.begin.trim_start_matches('\x1b');
        let then = if line.is_empty() { "-l".to_owned() } else { format!("-c {}", quoted(line)) };
        let script = format!("printf '\\033{begin}%s\\007' \"$$\"; exec \"${{SHELL:-/bin/sh}}\" {then}");
        format!("exec /bin/sh -c {}", quoted(&script))
    }

    /// Waits for it; returns the number, where it came, and what else was printed until then.
    pub(super) async fn awaited(&self, stdout: &mut pipe::Receiver) -> (Option<u32>, Bytes) {
        let mut printed = BytesMut::new();
        let read = async {
            loop {
                if let Some(pid) = self.take(&mut printed) {
                    return Some(pid);
                }
                if printed.len() > BEFORE_BYTES_MAX || !matches!(stdout.read_buf(&mut printed).await, Ok(1..))
                {
                    return None;
                }
            }
        };
        let pid = timeout(LIMIT, read).await.ok().flatten();
        (pid, printed.freeze())
    }

    /// Takes it out of what was printed.
    fn take(&self, printed: &mut BytesMut) -> Option<u32> {
        let begin = self.begin.as_bytes();
        let at = printed.windows(begin.len()).position(|it| it == begin)?;
        let number = &printed[at + begin.len()..];
        let length = number.iter().position(|it| *it == 0x07)?;
        let pid = std::str::from_utf8(&number[..length]).ok()?.parse().ok();
        let rest = printed.split_off(at);
        printed.extend_from_slice(&rest[begin.len() + length + 1..]);
        pid
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_taken_out_of_what_was_printed_and_only_when_it_is_whole() {
        let mark = Mark::new().unwrap();
        let mut printed = BytesMut::from(format!("rc\n{}41", mark.begin).as_bytes());
        assert_eq!(mark.take(&mut printed), None);
        printed.extend_from_slice(b"2\x07hello");
        assert_eq!(mark.take(&mut printed), Some(412));
        assert_eq!(printed, "rc\nhello");
        assert_eq!(mark.take(&mut BytesMut::from(&b"\x1b]7717;another;412\x07"[..])), None);
        assert!(mark.before("echo 'a'").starts_with("exec /bin/sh -c 'printf "));
    }
}
