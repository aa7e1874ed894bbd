//! A row of `ps`: what is seen of a process on a host without Linux's `/proc`.

use cotty_core::facts::Blocked;

use crate::holder::kernel::Stat;

/// A process as `ps` has it, with the columns that `probe_ps.sh` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) pid: u32,
    pub(super) user: u32,
    /// The name of its terminal; nothing if it has none.
    pub(super) tty: Option<String>,
    parent: u32,
    group: u32,
    foreground: u32,
    state: char,
    started_seconds: u64,
    comm: String,
}

impl Row {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next();
        // Without a terminal the group in front of it is 0 or -1.
        let id = |it: Option<&str>| it?.parse::<i64>().ok().map(|it| u32::try_from(it).unwrap_or(0));
        let (pid, parent, group) = (id(word())?, id(word())?, id(word())?);
        let (foreground, user) = (id(word())?, id(word())?);
        let state = word()?.chars().next()?;
        let tty = word().filter(|it| it.bytes().any(|it| it.is_ascii_alphanumeric())).map(ToOwned::to_owned);
        let _channel = word()?;
        let date: Vec<&str> = (0..5).map_while(|_| word()).collect();
        let started_seconds = seconds(&date)?;
        let comm = words.collect::<Vec<_>>().join(" ");
        // The BSDs call one idle that has slept for 20 seconds; `U` is macOS's word for a sleep that nothing wakes.
        let state = match state {
            'I' => 'S',
            'U' => 'D',
            other => other,
        };
        Some(Self { pid, user, tty, parent, group, foreground, state, started_seconds, comm })
    }

    /// Returns it in the form in which `/proc` would tell it, with a number for its terminal.
    pub(super) fn stat(self, tty: u64) -> Stat {
        Stat {
            pid: self.pid,
            comm: self.comm,
            state: self.state,
            parent: self.parent,
            group: self.group,
            session: 0,
            tty,
            foreground: self.foreground,
            threads: 1,
            started_ticks: self.started_seconds * 100,
        }
    }
}

/// Reads a moment such as `Sat Nov 21 16:05:02 2026`, in UTC, as seconds since 1970.
pub(super) fn seconds(date: &[&str]) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let [_, month, day, clock, year] = date else { return None };
    let month = MONTHS.iter().position(|it| it == month)?;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let clock: Vec<u64> = clock.split(':').map_while(|it| it.parse().ok()).collect();
    let [hours, minutes, seconds] = clock[..] else { return None };
    if !(1970..10_000).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let days = years + BEFORE[month] + day - 1 + u64::from(leap && month > 1);
    Some(days * 86_400 + hours.min(23) * 3_600 + minutes.min(59) * 60 + seconds.min(60))
}

/// Says what a process is blocked on whose wait channel this is. `files` are its descriptors as far as they were seen.
pub(super) fn blocked(channel: &str, terminal: bool, socket: bool) -> Blocked {
    // Only a terminal makes wait for it under these names: `ttyin` in FreeBSD and OpenBSD, `ttyraw` in NetBSD. That it
    // is another one than that in whose foreground the process is, is not looked into.
    let reads = matches!(channel, "ttyin" | "ttyraw");
    let channel = if matches!(channel, "0" | "-") { String::new() } else { channel.to_owned() };
    Blocked::Unseen { channel, terminal: terminal || reads, socket: socket && !reads }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_each_system_are_read() {
        let free =
            Row::parse("  812   811   812   812 1001 Is+  pts/0    ttyin  Sat Nov 21 16:05:02 2026     sh")
                .unwrap();
        assert_eq!((free.pid, free.user, free.tty.as_deref()), (812, 1001, Some("pts/0")));
        let stat = free.stat(7);
        assert_eq!((stat.state, stat.foreground, stat.tty, stat.comm.as_str()), ('S', 812, 7, "sh"));
        let mac = Row::parse("431 1 431 0 0 Us ?? - Thu Jan  1 00:01:00 1970 a long name").unwrap();
        assert_eq!((mac.tty.as_deref(), mac.comm.as_str(), mac.started_seconds), (None, "a long name", 60));
        assert_eq!(Row::parse("1 0 1 -1 0 Ss - wait Mon").map(|it| it.pid), None);
    }

    #[test]
    fn a_day_in_each_kind_of_year_has_its_number() {
        let at = |date: &str| seconds(&date.split(' ').collect::<Vec<_>>());
        assert_eq!(at("Tue Feb 29 12:00:00 2000"), Some(951_825_600));
        assert_eq!(at("Mon Mar 1 00:00:00 2100"), Some(4_107_542_400));
        assert_eq!(at("Sat Nov 21 16:05:02 2026"), Some(1_795_277_102));
        assert_eq!(at("Sat Brumaire 1 16:05:02 2026"), None);
    }
}
