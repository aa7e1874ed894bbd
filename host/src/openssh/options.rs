//! The options of ssh's configuration: what each takes, and what ssh does where nobody sets it.

use crate::glob::{self, Letters};
use crate::openssh::words::{HONOURED, WITHOUT_MEANING, WRITTEN};

/// The options that a person may give a device, as people write them. Where it is and who logs in have words of their own there.
pub const ALLOWED: &[&str] = &[
    "AddressFamily",
    "BindAddress",
    "CASignatureAlgorithms",
    "CertificateFile",
    "Ciphers",
    "ConnectTimeout",
    "GlobalKnownHostsFile",
    "HashKnownHosts",
    "HostKeyAlgorithms",
    "HostKeyAlias",
    "IdentitiesOnly",
    "IdentityAgent",
    "IdentityFile",
    "KexAlgorithms",
    "MACs",
    "ProxyCommand",
    "ProxyJump",
    "PubkeyAcceptedAlgorithms",
    "PubkeyAuthentication",
    "RemoteCommand",
    "RevokedHostKeys",
    "SendEnv",
    "ServerAliveCountMax",
    "ServerAliveInterval",
    "SetEnv",
    "StrictHostKeyChecking",
    "UserKnownHostsFile",
];

/// Checks an option of a device: the word is one of those, and the value one line that ssh would read as one.
///
/// # Errors
///
/// Says what is wrong with it. The value is not repeated.
pub fn checked(word: &str, value: &str) -> Result<&'static str, String> {
    let written = ALLOWED.iter().find(|it| it.eq_ignore_ascii_case(word));
    let written = written.ok_or_else(|| format!("{word} is not among them"))?;
    let line = format!("{written} {value}");
    let wrong = |why: &str| format!("{written}: {why}");
    if value.trim().is_empty() || value.chars().any(char::is_control) {
        return Err(wrong("it is one line of text"));
    }
    let Ok(Some(line)) = crate::openssh::lines::line(&line) else {
        return Err(wrong("it cannot be read as a line of ssh's configuration"));
    };
    match kind(&written.to_lowercase()) {
        Some(Kind::One(check)) => match &line.arguments[..] {
            [one] => check(one).map(drop).map_err(|_| wrong("ssh does not take this value"))?,
            _ => return Err(wrong("it takes one value; quote it where it has blanks")),
        },
        Some(Kind::Assignments) => assignments(&line.arguments).map(drop).map_err(|it| wrong(&it))?,
        Some(Kind::Words | Kind::Command | Kind::Files | Kind::Variables) | None => {}
    }
    Ok(written)
}

/// What an option takes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// One argument, which this makes plain or refuses.
    One(fn(&str) -> Result<String, String>),
    /// Several arguments, of which the first line counts.
    Words,
    /// The rest of the line, as it is.
    Command,
    /// A file, of which there may be several.
    Files,
    /// Patterns of variables, or of those to leave out again.
    Variables,
    /// Variables with values.
    Assignments,
}

/// What ssh does by itself, where that matters here. Of its lists of algorithms these are OpenSSH 9.2's: they only serve to
/// add to them and take from them.
pub(super) const DEFAULTS: &[(&str, &[&str])] = &[
    ("port", &["22"]),
    ("hashknownhosts", &["no"]),
    ("stricthostkeychecking", &["ask"]),
    ("serveralivecountmax", &["3"]),
    ("userknownhostsfile", &["~/.ssh/known_hosts ~/.ssh/known_hosts2"]),
    ("globalknownhostsfile", &["/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"]),
    (
        "identityfile",
        &[
            "~/.ssh/id_rsa",
            "~/.ssh/id_ecdsa",
            "~/.ssh/id_ecdsa_sk",
            "~/.ssh/id_ed25519",
            "~/.ssh/id_ed25519_sk",
        ],
    ),
    ("forwardagent", &["no"]),
    ("forwardx11", &["no"]),
    ("tunnel", &["false"]),
    ("passwordauthentication", &["yes"]),
    ("kbdinteractiveauthentication", &["yes"]),
    ("hostbasedauthentication", &["no"]),
    ("connectionattempts", &["1"]),
    ("hostkeyalgorithms", &[KEYS]),
    ("pubkeyacceptedalgorithms", &[KEYS]),
    ("kexalgorithms", &[KEX]),
    ("ciphers", &[CIPHERS]),
    ("macs", &[MACS]),
    ("casignaturealgorithms", &[SIGNATURES]),
];

