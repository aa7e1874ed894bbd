//! A hidden identity: the names under which a host is known are replaced by the one under which it may appear.

/// What stands for the account's name.
const USER: &str = "(user)";

/// The names of a host that is to appear under another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Veil {
    /// The name that is shown.
    pub alias: String,
    /// The names and addresses that are not.
    pub hosts: Vec<String>,
    /// The account there.
    pub users: Vec<String>,
}

impl Veil {
    /// Adds a name or an address, if it is another than the one that is shown.
    pub fn hide(&mut self, host: &str) {
        // Everybody is that to themselves: it tells nothing, and stands in addresses of our own.
        if ["localhost", "127.0.0.1", "::1"].contains(&host) {
            return;
        }
        let known = |it: &String| it.eq_ignore_ascii_case(host);
        if !host.is_empty() && !host.eq_ignore_ascii_case(&self.alias) && !self.hosts.iter().any(known) {
            self.hosts.push(host.to_owned());
            // The longer one first: it may hold a shorter.
            self.hosts.sort_by_key(|it| std::cmp::Reverse(it.len()));
        }
    }

    /// Replaces the host's names, with the account before them, in our own words about it.
    #[must_use]
    pub fn host_in(&self, text: &str) -> String {
        self.replaced(text, |_| true)
    }

    /// The same in what may be about something else: a name of one word may be any word.
    #[must_use]
    pub fn address_in(&self, text: &str) -> String {
        self.replaced(text, |it| it.contains(['.', ':']))
    }

    /// Replaces the host's names and the account's.
    #[must_use]
    pub fn all_in(&self, text: &str) -> String {
        let mut text = self.host_in(text);
        for user in &self.users {
            text = replaced(&text, user, USER);
        }
        text
    }

    fn replaced(&self, text: &str, which: impl Fn(&str) -> bool) -> String {
        let mut text = text.to_owned();
        for host in self.hosts.iter().filter(|it| which(it)) {
            for user in &self.users {
                for shown in [format!("{user}@{host}"), format!("{user}@[{host}]")] {
                    text = replaced(&text, &shown, &self.alias);
                }
            }
            text = replaced(&text, &format!("[{host}]"), &self.alias);
            text = replaced(&text, host, &self.alias);
        }
        text
    }
}

/// Replaces a word wherever it stands alone; its case does not count.
fn replaced(text: &str, word: &str, by: &str) -> String {
    let (folded, wanted) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    if wanted.is_empty() || !folded.contains(&wanted) {
        return text.to_owned();
    }
    let joins = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == '-');
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(found) = folded[at..].find(&wanted) {
        let (from, to) = (at + found, at + found + wanted.len());
        let alone = !joins(text[..from].chars().next_back()) && !joins(text[to..].chars().next());
        // A bracket is no part of a word, and what begins or ends with one stands alone.
        let alone = alone || wanted.starts_with('[');
        out.push_str(&text[at..from]);
        out.push_str(if alone { by } else { &text[from..to] });
        at = to;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil() -> Veil {
        let mut veil = Veil { alias: "shop".into(), users: vec!["deploy".into()], ..Veil::default() };
        ["10.0.0.5", "db1.internal", "db1", "shop", "2001:db8::5"].iter().for_each(|it| veil.hide(it));
        veil
    }

    #[test]
    fn the_names_of_a_host_are_replaced_where_they_stand_alone() {
        for (text, shown) in [
            ("deploy@10.0.0.5:22 cannot be reached", "shop:22 cannot be reached"),
            ("nc -vz DB1.internal 22", "nc -vz shop 22"),
            ("[10.0.0.5]:2222 and deploy@[2001:db8::5]:22", "shop:2222 and shop:22"),
            ("110.0.0.5, 10.0.0.55, db10 and my-db1", "110.0.0.5, 10.0.0.55, db10 and my-db1"),
            ("db1", "shop"),
            ("\u{e4}db1 \u{130}db1 db1\u{130}", "\u{e4}db1 \u{130}db1 db1\u{130}"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(veil().host_in(text), shown);
        }
        assert_eq!(veil().all_in("/home/deploy on db1, deployed"), "/home/(user) on shop, deployed");
        assert_eq!(veil().address_in("db1 is db1.internal, 10.0.0.5"), "db1 is shop, shop");
    }
}
