//! What the words of ssh's configuration mean for a host, once it is settled which of them hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::native::algorithms::Algorithms;
use crate::native::secret::one_line;
use crate::native::settings::Family;
use crate::openssh::beyond::Beyond;
use crate::openssh::said::Said;
use crate::openssh::tokens::Tokens;
use crate::openssh::words::{HONOURED, WITHOUT_MEANING, written};
use crate::openssh::{AgentChoice, Answer, NewKeys, OpenSsh, Question};

/// Keys that ssh would try by itself and that we do not speak; those that live in a device are the agent's to use.
const NOT_OURS: [&str; 4] = ["~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519_sk", "~/.ssh/id_xmss", "~/.ssh/id_dsa"];

/// Who says what holds for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// ssh itself: in the names of the user's known-hosts files it has put in what stands for something else.
    Ssh,
    /// Its files, read by ourselves, as they are written.
    Ourselves,
}

/// Makes an answer of what holds for a host, compared with what holds where nobody configured anything.
pub(super) fn answer(ssh: &OpenSsh, question: Question, said: &Said, plain: &Said, by: By) -> Answer {
    let mut answer = Answer {
        hostname: said.first("hostname").unwrap_or(question.host).to_owned(),
        port: said.number("port").and_then(|it| u16::try_from(it).ok()).unwrap_or(22),
        user: said.first("user").unwrap_or(&ssh.user).to_owned(),
        identities_only: said.is_on("identitiesonly"),
        host_key_alias: said.first("hostkeyalias").map(str::to_owned),
        new_keys: new_keys(said),
        hash_known_hosts: said.is_on("hashknownhosts"),
        connect_timeout: said.number("connecttimeout").filter(|it| *it > 0).map(Duration::from_secs),
        alive: said.number("serveraliveinterval").filter(|it| *it > 0).map(|seconds| {
            let in_vain = said.number("serveralivecountmax").and_then(|it| usize::try_from(it).ok());
            (Duration::from_secs(seconds), in_vain.unwrap_or(3))
        }),
        algorithms: algorithms(said, plain),
        family: family(said),
        bind_address: said.set("bindaddress").map(str::to_owned),
        send_env: said.all("sendenv").map(str::to_owned).collect(),
        set_env: set_env(said),
        remote_command: said.set("remotecommand").map(str::to_owned),
        beyond: Beyond::of(ssh, said),
        unhonoured: unhonoured(said, plain),
        ..Answer::default()
    };
    let tokens = Tokens::of(ssh, question, &answer);
    let own_known_hosts = own_known_hosts(ssh, said, plain, (by == By::Ourselves).then_some(&tokens));
    let mut unknown = Vec::new();
    let expanded = |word: &str, value: &str, unknown: &mut Vec<String>| match tokens.put_into(value) {
        Some(path) => Some(ssh.expanded(Path::new(&path))),
        None => {
            unknown.push(format!("{word} {}", one_line(value)));
            None
        }
    };
    let named = |word| said.all(word).filter(|it| *it != "none" && !NOT_OURS.contains(it));
    let identity_files =
        named("identityfile").filter_map(|it| expanded("IdentityFile", it, &mut unknown)).collect();
    let certificate_files =
        named("certificatefile").filter_map(|it| expanded("CertificateFile", it, &mut unknown)).collect();
    let revoked = said.set("revokedhostkeys").and_then(|it| expanded("RevokedHostKeys", it, &mut unknown));
    let agent = agent(said.first("identityagent"), |it| {
        // A variable of somebody's: whose, is not known here.
        let path = Some(it).filter(|it| it.starts_with(['/', '~'])).and_then(|it| tokens.put_into(it));
        if path.is_none() {
            unknown.push(format!("IdentityAgent {}", one_line(it)));
        }
        path.map(|it| ssh.expanded(Path::new(&it)))
    });
    let command = said.set("proxycommand").map(|it| tokens.put_into_command(it));
    let jumps = said.set("proxyjump").map(|it| tokens.put_into_command(it));
    let without = said.first("pubkeyauthentication") == Some("false");
    answer.unreadable = [
        ("UserKnownHostsFile", own_known_hosts.is_none()),
        ("RevokedHostKeys", said.set("revokedhostkeys").is_some() && revoked.is_none()),
        ("ProxyCommand", command == Some(None)),
        ("ProxyJump", jumps == Some(None)),
    ]
    .into_iter()
    .find_map(|(word, is_so)| is_so.then_some(word));
    known_hosts(ssh, said, own_known_hosts.unwrap_or_default(), &mut answer);
    answer.unhonoured.append(&mut unknown);
    answer.revoked_host_keys = revoked;
    answer.proxy_command = command.flatten();
    let jumps = jumps.flatten().unwrap_or_default();
    answer.jumps = jumps.split(',').map(str::trim).filter(|it| !it.is_empty()).map(jump).collect();
    if without {
        answer.agent = AgentChoice::None;
    } else {
        (answer.identity_files, answer.certificate_files, answer.agent) =
            (identity_files, certificate_files, agent);
    }
    answer
}

