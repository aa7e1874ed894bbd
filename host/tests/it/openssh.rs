//! What ssh says of a host is what it does; and nothing that is typed becomes an option of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cotty_host::openssh::asked::ask;
use cotty_host::openssh::{AgentChoice, Answer, NewKeys, NoAnswer, OpenSsh, Question};
use cotty_testkit::{Sshd, not_run, wait};

use crate::world::block_on;

fn question(host: &str) -> Question<'_> {
    Question { host, user: None, port: None, agent: None, options: &[] }
}

/// The real ssh with this configuration, and a home of its own.
fn with_config(test: &str, config: &str) -> Option<(tempfile::TempDir, OpenSsh)> {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    fs::write(&file, config).unwrap();
    let ssh = OpenSsh::of(home.path(), "me", Some(file));
    if ssh.program.is_none() {
        not_run::not_run(test, "openssh-client is not installed");
        return None;
    }
    Some((home, ssh))
}

fn answered(ssh: &OpenSsh, host: &str) -> Answer {
    block_on(async { ask(ssh, question(host)).await.unwrap() })
}

/// A program that writes down what it was given.
fn canary(scratch: &Path) -> OpenSsh {
    let program = scratch.join("ssh");
    let script = format!(
        "#!/bin/sh\nfor it; do printf '%s\\0' \"$it\"; done > {0}/argv-$$\nenv > {0}/env\necho hostname x\n",
        scratch.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    OpenSsh { program: Some(program), ..OpenSsh::of(scratch, "me", None) }
}

/// Takes what it was given in each call, in order.
fn taken_calls(scratch: &Path) -> Vec<Vec<String>> {
    let files = fs::read_dir(scratch).unwrap().map(|it| it.unwrap().path());
    let notes = files.filter(|it| it.file_name().unwrap().to_string_lossy().starts_with("argv-"));
    let mut calls: Vec<Vec<String>> = notes
        .map(|note| {
            let argv = fs::read_to_string(&note).unwrap();
            fs::remove_file(note).unwrap();
            argv.split_terminator('\0').map(str::to_owned).collect()
        })
        .collect();
    calls.sort_unstable();
    calls
}

#[test]
fn nothing_that_is_typed_stands_where_an_option_could() {
    let scratch = tempfile::tempdir().unwrap();
    let ssh = canary(scratch.path());
    // The grammar of targets stops all of these before; here it is left out.
    for typed in [
        "-oProxyCommand=touch pwned",
        "-o ProxyCommand x",
        "-vofoo",
        "-F/tmp/x",
        "-E",
        "-G",
        "-L8080:a:80",
        "--",
        "a b;c",
        "%h",
        "$(id)",
        "\n-oProxyCommand=x",
    ] {
        let asked = Question { host: typed, user: Some(typed), port: Some(7), agent: None, options: &[] };
        block_on(async { ask(&ssh, asked).await.unwrap() });
        let user = format!("User={typed}");
        let rest = ["-o", &user, "-o", "Port=7", "--", typed];
        // As configured and without any configuration, both at once.
        let wanted = [[&["-G", "-F", "none"][..], &rest].concat(), [&["-G"][..], &rest].concat()];
        assert_eq!(taken_calls(scratch.path()), wanted);
    }
    let env = fs::read_to_string(scratch.path().join("env")).unwrap();
    let given = ["HOME", "PATH", "LANG", "SHELL", "USER", "LOGNAME", "PWD", "_", "SHLVL", "OLDPWD"];
    for line in env.lines() {
        assert!(line.split_once('=').is_some_and(|(name, _)| given.contains(&name)), "{line}");
    }
}

#[test]
fn what_is_set_is_read_and_what_is_not_honoured_is_named() {
    let config = "Host web\n HostName 10.0.0.%h\n Port 2200\n User bob\n IdentitiesOnly yes\n IdentityFile ~/.ssh/%h_%r\n\
                  IdentityFile \"/tmp/a b\"\n IdentityAgent ~/agent\n HostKeyAlias Alias\n UserKnownHostsFile ~/kh \"/tmp/k h\"\n\
                  GlobalKnownHostsFile none\n HashKnownHosts yes\n ConnectTimeout 7\n ServerAliveInterval 20\n\
                  ServerAliveCountMax 4\n ProxyJump a@[::1]:22,b\n ForwardAgent yes\n CertificateFile ~/c\n\
                  LocalForward 80 a:80\n SendEnv LANG\n SendEnv SECRET_*\n LogLevel DEBUG\n StrictHostKeyChecking no\n\
                  Host none\n IdentityFile none\n IdentityAgent none\n Host proxy\n ProxyCommand nc %h %p %%\n Host badproxy\n ProxyCommand nc %x\n\
                  Host revoked\n RevokedHostKeys /tmp/krl\n Host nokeys\n PubkeyAuthentication no\n\
                  Host tokens\n IdentityFile ~/%C\n IdentityFile ~/%%_%u_%n\n IdentityAgent $ELSEWHERE\n";
    let Some((home, ssh)) = with_config("what_is_set_is_read", config) else { return };
    let at = |name: &str| home.path().join(name);
    let web = answered(&ssh, "web");
    let expected = Answer {
        hostname: "10.0.0.web".into(),
        port: 2200,
        user: "bob".into(),
        identity_files: vec![at(".ssh/10.0.0.web_bob"), "/tmp/a b".into()],
        identities_only: true,
        agent: AgentChoice::At(web_agent(&web)),
        host_key_alias: Some("alias".into()),
        known_hosts: web.known_hosts.clone(),
        written_known_hosts: web.known_hosts.first().cloned(),
        hash_known_hosts: true,
        connect_timeout: Some(Duration::from_secs(7)),
        alive: Some((Duration::from_secs(20), 4)),
        jumps: vec!["a@[::1]:22".into(), "b".into()],
        certificate_files: vec![home.path().join("c")],
        new_keys: NewKeys::Taken,
        send_env: vec!["LANG".into(), "SECRET_*".into()],
        unhonoured: ["ForwardAgent", "LocalForward"].map(str::to_owned).to_vec(),
        ..Answer::default()
    };
    assert_eq!(web, expected);
    // ssh puts the account's own home there, not ours.
    let names =
        |paths: &[PathBuf]| paths.iter().map(|it| it.file_name().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&web.known_hosts), ["kh", "k h"]);
    let none = answered(&ssh, "none");
    assert_eq!((none.identity_files, none.agent), (Vec::new(), AgentChoice::None));
    assert_eq!(answered(&ssh, "proxy").proxy_command.as_deref(), Some("nc proxy 22 %"));
    assert_eq!(answered(&ssh, "badproxy").unreadable, Some("ProxyCommand"));
    assert_eq!(answered(&ssh, "revoked").revoked_host_keys, Some("/tmp/krl".into()));
    let nokeys = answered(&ssh, "nokeys");
    assert_eq!((nokeys.identity_files.len(), nokeys.agent), (0, AgentChoice::None));
    let tokens = answered(&ssh, "tokens");
    assert_eq!(tokens.identity_files, [at("%_me_tokens")]);
    assert_eq!(tokens.unhonoured, ["IdentityFile ~/%C", "IdentityAgent $ELSEWHERE"]);
    let other = answered(&ssh, "other");
    assert_eq!((other.hostname.as_str(), other.port, other.unhonoured.len()), ("other", 22, 0));
    assert_eq!(names(&other.identity_files), ["id_rsa", "id_ecdsa", "id_ed25519"]);
    let asked = Question { user: Some("root"), port: Some(99), ..question("web") };
    let asked = block_on(async { ask(&ssh, asked).await.unwrap() });
    assert_eq!((asked.user.as_str(), asked.port), ("root", 99));
    assert_eq!(asked.identity_files[0], at(".ssh/10.0.0.web_root"));
}