const KEYS: &str = "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,\
ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,sk-ssh-ed25519-cert-v01@openssh.com,\
sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,\
ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,\
sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";
const KEX: &str = "sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,\
curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,\
diffie-hellman-group14-sha256";
const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,\
aes256-gcm@openssh.com";
const MACS: &str = "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,\
hmac-sha2-512,hmac-sha1";
const SIGNATURES: &str = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,\
sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";

/// Older names of options, and those that they are now.
const RENAMED: &[(&str, &str)] = &[
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("hostbasedkeytypes", "hostbasedacceptedalgorithms"),
    ("dsaauthentication", "pubkeyauthentication"),
];

/// Options that ssh takes and leaves alone, and those that only say how it reads.
const SILENT: &[&str] = &[
    "ignoreunknown",
    "protocol",
    "cipher",
    "compressionlevel",
    "useroaming",
    "useprivilegedport",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "fallbacktorsh",
    "usersh",
    "rhostsauthentication",
    "kerberosauthentication",
    "kerberostgtpassing",
    "afstokenpassing",
    "smartcarddevice",
    "globalknownhostsfile2",
    "userknownhostsfile2",
    "host",
    "tag",
    "obscurekeystroketiming",
    "channeltimeout",
    "enableescapecommandline",
    "gssapikexalgorithms",
    "refuseconnection",
    "versionaddendum",
    "warnweakcrypto",
];

/// Returns the name that an option has now.
pub(super) fn renamed(word: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == word).map_or(word, |(_, new)| new)
}

/// Returns what a word takes; nothing where ssh does not know it.
pub(super) fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "proxycommand" | "proxyjump" | "remotecommand" | "localcommand" | "knownhostscommand" => {
            Kind::Command
        }
        "identityfile" | "certificatefile" => Kind::Files,
        "sendenv" => Kind::Variables,
        "setenv" => Kind::Assignments,
        "port" => Kind::One(port),
        "connecttimeout" | "serveraliveinterval" => Kind::One(time),
        "serveralivecountmax" => Kind::One(count),
        "identitiesonly" | "hashknownhosts" | "permitlocalcommand" => Kind::One(switch),
        "pubkeyauthentication" => Kind::One(|it| Ok(if it == "no" { "false" } else { it }.to_owned())),
        "hostkeyalias" => Kind::One(|it| Ok(it.to_lowercase())),
        "hostname"
        | "user"
        | "identityagent"
        | "revokedhostkeys"
        | "bindaddress"
        | "addressfamily"
        | "stricthostkeychecking"
        | "requesttty"
        | "hostkeyalgorithms"
        | "pubkeyacceptedalgorithms"
        | "kexalgorithms"
        | "ciphers"
        | "macs"
        | "casignaturealgorithms"
        | "ignoreunknown" => Kind::One(|it| Ok(it.to_owned())),
        word if is_known(word) => Kind::Words,
        _ => return None,
    })
}

fn is_known(word: &str) -> bool {
    let named = |list: &[&str]| list.iter().any(|it| it.eq_ignore_ascii_case(word));
    named(HONOURED) || named(WITHOUT_MEANING) || named(WRITTEN) || named(SILENT)
}

/// Writes a value as it comes to count: a list of algorithms may add to ssh's own, or take from them.
pub(super) fn shown(word: &str, value: &str) -> String {
    let own = DEFAULTS.iter().find(|(it, _)| *it == word).and_then(|(_, values)| values.first());
    let (Some(own), true) = (own, value.starts_with(['+', '-', '^'])) else { return value.to_owned() };
    let mut names: Vec<&str> = own.split(',').collect();
    let further: Vec<&str> = value[1..].split(',').filter(|it| !it.is_empty()).collect();
    match &value[..1] {
        "+" => names.extend(further.iter().filter(|it| !own.split(',').any(|own| own == **it))),
        "-" => names.retain(|name| {
            !further.iter().any(|it| glob::matches(it.as_bytes(), name.as_bytes(), Letters::AsWritten))
        }),
        _ => {
            names.retain(|it| !further.contains(it));
            names = [further, names].concat();
        }
    }
    names.join(",")
}

