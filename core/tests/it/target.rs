//! Stories of what may be typed as a target, and of what may not.

use cotty_core::refusal::{FailureKind, Refusal};
use cotty_core::target::{Target, host, user};
use proptest::prelude::*;

fn read(text: &str) -> Target {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match text.parse::<Target>() {
        Ok(target) => panic!("{text:?} was taken for {target:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_target_is_local_or_a_host_with_user_and_port() {
    assert_eq!(read("local"), Target::Local);
    for (text, of_user, name, port) in [
        ("web1", None, "web1", None),
        ("Web-1.example.com", None, "Web-1.example.com", None),
        ("deploy@web1", Some("deploy"), "web1", None),
        ("web1:2222", None, "web1", Some(2222)),
        ("a.b+c_d-e@10.0.0.1:65535", Some("a.b+c_d-e"), "10.0.0.1", Some(65535)),
        ("[::1]:22", None, "::1", Some(22)),
        ("root@[2001:DB8::0:1]", Some("root"), "2001:db8::1", None),
        ("root@2001:db8::1", Some("root"), "2001:db8::1", None),
        ("::ffff:10.0.0.1", None, "::ffff:10.0.0.1", None),
        ("_srv", None, "_srv", None),
        ("me@local", Some("me"), "local", None),
        ("shop/admin", None, "shop/admin", None),
        ("me@shop/admin:22", Some("me"), "shop/admin", Some(22)),
    ] {
        let Target::Remote(remote) = read(text) else { panic!("{text} is another machine") };
        assert_eq!((remote.user(), remote.name(), remote.port()), (of_user, name, port), "{text}");
        assert_eq!(remote.is_plain(), of_user.is_none() && port.is_none(), "{text}");
        assert_eq!(read(&remote.to_string()), Target::Remote(remote), "{text}");
    }
}

#[test]
fn what_could_be_an_option_a_command_or_another_name_is_refused_by_its_character() {
    for (text, names) in [
        ("-oProxyCommand=touch x", "character 1 is `-`"),
        ("-o ProxyCommand x", "character 1 is `-`"),
        ("-vofoo", "character 1 is `-`"),
        ("-F/tmp/x", "character 1 is `-`"),
        ("-E", "character 1 is `-`"),
        ("-L8080:a:80", "character 1 is `-`"),
        ("-l@web1", "character 1 is `-`, which cannot begin a user"),
        ("root@-oProxyCommand=x", "character 6 is `-`"),
        ("web1 id", "character 5 is a blank"),
        (" web1", "character 1 is a blank"),
        ("web1\t", "character 5 is U+0009"),
        ("web1\nid", "character 5 is U+000A"),
        ("web1\r", "character 5 is U+000D"),
        ("web1\0", "character 5 is U+0000"),
        ("\u{1b}[2J", "character 1 is U+001B"),
        ("web1;id", "character 5 is `;`"),
        ("web1|id", "character 5 is `|`"),
        ("$(id)", "character 1 is `$`"),
        ("`id`", "character 1 is ```"),
        ("web1&", "character 5 is `&`"),
        ("web1>x", "character 5 is `>`"),
        ("'web1'", "character 1 is `'`"),
        ("a\\b", "character 2 is `\\`"),
        ("%h", "character 1 is `%`"),
        ("web%h", "character 4 is `%`"),
        ("*", "character 1 is `*`"),
        ("!web1", "character 1 is `!`"),
        ("../etc", "character 1 is `.`"),
        ("a/b/c", "character 4 is `/`"),
        ("/b", "the host is missing"),
        ("a/", "the host is missing"),
        ("[::1]/b", "character 1 is `[`"),
        ("~/.ssh", "character 1 is `~`"),
        ("ssh://web1", "character 4 is `:`"),
        ("a@b@c", "character 2 is `@`"),
        ("a:b@c", "character 2 is `:`"),
        // Cyrillic, full width, a dot that is none, a joiner, another direction.
        ("w\u{435}b1", "character 2 is U+0435"),
        ("ｗeb1", "character 1 is U+FF57"),
        ("web1\u{3002}com", "character 5 is U+3002"),
        ("we\u{200d}b1", "character 3 is U+200D"),
        ("\u{202e}1bew", "character 1 is U+202E"),
        ("r\u{43e}ot@web1", "character 2 is U+043E"),
        ("web1:२२", "character 6 is U+0968"),
        ("web1:22x", "character 8 is `x`"),
        ("web1:+22", "character 6 is `+`"),
        ("web1:22:23", "character 8 is `:`"),
        ("[::1]x", "character 6 is `x`"),
    ] {
        let words = refused(text);
        assert!(words.contains(names), "{text:?}: {words}");
        assert!(!words.chars().any(|it| it.is_control() || (!it.is_ascii())), "{words:?}");
    }
}

#[test]
fn what_is_missing_or_too_long_is_refused() {
    let long = "a".repeat(64);
    for (text, why) in [
        ("", "the host is missing"),
        ("@web1", "the user is missing"),
        ("root@", "the host is missing"),
        (":22", "the host is missing"),
        ("web1:", "1 to 65535"),
        ("web1:0", "1 to 65535"),
        ("web1:022", "1 to 65535"),
        ("web1:65536", "1 to 65535"),
        ("web1:99999999999999999999", "1 to 65535"),
        ("[::1", "not closed"),
        ("[web1]:22", "no IPv6 address"),
        ("1::2::3", "no IPv6 address"),
        ("[]", "no IPv6 address"),
        ("fe80::1%eth0", "scope"),
        ("[fe80::1%1]", "scope"),
        ("web..lan", "between its dots"),
        ("web.", "between its dots"),
        (long.as_str(), "between its dots"),
        (&["a"; 200].join("."), "at most 253"),
        (&format!("a{long}@web1"), "at most 64"),
        (&"a".repeat(1 << 20), "at most 253"),
    ] {
        let words = refused(text);
        assert!(words.contains(why), "{text:.80}: {words}");
        assert!(words.len() < 300, "{words}");
    }
}

#[test]
fn a_refused_target_is_an_invalid_argument() {
    let refusal = Refusal::from("web 1".parse::<Target>().unwrap_err());
    assert_eq!(refusal.kind(), FailureKind::InvalidArgument);
    assert_eq!(
        refusal.to_string(),
        "target: \"web 1\": character 4 is a blank, which is in no host; letters, digits and ._- are"
    );
}

#[test]
fn a_config_names_host_and_user_by_the_same_grammar() {
    assert_eq!(host("[::1]").unwrap(), "::1");
    assert_eq!(host("10.0.0.1").unwrap(), "10.0.0.1");
    assert!(host("web1:22").unwrap_err().to_string().contains("port"));
    assert!(host("-web1").is_err() && user("").is_err() && user("a b").is_err());
    assert_eq!(user("svc_1").unwrap(), "svc_1");
}

proptest! {
    #[test]
    fn whatever_passes_is_ascii_without_blanks_and_no_option(text in "\\PC{0,12}|[-a-z@:\\[\\].%; ]{0,16}") {
        if let Ok(target) = text.parse::<Target>() {
            let shown = target.to_string();
            let sound = |it: u8| it.is_ascii_alphanumeric() || b"._+-@:[]".contains(&it);
            prop_assert!(shown.bytes().all(sound), "{shown}");
            prop_assert!(!shown.starts_with('-') && !shown.contains("@-"), "{shown}");
            prop_assert_eq!(shown.parse::<Target>().unwrap(), target);
        }
    }
}

#[test]
fn a_user_and_a_port_may_be_named_apart_and_not_twice() {
    let remote = |text: &str| match text.parse() {
        Ok(Target::Remote(remote)) => remote,
        other => panic!("{other:?}"),
    };
    let with = |text: &str, user, port| remote(text).with(user, port).map(|it| it.to_string());
    assert_eq!(with("web", Some("me"), Some(22)).unwrap(), "me@web:22");
    assert_eq!(with("me@[::1]", Some("me"), Some(2222)).unwrap(), "me@[::1]:2222");
    assert_eq!(with("me@web:22", None, Some(22)).unwrap(), "me@web:22");
    for (text, user, port) in [
        ("me@web", Some("you"), None),
        ("web:22", None, Some(23)),
        ("web", Some("-l"), None),
        ("web", None, Some(0)),
    ] {
        assert!(with(text, user, port).is_err(), "{text}");
    }
}
