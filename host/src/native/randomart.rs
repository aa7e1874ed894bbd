//! A key as a picture, as `ssh-keygen -lv` draws it: eyes compare pictures better than letters.

/// Columns and rows of the field.
const SIZE: (usize, usize) = (17, 9);
/// What stands for how often a place was visited; the last two are where the walk began and ended.
const SIGNS: &[u8; 17] = b" .o+=*BOX@%&#/^SE";

/// Draws the walk that these bytes make, between two titles.
pub(super) fn drawn(bytes: &[u8], title: &str, foot: &str) -> Vec<String> {
    let (begun, ended) = (SIGNS.len() - 2, SIGNS.len() - 1);
    let mut field = [[0_usize; SIZE.0]; SIZE.1];
    let (mut x, mut y) = (SIZE.0 / 2, SIZE.1 / 2);
    for byte in bytes {
        for step in 0..4 {
            let bits = byte >> (2 * step);
            x = if bits & 1 == 1 { (x + 1).min(SIZE.0 - 1) } else { x.saturating_sub(1) };
            y = if bits & 2 == 2 { (y + 1).min(SIZE.1 - 1) } else { y.saturating_sub(1) };
            // A place that was visited more often looks no different.
            field[y][x] = (field[y][x] + 1).min(begun - 1);
        }
    }
    field[SIZE.1 / 2][SIZE.0 / 2] = begun;
    field[y][x] = ended;
    let rows = field.iter().map(|row| {
        let signs: String = row.iter().map(|it| char::from(SIGNS[*it])).collect();
        format!("|{signs}|")
    });
    std::iter::once(border(title)).chain(rows).chain([border(foot)]).collect()
}

fn border(title: &str) -> String {
    let title = if title.len() > SIZE.0 { "" } else { title };
    let before = (SIZE.0 - title.len()) / 2;
    let after = SIZE.0 - title.len() - before;
    format!("+{}{title}{}+", "-".repeat(before), "-".repeat(after))
}