fn web_agent(answer: &Answer) -> PathBuf {
    match &answer.agent {
        AgentChoice::At(path) if path.ends_with("agent") => path.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ssh_tries_the_key_files_that_we_found() {
    let Some(sshd) = Sshd::start("ssh_tries_the_key_files_that_we_found") else { return };
    let config = format!(
        "Host web\n HostName 127.0.0.1\n Port {}\n User %%me\n IdentityFile {2}/%h_%r_%p_%n_%u_%L_%i_%k\n IdentityFile {2}/user_ed25519\n\
         UserKnownHostsFile {1}\n GlobalKnownHostsFile none\n HostKeyAlias x%%y\n Host *\n IdentityFile {2}/last\n",
        sshd.port(),
        sshd.known_hosts().display(),
        sshd.file("").display(),
    );
    let config =
        config.replace("User %%me", &format!("User {}", sshd.user())).replace(" HostKeyAlias x%%y\n", "");
    let Some((_home, ssh)) = with_config("ssh_tries_the_key_files_that_we_found", &config) else { return };
    let ssh = OpenSsh { user: sshd.user(), ..ssh };
    let mut theirs = std::process::Command::new(ssh.program.as_ref().unwrap());
    theirs.arg("-v").arg("-F").arg(ssh.config.as_ref().unwrap());
    theirs.args(["-o", "BatchMode=yes", "web", "true"]).env_remove("SSH_AUTH_SOCK");
    let said = theirs.output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let tried =
        said.lines().filter_map(|it| it.strip_prefix("debug1: identity file ")?.split(" type ").next());
    let mut tried: Vec<PathBuf> = tried.filter(|it| !it.ends_with("-cert")).map(PathBuf::from).collect();
    tried.dedup();
    assert_eq!(answered(&ssh, "web").identity_files, tried, "{said}");
}

#[test]
fn a_wrong_configuration_is_told_in_the_words_of_ssh() {
    let Some((_home, ssh)) = with_config("a_wrong_configuration_is_told", "Host a\nNonsense yes\n") else {
        return;
    };
    let refused = block_on(async { ask(&ssh, question("a")).await.unwrap_err() });
    assert!(matches!(&refused, NoAnswer::Refused(words) if words.contains("line 2")), "{refused}");
    let none = OpenSsh { program: None, ..ssh };
    assert!(matches!(block_on(async { ask(&none, question("a")).await }), Err(NoAnswer::NotInstalled)));
}

#[test]
fn a_program_of_the_configuration_that_hangs_is_ended() {
    let scratch = tempfile::tempdir().unwrap();
    let pid = scratch.path().join("pid");
    let config = format!("Match exec \"echo $$ > {}; exec sleep 1000\"\n User x\n", pid.display());
    let Some((_home, ssh)) = with_config("a_program_of_the_configuration_that_hangs_is_ended", &config)
    else {
        return;
    };
    let refused = block_on(async { ask(&ssh, question("a")).await.unwrap_err() });
    assert!(matches!(refused, NoAnswer::Timeout), "{refused}");
    let pid = fs::read_to_string(pid).unwrap();
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    wait::until("it is gone", || {
        let stat = fs::read_to_string(&stat).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}
