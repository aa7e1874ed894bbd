//! Streams to try things on, and ways to cut them.

use proptest::prelude::*;

/// Cuts a stream into pieces at the given places.
pub(crate) fn pieces<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|it| it.index(stream.len() + 1)).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places.windows(2).map(|it| &stream[it[0]..it[1]]).collect()
}

/// Some places to cut at.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

/// What terminals get from day to day, and what nobody should send them.
pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(part(), 0..60).prop_map(|it| it.concat())
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[ -~]{0,30}".prop_map(String::into_bytes),
        4 => Just(b"\r\n".to_vec()),
        2 => csi(),
        1 => Just("wide 漢字 and é and e\u{301}".into()),
        1 => prop::sample::select(FIXED).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

/// A control sequence with small and large numbers.
fn csi() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![4 => 0u32..12, 1 => 0u32..200, 1 => Just(99_999u32)];
    let finals = prop::sample::select(b"ABCDEFGHIJKLMPSTXZ@`abdefghlmnpqrstu".to_vec());
    let numbers = prop::collection::vec(number, 0..4);
    let prefix = prop::sample::select(&["", "", "", "?", ">", "!"][..]);
    (prefix, numbers, finals).prop_map(|(prefix, numbers, last)| {
        let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
        format!("\x1b[{prefix}{}{}", numbers.join(";"), last as char).into_bytes()
    })
}

const FIXED: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\t",
    b"\x08",
    b"\x07",
    b"\x05",
    b"\x0e",
    b"\x0f",
    b"\x18",
    b"\x1b",
    b"\x1b7",
    b"\x1b8",
    b"\x1bD",
    b"\x1bM",
    b"\x1bE",
    b"\x1bH",
    b"\x1bc",
    b"\x1b(0",
    b"\x1b)0",
    b"\x1b(B",
    b"\x1b=",
    b"\x1b>",
    b"\x1b#8",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[?6h",
    b"\x1b[?7l",
    b"\x1b[?7h",
    b"\x1b[4h",
    b"\x1b[4l",
    b"\x1b[2;4r",
    b"\x1b[r",
    b"\x1b[?2026h",
    b"\x1b[1;31;44m",
    b"\x1b[38;5;200m",
    b"\x1b[48;2;1;2;3m",
    b"\x1b[4:3;58:5:3m",
    b"\x1b[m",
    b"\x1b[3g",
    b"\x1b[5 q",
    b"\x1b]0;a title\x07",
    b"\x1b]2;other\x1b\\",
    b"\x1b]8;;http://example.com/\x1b\\",
    b"\x1b]8;;\x1b\\",
    b"\x1b]133;D;0;c=3;k=key;p=77;t=/dev/pts/3\x07",
    b"\x1b]133;B;k=key\x1b\\",
    b"\x1b]133;P;k=key;d=/tmp/a;b\x07",
    b"\x1b]133;D;0;c=3;k=other\x07",
    b"\x1b]52;c;aGk=\x07",
    b"\x1bPqdata\x1b\\",
    b"\x1b_apc\x1b\\",
    b"\x1b]11;?\x07",
    b"\xc2\x9b",
    b"\xc2",
    b"\xf0\x9f\x98",
    b"\xff",
];