/// The user's own files of known hosts; nothing where a name has something in it that is not known here. What stands for
/// something else is put in where ssh has not done it.
fn own_known_hosts(
    ssh: &OpenSsh,
    said: &Said,
    plain: &Said,
    tokens: Option<&Tokens>,
) -> Option<Vec<PathBuf>> {
    let list = said.first("userknownhostsfile");
    if list == plain.first("userknownhostsfile") {
        return Some(["known_hosts", "known_hosts2"].map(|it| ssh.home.join(".ssh").join(it)).to_vec());
    }
    let list = list.unwrap_or_default();
    // Before the list is split: a path may begin with what is put in.
    let list = tokens.map_or_else(|| Some(list.to_owned()), |it| it.put_into(list))?;
    Some(expanded_paths(ssh, &list))
}

fn known_hosts(ssh: &OpenSsh, said: &Said, own: Vec<PathBuf>, answer: &mut Answer) {
    answer.written_known_hosts = own.first().filter(|it| *it != Path::new("/dev/null")).cloned();
    answer.known_hosts = own;
    // In these names ssh puts in nothing but the home.
    answer.known_hosts.extend(expanded_paths(ssh, said.first("globalknownhostsfile").unwrap_or_default()));
}

fn expanded_paths(ssh: &OpenSsh, list: &str) -> Vec<PathBuf> {
    paths(list).into_iter().map(|it| ssh.expanded(Path::new(&it))).collect()
}

fn new_keys(said: &Said) -> NewKeys {
    match said.first("stricthostkeychecking") {
        // A changed key is refused all the same: `no` is `accept-new` here.
        Some("false" | "no" | "off" | "accept-new") => NewKeys::Taken,
        _ => NewKeys::Asked,
    }
}

fn family(said: &Said) -> Family {
    match said.first("addressfamily") {
        Some("inet") => Family::V4,
        Some("inet6") => Family::V6,
        _ => Family::Any,
    }
}

/// A list that is ssh's own says nothing: ours is then as good.
fn algorithms(said: &Said, plain: &Said) -> Algorithms {
    let list = |word: &str| {
        let value = said.first(word).filter(|it| Some(*it) != plain.first(word))?;
        Some(value.split(',').map(str::to_owned).collect())
    };
    Algorithms {
        host_key: list("hostkeyalgorithms"),
        user_key: list("pubkeyacceptedalgorithms"),
        kex: list("kexalgorithms"),
        ciphers: list("ciphers"),
        macs: list("macs"),
        authorities: list("casignaturealgorithms"),
        ..Algorithms::default()
    }
}

fn set_env(said: &Said) -> Vec<(String, String)> {
    let pairs = said.all("setenv").filter_map(|it| it.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// ssh puts brackets around any address, also one of four numbers; a target has them around six only.
fn jump(said: &str) -> String {
    let plain = said.split_once('[').and_then(|(before, rest)| {
        let (address, after) = rest.split_once(']')?;
        (!address.contains(':')).then(|| format!("{before}{address}{after}"))
    });
    plain.unwrap_or_else(|| said.to_owned())
}

fn unhonoured(said: &Said, plain: &Said) -> Vec<String> {
    let is_quiet = |word: &str| HONOURED.contains(&word) || WITHOUT_MEANING.contains(&word);
    let set = said
        .0
        .iter()
        .filter(|(word, value)| !is_quiet(word) && !plain.0.contains(&(word.clone(), value.clone())));
    let mut words: BTreeSet<String> = set.map(|(word, _)| written(word)).collect();
    if said.set("localcommand").is_some() && said.is_on("permitlocalcommand") {
        words.insert("LocalCommand (it is not run)".to_owned());
    }
    if words.remove("KnownHostsCommand") {
        words.insert("KnownHostsCommand (it is not run)".to_owned());
    }
    // A session is a terminal; what has none is a command of its own.
    if matches!(said.first("requesttty"), Some("no" | "false")) {
        words.insert("RequestTTY no (a session is a terminal; isolated commands have none)".to_owned());
    }
    words.into_iter().collect()
}

fn agent(said: Option<&str>, mut path: impl FnMut(&str) -> Option<PathBuf>) -> AgentChoice {
    match said {
        None | Some("SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK") => AgentChoice::Callers,
        Some("none") => AgentChoice::None,
        Some(other) => path(other).map_or(AgentChoice::None, AgentChoice::At),
    }
}

/// Splits a list of paths. ssh prints blanks in a path as they are: what does not begin a path belongs to the one before.
fn paths(list: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in list.split(' ').filter(|it| !it.is_empty() && *it != "none") {
        match found.last_mut() {
            Some(last) if !word.starts_with(['/', '~']) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => found.push(word.to_owned()),
        }
    }
    found
}