/// Checks variables with values; the first of a name counts.
pub(super) fn assignments(arguments: &[String]) -> Result<Vec<String>, String> {
    let mut found: Vec<String> = Vec::new();
    for it in arguments {
        let (name, _) = it.split_once('=').ok_or_else(|| "Invalid SetEnv".to_owned())?;
        if !found.iter().any(|known| known.split_once('=').is_some_and(|(known, _)| known == name)) {
            found.push(it.clone());
        }
    }
    Ok(found)
}

fn port(said: &str) -> Result<String, String> {
    let number = said.parse::<u16>().ok().filter(|it| *it != 0);
    number.map(|it| it.to_string()).ok_or_else(|| format!("Bad number '{said}'"))
}

fn count(said: &str) -> Result<String, String> {
    said.parse::<u32>().map(|it| it.to_string()).map_err(|_| format!("integer value {said} invalid"))
}

fn switch(said: &str) -> Result<String, String> {
    match said.to_lowercase().as_str() {
        "yes" | "true" => Ok("yes".to_owned()),
        "no" | "false" => Ok("no".to_owned()),
        _ => Err(format!("unsupported option \"{said}\"")),
    }
}

/// Numbers with units, as `90`, `1m30` and `2h`.
fn time(said: &str) -> Result<String, String> {
    if said == "none" {
        return Ok(said.to_owned());
    }
    let wrong = || format!("invalid time value {said}");
    let (mut seconds, mut number) = (0_u64, String::new());
    for letter in said.chars().chain(['s']) {
        let unit = match letter.to_ascii_lowercase() {
            '0'..='9' => {
                number.push(letter);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        if number.is_empty() && seconds > 0 {
            break;
        }
        let count: u64 = number.parse().map_err(|_| wrong())?;
        seconds = count.checked_mul(unit).and_then(|it| it.checked_add(seconds)).ok_or_else(wrong)?;
        number.clear();
    }
    Ok(seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_add_to_what_ssh_has_and_take_from_it() {
        assert_eq!(shown("ciphers", "aes128-cbc"), "aes128-cbc");
        assert_eq!(shown("ciphers", "+aes128-cbc,aes128-ctr"), format!("{CIPHERS},aes128-cbc"));
        assert_eq!(shown("ciphers", "-aes*"), "chacha20-poly1305@openssh.com");
        assert!(
            shown("ciphers", "^aes256-ctr")
                .starts_with("aes256-ctr,chacha20-poly1305@openssh.com,aes128-ctr")
        );
    }

    #[test]
    fn an_option_of_a_device_is_one_of_a_list_and_one_line() {
        for (word, value) in [
            ("proxyjump", "bastion"),
            ("ProxyCommand", "nc -x proxy %h %p"),
            ("IdentityFile", "\"~/my keys/id\""),
            ("Ciphers", "+aes128-cbc"),
            ("ConnectTimeout", "1m30"),
        ] {
            assert!(checked(word, value).is_ok_and(|it| it.eq_ignore_ascii_case(word)), "{word}");
        }
        for (word, value) in [
            ("LocalCommand", "x"),
            ("PermitLocalCommand", "yes"),
            ("KnownHostsCommand", "x"),
            ("Include", "x"),
            ("Match", "exec x"),
            ("HostName", "x"),
            ("ForwardAgent", "yes"),
            ("ProxyJump", "a\nLocalCommand x"),
            ("ProxyJump", " "),
            ("IdentityFile", "\"a"),
            ("ConnectTimeout", "hunter2"),
            ("ServerAliveCountMax", "1 2"),
            ("SetEnv", "A"),
        ] {
            let why = checked(word, value).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn times_and_numbers_are_read_as_ssh_reads_them() {
        for (said, seconds) in
            [("7", "7"), ("1m30", "90"), ("1h2m3s", "3723"), ("2d", "172800"), ("none", "none")]
        {
            assert_eq!(time(said).as_deref(), Ok(seconds));
        }
        assert!(time("x").is_err() && time("").is_err() && port("0").is_err() && port("70000").is_err());
        assert!(kind("nonsense").is_none() && kind("forwardagent").is_some());
    }
}
