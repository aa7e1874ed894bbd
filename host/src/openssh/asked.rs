//! Asking ssh what it would do for a host (`ssh -G`), within a time limit, in an environment of our making.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::native::secret::one_line;
use crate::openssh::words::{HONOURED, WITHOUT_MEANING, is_stock, written};
use crate::openssh::{AgentChoice, Answer, OpenSsh, PATH};

/// Longer than any lookup that a person would wait for.
const LIMIT: Duration = Duration::from_secs(5);
/// ssh says some 10 KiB.
const ANSWER_BYTES_MAX: u64 = 256 << 10;
/// Of its complaints only the first are shown.
const COMPLAINT_BYTES_MAX: u64 = 8 << 10;

/// Keys that ssh would try by itself and that we do not speak; those that live in a device are the agent's to use.
const NOT_OURS: [&str; 4] = ["~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519_sk", "~/.ssh/id_xmss", "~/.ssh/id_dsa"];

/// A host as it was named. The grammar of targets has passed all of it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name.
    pub host: &'a str,
    /// The account, where one was named.
    pub user: Option<&'a str>,
    /// The port, where one was named.
    pub port: Option<u16>,
    /// The caller's agent: `Match exec` may use it.
    pub agent: Option<&'a Path>,
}

/// Why ssh gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// There is no ssh.
    #[error("ssh is not installed here")]
    NotInstalled,
    /// It could not be started or heard.
    #[error("ssh could not be asked: {0}")]
    Failed(#[from] io::Error),
    /// It took too long.
    #[error("ssh -G did not answer within {} s; a Match exec in its configuration may hang", LIMIT.as_secs())]
    Timeout,
    /// Its configuration is wrong, in its own words.
    #[error("ssh refuses its configuration: {0}")]
    Refused(String),
}

/// Lines of `ssh -G`: a word in lower case and its value.
type Said = Vec<(String, String)>;

/// Asks ssh about a host.
pub async fn ask(ssh: &OpenSsh, question: Question<'_>) -> Result<Answer, NoAnswer> {
    let said = said(ssh, ssh.config.as_deref(), question).await?;
    // Compared is with the same ssh without any configuration: its defaults differ from version to version.
    let plain = self::said(ssh, Some(Path::new("none")), question).await?;
    Ok(answer(ssh, question, &said, &plain))
}

async fn said(ssh: &OpenSsh, config: Option<&Path>, question: Question<'_>) -> Result<Said, NoAnswer> {
    let mut child = command(ssh, config, question)?.spawn()?;
    let pid = child.id();
    match timeout(LIMIT, heard(&mut child)).await {
        Ok(heard) => heard,
        Err(_) => {
            // What it started is in its group, and ends with it.
            let group = pid.and_then(|it| i32::try_from(it).ok()).and_then(rustix::process::Pid::from_raw);
            if let Some(group) = group {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
            }
            Err(NoAnswer::Timeout)
        }
    }
}

