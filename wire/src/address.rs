//! How a name is written into an address, and where a session's page is: the same for all who tell it.

/// Escapes all but what an address may hold anywhere.
#[must_use]
pub fn escaped(name: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.~".contains(&it);
    name.bytes().map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}

/// Returns the page of a session below a daemon's address.
#[must_use]
pub fn page(session: &str) -> String {
    format!("s/{}", escaped(session))
}

/// The same where it opens on a card (`q7`).
#[must_use]
pub fn page_at(session: &str, card: &str) -> String {
    format!("{}#{card}", page(session))
}

#[cfg(test)]
mod tests {
    use super::{escaped, page_at};

    #[test]
    fn a_name_means_nothing_else_in_an_address() {
        assert_eq!(escaped("web1-a_b.c~"), "web1-a_b.c~");
        assert_eq!(page_at("web1#2/ä", "q7"), "s/web1%232%2F%C3%A4#q7");
    }
}
