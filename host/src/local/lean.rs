//! What of this process need not stay in memory.

use std::ops::Range;

/// Gives back the pages of the program's own code. Those that are run again come back from the file, a few hundred
/// microseconds altogether. Most of what a start runs is never run again, and is 5 MiB of 11.
#[expect(unsafe_code, reason = "the system's own call: nothing safer offers it")]
pub fn give_back_code() {
    let Some(code) = own_code() else { return };
    let start = std::ptr::with_exposed_provenance_mut(code.start);
    // SAFETY: the range is a mapping of our own file that nobody may write to, so what is dropped is read again unchanged.
    let given = unsafe { rustix::mm::madvise(start, code.len(), rustix::mm::Advice::LinuxDontNeed) };
    if let Err(error) = given {
        tracing::debug!(%error, "code stays resident");
    }
}

/// Returns where this program's code lies, if it can be run and not written.
fn own_code() -> Option<Range<usize>> {
    let here = own_code as *const () as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        (range.contains(&here) && rest.starts_with("r-xp ")).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_was_given_back_is_run_again() {
        let code = own_code().unwrap();
        assert!(code.contains(&(give_back_code as *const () as usize)));
        for _ in 0..3 {
            give_back_code();
            assert_eq!(own_code(), Some(code.clone()));
        }
    }
}