/// Builds the command. Nothing that was typed stands where an option could.
fn command(ssh: &OpenSsh, config: Option<&Path>, question: Question) -> Result<Command, NoAnswer> {
    let mut command = Command::new(ssh.program.as_deref().ok_or(NoAnswer::NotInstalled)?);
    command.arg("-G");
    if let Some(config) = config {
        command.arg("-F").arg(ssh.expanded(config));
    }
    if let Some(user) = question.user {
        command.arg("-o").arg(format!("User={user}"));
    }
    if let Some(port) = question.port {
        command.arg("-o").arg(format!("Port={port}"));
    }
    command.arg("--").arg(question.host);
    command
        .env_clear()
        .env("HOME", &ssh.home)
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .env("SHELL", "/bin/sh");
    command.env("USER", &ssh.user).env("LOGNAME", &ssh.user);
    command.envs(question.agent.map(|it| ("SSH_AUTH_SOCK", it)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir("/").process_group(0).kill_on_drop(true);
    Ok(command)
}

async fn heard(child: &mut Child) -> Result<Said, NoAnswer> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (answer, complaint) =
        tokio::try_join!(read(stdout, ANSWER_BYTES_MAX), read(stderr, COMPLAINT_BYTES_MAX))?;
    if child.wait().await?.success() {
        let lines = answer.lines().filter_map(|it| it.split_once(' '));
        return Ok(lines.map(|(word, value)| (word.to_lowercase(), value.to_owned())).collect());
    }
    Err(NoAnswer::Refused(one_line(&complaint)))
}

/// Reads up to a limit. What comes after it finds a closed pipe.
async fn read(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(bytes_max).read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn answer(ssh: &OpenSsh, question: Question, said: &Said, plain: &Said) -> Answer {
    let first = |word: &str| said.iter().find(|(it, _)| it == word).map(|(_, value)| value.as_str());
    let number = |word: &str| first(word).and_then(|it| it.parse::<u64>().ok());
    let is_on = |word: &str| matches!(first(word), Some("yes" | "true"));
    let mut answer = Answer {
        hostname: first("hostname").unwrap_or(question.host).to_owned(),
        port: number("port").and_then(|it| u16::try_from(it).ok()).unwrap_or(22),
        user: first("user").unwrap_or(&ssh.user).to_owned(),
        identities_only: is_on("identitiesonly"),
        host_key_alias: first("hostkeyalias").map(str::to_owned),
        hash_known_hosts: is_on("hashknownhosts"),
        connect_timeout: number("connecttimeout").filter(|it| *it > 0).map(Duration::from_secs),
        alive: number("serveraliveinterval").filter(|it| *it > 0).map(|seconds| {
            let in_vain = number("serveralivecountmax").and_then(|it| usize::try_from(it).ok());
            (Duration::from_secs(seconds), in_vain.unwrap_or(3))
        }),
        unspoken: unspoken(&first),
        unhonoured: unhonoured(said, plain),
        ..Answer::default()
    };
    if let Some(jumps) = first("proxyjump").filter(|it| *it != "none") {
        answer.jumps = jumps.split(',').map(|it| jump(it.trim())).collect();
    }
    let user_files = |said: &Said| said.iter().find(|(it, _)| it == "userknownhostsfile").cloned();
    let is_default = user_files(said) == user_files(plain);
    if is_default {
        answer.known_hosts =
            ["known_hosts", "known_hosts2"].map(|it| ssh.home.join(".ssh").join(it)).to_vec();
    }
    let files =
        |word| paths(first(word).unwrap_or_default()).into_iter().map(|it| ssh.expanded(Path::new(&it)));
    if !is_default {
        answer.known_hosts.extend(files("userknownhostsfile"));
    }
    answer.written_known_hosts =
        answer.known_hosts.first().filter(|it| *it != Path::new("/dev/null")).cloned();
    answer.known_hosts.extend(files("globalknownhostsfile"));
    identities(ssh, question, said, &mut answer);
    agent(ssh, first("identityagent"), &mut answer);
    if first("pubkeyauthentication") == Some("false") {
        (answer.identity_files, answer.agent) = (Vec::new(), AgentChoice::None);
    }
    answer
}

/// ssh puts brackets around any address, also one of four numbers; a target has them around six only.
fn jump(said: &str) -> String {
    let plain = said.split_once('[').and_then(|(before, rest)| {
        let (address, after) = rest.split_once(']')?;
        (!address.contains(':')).then(|| format!("{before}{address}{after}"))
    });
    plain.unwrap_or_else(|| said.to_owned())
}

/// What is set for a reason that we would break by leaving it out.
fn unspoken<'a>(first: &impl Fn(&str) -> Option<&'a str>) -> Option<&'static str> {
    let is_set = |word: &str| first(word).is_some_and(|it| it != "none");
    match (is_set("proxycommand"), is_set("revokedhostkeys")) {
        (true, _) => Some("ProxyCommand"),
        (_, true) => Some("RevokedHostKeys"),
        _ => None,
    }
}

fn unhonoured(said: &Said, plain: &Said) -> Vec<String> {
    let is_quiet = |word: &str| HONOURED.contains(&word) || WITHOUT_MEANING.contains(&word);
    let set = said.iter().filter(|(word, value)| {
        !is_quiet(word) && !is_stock(word, value) && !plain.contains(&(word.clone(), value.clone()))
    });
    let words: BTreeSet<String> = set.map(|(word, _)| written(word)).collect();
    words.into_iter().collect()
}

fn identities(ssh: &OpenSsh, question: Question, said: &Said, answer: &mut Answer) {
    for (_, value) in said.iter().filter(|(word, value)| word == "identityfile" && value != "none") {
        match with_tokens(ssh, question, answer, value) {
            Some(_) if NOT_OURS.contains(&value.as_str()) => {}
            Some(path) => answer.identity_files.push(ssh.expanded(Path::new(&path))),
            None => answer.unhonoured.push(format!("IdentityFile {}", one_line(value))),
        }
    }
}

fn agent(ssh: &OpenSsh, said: Option<&str>, answer: &mut Answer) {
    answer.agent = match said {
        None | Some("SSH_AUTH_SOCK") => AgentChoice::Callers,
        Some("none") => AgentChoice::None,
        Some(path) if path.starts_with(['/', '~']) => AgentChoice::At(ssh.expanded(Path::new(path))),
        Some("$SSH_AUTH_SOCK") => AgentChoice::Callers,
        Some(other) => {
            answer.unhonoured.push(format!("IdentityAgent {}", one_line(other)));
            AgentChoice::None
        }
    };
}

/// Puts in what `%` stands for in the name of a key file; nothing where we do not know.
fn with_tokens(ssh: &OpenSsh, question: Question, answer: &Answer, value: &str) -> Option<String> {
    let mut done = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => {
                done += &match letters.next()? {
                    '%' => "%".to_owned(),
                    'd' => ssh.home.display().to_string(),
                    'h' => answer.hostname.clone(),
                    'i' => rustix::process::getuid().as_raw().to_string(),
                    'k' => answer.host_key_alias.clone().unwrap_or_else(|| question.host.to_owned()),
                    'L' => local_name().split('.').next().unwrap_or_default().to_owned(),
                    'l' => local_name(),
                    'n' => question.host.to_owned(),
                    'p' => answer.port.to_string(),
                    'r' => answer.user.clone(),
                    'u' => ssh.user.clone(),
                    _ => return None,
                }
            }
            '$' if letters.as_str().starts_with('{') => return None,
            letter => done.push(letter),
        }
    }
    Some(done)
}

fn local_name() -> String {
    nix::unistd::gethostname().ok().and_then(|it| it.into_string().ok()).unwrap_or_default()
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
