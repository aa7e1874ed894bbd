//! The words of a master's socket (PROTOCOL.mux of OpenSSH, version 4): packets as bytes, and nothing that reads or writes.

/// The version that is spoken since OpenSSH 5.4.
const VERSION: u32 = 4;

/// No packet of a master's is longer.
const PACKET_BYTES_MAX: usize = 256 << 10;

const HELLO: u32 = 0x0000_0001;
const NEW_SESSION: u32 = 0x1000_0002;
const ALIVE_CHECK: u32 = 0x1000_0004;
const TERMINATE: u32 = 0x1000_0005;
const PERMISSION_DENIED: u32 = 0x8000_0002;
const FAILURE: u32 = 0x8000_0003;
const EXIT_MESSAGE: u32 = 0x8000_0004;
const ALIVE: u32 = 0x8000_0005;
const SESSION_OPENED: u32 = 0x8000_0006;
const TTY_ALLOC_FAIL: u32 = 0x8000_0008;

/// No key of the terminal is an order to the master.
const NO_ESCAPE: u32 = 0xffff_ffff;

/// What is asked of a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewSession<'a> {
    /// The kind of terminal, where there is to be one.
    pub(super) term: Option<&'a str>,
    /// What the account's shell reads; a login shell without it.
    pub(super) command: &'a str,
    /// Variables. The master sends those that its configuration names.
    pub(super) env: &'a [(String, String)],
    /// Whether the agent is lent.
    pub(super) lends_agent: bool,
}

/// What a master says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It speaks this version.
    Hello(u32),
    /// It lives, as this process.
    Alive(u32),
    /// The session is open.
    Opened,
    /// It is not, in the master's words.
    Refused(String),
    /// The server gives no terminal.
    NoTerminal,
    /// It ended with this code.
    Exit(u32),
    /// Something that is none of ours.
    Other(u32),
}

/// Returns what opens every talk.
pub(super) fn hello() -> Vec<u8> {
    packet(&[HELLO, VERSION], &[])
}

/// Asks whether it lives.
pub(super) fn alive_check() -> Vec<u8> {
    packet(&[ALIVE_CHECK, 0], &[])
}

/// Tells it to end.
pub(super) fn terminate() -> Vec<u8> {
    packet(&[TERMINATE, 0], &[])
}

impl NewSession<'_> {
    /// Writes it. Three descriptors follow: what the session reads, prints and complains to.
    pub(super) fn packet(&self) -> Vec<u8> {
        let flags = [u32::from(self.term.is_some()), 0, u32::from(self.lends_agent), 0, NO_ESCAPE];
        let mut body = string(b"");
        flags.iter().for_each(|it| body.extend(it.to_be_bytes()));
        body.extend(string(self.term.unwrap_or_default().as_bytes()));
        body.extend(string(self.command.as_bytes()));
        for (name, value) in self.env {
            body.extend(string(format!("{name}={value}").as_bytes()));
        }
        packet(&[NEW_SESSION, 0], &body)
    }
}

/// Takes a whole packet off the front; nothing while it is not all there.
///
/// # Errors
///
/// There is none where what came is no packet.
pub(super) fn take(inbox: &mut Vec<u8>) -> Result<Option<Said>, NotMux> {
    let Some(length) = inbox.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > PACKET_BYTES_MAX {
        return Err(NotMux);
    }
    let Some(body) = inbox.get(4..4 + length) else { return Ok(None) };
    let said = understand(body).ok_or(NotMux)?;
    inbox.drain(..4 + length);
    Ok(Some(said))
}

/// What came is not what a master says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotMux;

fn understand(body: &[u8]) -> Option<Said> {
    let mut rest = body;
    let kind = number(&mut rest)?;
    let mut next = || number(&mut rest);
    Some(match kind {
        HELLO => Said::Hello(next()?),
        ALIVE => {
            next()?;
            Said::Alive(next()?)
        }
        SESSION_OPENED => Said::Opened,
        EXIT_MESSAGE => {
            next()?;
            Said::Exit(next()?)
        }
        TTY_ALLOC_FAIL => Said::NoTerminal,
        PERMISSION_DENIED | FAILURE => {
            next()?;
            let length = next()? as usize;
            Said::Refused(String::from_utf8_lossy(rest.get(..length)?).into_owned())
        }
        other => Said::Other(other),
    })
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (first, left) = rest.split_first_chunk::<4>()?;
    *rest = left;
    Some(u32::from_be_bytes(*first))
}

fn packet(words: &[u32], body: &[u8]) -> Vec<u8> {
    let mut whole: Vec<u8> = words.iter().flat_map(|it| it.to_be_bytes()).collect();
    whole.extend(body);
    string(&whole)
}

/// Writes bytes after their length. What is written here is bounded by a command's own limit.
fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_asked_for_in_the_words_of_the_protocol() {
        let env = [("A".to_owned(), "1".to_owned())];
        let asked = NewSession { term: Some("xt"), command: "ls", env: &env, lends_agent: false }.packet();
        let words = [0x1000_0002_u32, 0, 0, 1, 0, 0, 0, 0xffff_ffff, 2];
        let mut wanted: Vec<u8> = words.iter().flat_map(|it| it.to_be_bytes()).collect();
        wanted.extend(b"xt\0\0\0\x02ls\0\0\0\x03A=1");
        assert_eq!(asked[..4], u32::try_from(wanted.len()).unwrap().to_be_bytes());
        assert_eq!(asked[4..], wanted);
    }

    #[test]
    fn what_a_master_says_is_taken_whole_and_nothing_else_is() {
        let mut inbox =
            [packet(&[EXIT_MESSAGE, 7, 255], &[]), packet(&[FAILURE, 1], &string(b"no"))].concat();
        inbox.extend(&hello()[..5]);
        assert_eq!(take(&mut inbox), Ok(Some(Said::Exit(255))));
        assert_eq!(take(&mut inbox), Ok(Some(Said::Refused("no".to_owned()))));
        assert_eq!(take(&mut inbox), Ok(None));
        inbox.extend(&hello()[5..]);
        assert_eq!(take(&mut inbox), Ok(Some(Said::Hello(4))));
        assert_eq!(take(&mut b"HTTP/1.1 ".to_vec()), Err(NotMux));
        assert_eq!(take(&mut packet(&[EXIT_MESSAGE, 7], &[])), Err(NotMux));
    }
}
