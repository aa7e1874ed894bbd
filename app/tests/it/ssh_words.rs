//! The words of ssh's configuration, each honoured as ssh itself honours it: the way, the algorithms, keys and certificates.

use std::fs;
use std::process::Command;
use std::time::Instant;

use cotty_testkit::sshd::{certify, key};
use cotty_testkit::{Agent, Home, Sshd, wait};
use serde_json::json;

use crate::desk::Desk;
use crate::openssh::{End, Table};
use crate::trust::{own, stranger};

/// Connects to where it is told, and passes on until either side ends: the way to a server.
const WAY: &str = "import os, select, socket, sys
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True:
    for end in select.select([0, link], [], [])[0]:
        data = os.read(0, 65536) if end == 0 else link.recv(65536)
        if not data:
            sys.exit()
        if end == 0:
            link.sendall(data)
        while end != 0 and data:
            data = data[os.write(1, data):]
";

fn ways(table: &mut Table) {
    use End::{HostKey, In, Unreached};
    let way = table.sshd.write("way.py", WAY).display().to_string();
    table.lines(
        "a program on the way",
        "user_ed25519",
        &format!("ProxyCommand python3 -ES {way} %h %p\n"),
        In,
    );
    table.lines("a program that ends", "user_ed25519", "ProxyCommand exit 3\n", Unreached);
    table.lines("no such program", "user_ed25519", "ProxyCommand no-such-program %h\n", Unreached);
    table.known("a host that nobody knows", "", HostKey);
    table.lines("a jump", "user_ed25519", "ProxyJump case-0\n", In);
    table.lines("two jumps, one by a program", "user_ed25519", "ProxyJump case-4,case-0\n", In);
    table.lines("a jump that nobody knows", "user_ed25519", "ProxyJump case-3\n", HostKey);
    table.lines("the second jump nobody knows", "user_ed25519", "ProxyJump case-0,case-3\n", HostKey);
    table.lines(
        "a jump, and nobody behind it",
        "user_ed25519",
        "ProxyJump case-0\nHostName 127.0.0.3\n",
        Unreached,
    );
    table.lines("only four numbers", "user_ed25519", "AddressFamily inet\n", In);
    table.lines("only six", "user_ed25519", "AddressFamily inet6\n", Unreached);
    table.lines("from an address", "user_ed25519", "BindAddress 127.0.0.1\n", In);
    table.lines("from another's address", "user_ed25519", "BindAddress 203.0.113.7\n", Unreached);
}

fn algorithms(table: &mut Table) {
    use End::{Denied, In, Unreached};
    table.sshd.key("rsa", &["-t", "rsa", "-b", "2048"]);
    table.sshd.authorize("rsa");
    let mut all = |name: &'static str, lines: &str, end: End| table.lines(name, "user_ed25519", lines, end);
    for kex in ["curve25519-sha256", "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256"] {
        all("a key exchange", &format!("KexAlgorithms {kex}\n"), In);
    }
    for cipher in ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com"] {
        all("a cipher", &format!("Ciphers {cipher}\n"), In);
    }
    for mac in ["hmac-sha2-512-etm@openssh.com", "hmac-sha1"] {
        all("a mac", &format!("Ciphers aes256-ctr\nMACs {mac}\n"), In);
    }
    all("a cipher that the server leaves out", "Ciphers aes256-cbc\n", Unreached);
    all("a key of the host", "HostKeyAlgorithms ssh-ed25519\n", In);
    all("a key that the host has not", "HostKeyAlgorithms rsa-sha2-512\n", Unreached);
    table.lines("an rsa key, as it may sign", "rsa", "PubkeyAcceptedAlgorithms rsa-sha2-256\n", In);
    table.lines("an rsa key that may not", "rsa", "PubkeyAcceptedAlgorithms ssh-ed25519\n", Denied);
    table.lines("a key that may not", "user_ed25519", "PubkeyAcceptedAlgorithms rsa-sha2-256\n", Denied);
}

fn keys_of_hosts(table: &mut Table) {
    use End::{HostKey, In};
    let wrong = table.public("user_ed25519");
    let mut unknown = |name: &'static str, known: &str, lines: &str, end: End| {
        table.known(name, known, end);
        table.cases.last_mut().unwrap().lines += lines;
    };
    let changed = format!("NAME {wrong}\n");
    unknown("a new key, taken", "", "StrictHostKeyChecking accept-new\n", In);
    unknown("a new key, unchecked", "", "StrictHostKeyChecking no\n", In);
    unknown("a changed key is not new", &changed, "StrictHostKeyChecking accept-new\n", HostKey);
    let revoked = table.sshd.write("revoked", &format!("# a list\n{}\n", table.public("host_ed25519")));
    let other = table.sshd.write("other-revoked", &format!("# a list\n \t# more\n\n \n\t{wrong} a word\n"));
    let spoilt = table.sshd.write("spoilt-revoked", &format!("{wrong}\nnot a key\n"));
    let known = table.sshd.write("known-revoked", &format!("127.0.0.1 {wrong}\n"));
    for (name, file, end) in [
        ("a revoked key", revoked.display().to_string(), HostKey),
        ("another one revoked", other.display().to_string(), In),
        ("a list with a line that is no key", spoilt.display().to_string(), HostKey),
        ("a list with a name before the key", known.display().to_string(), HostKey),
        ("no list of revoked keys", table.file("nothing"), HostKey),
    ] {
        table.lines(name, "user_ed25519", &format!("RevokedHostKeys {file}\n"), end);
    }
}

#[test]
fn the_way_to_a_host_is_the_one_that_ssh_takes() {
    let Some(sshd) = Sshd::start("the_way_to_a_host_is_the_one_that_ssh_takes") else { return };
    let mut table = Table { sshd: &sshd, cases: Vec::new() };
    ways(&mut table);
    table.compare_by_both();
}

#[test]
fn algorithms_and_keys_of_hosts_are_those_that_ssh_takes() {
    let Some(sshd) = Sshd::start("algorithms_and_keys_of_hosts_are_those_that_ssh_takes") else { return };
    let mut table = Table { sshd: &sshd, cases: Vec::new() };
    algorithms(&mut table);
    keys_of_hosts(&mut table);
    table.compare_by_both();
}

#[test]
fn a_jump_in_a_circle_is_found_before_anything_is_sent() {
    // ssh itself starts one ssh after the other for it, without end.
    let home = Home::new();
    fs::create_dir_all(own(&home, "")).unwrap();
    let config =
        "Host a\nProxyJump b\nHost b\nProxyJump c,d\nHost c d\nProxyJump a\nHost self\nProxyJump self\n";
    fs::write(own(&home, "config"), config).unwrap();
    let mut desk = Desk::at(home);
    for (target, words) in
        [("a", "ProxyJump leads through too many hosts, or in a circle"), ("self", "jumphost loop via self")]
    {
        let said = desk.tool("ssh_connect", json!({"target": target}));
        said.refuses("config-error", &[words]);
    }
}

#[test]
fn a_host_with_nothing_but_old_algorithms_is_for_a_device_that_says_so() {
    for (option, words) in [
        ("KexAlgorithms", "diffie-hellman-group1-sha1"),
        ("KexAlgorithms", "diffie-hellman-group14-sha1"),
        ("KexAlgorithms", "diffie-hellman-group-exchange-sha1"),
        ("Ciphers", "aes128-cbc"),
        ("Ciphers", "aes192-cbc"),
        ("Ciphers", "aes256-cbc"),
        ("HostKeyAlgorithms", "ssh-rsa"),
    ] {
        let known = if words == "ssh-rsa" { "rsa" } else { "host_ed25519" };
        let lines = match known {
            "rsa" => format!("HostKey {{folder}}/rsa\n{option} {words}\n"),
            _ => format!("{option} {words}\n"),
        };
        let test = "a_host_with_nothing_but_old_algorithms_is_for_a_device_that_says_so";
        let rsa = ["-t", "rsa", "-b", "2048"];
        let Some(sshd) = Sshd::start_prepared(test, &lines, |it| key(it, "rsa", &rsa)) else { return };
        let home = Home::new();
        cotty_testkit::sshd::admit(&home, &[&sshd]);
        let public = fs::read_to_string(sshd.file(&format!("{known}.pub"))).unwrap();
        fs::write(own(&home, "known_hosts"), format!("[127.0.0.1]:{} {public}", sshd.port())).unwrap();
        let device = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\n", sshd.port(), sshd.user());
        home.write_config(&format!("[devices.new]\n{device}[devices.old]\n{device}legacy = true\n"));
        let mut desk = Desk::at(home);
        let run = |target: &str| json!({"target": target, "command": "exit 3", "isolated": true});
        desk.tool("ssh_run", run("new")).refuses("connection-failure", &[words, "legacy = true"]);
        let said = desk.tool("ssh_run", run("old"));
        assert_eq!(said.exit(), Some(3), "{said:?}");
    }
}

#[test]
fn a_word_that_only_a_model_said_starts_no_program_and_has_no_key_taken() {
    let Some(sshd) = Sshd::start("a_word_that_only_a_model_said_starts_no_program") else { return };
    let home = stranger(&sshd);
    let canary = home.path().join("canary");
    let config = format!(
        "Match originalhost *.evil exec \"touch {0}\"\nUser never\n\
         Host *.far\nProxyCommand sh -c 'touch {0}; nc %h %p'\n\
         Host *.near\nProxyJump gate-%h\nHost gate-*\nProxyCommand touch {0}\n\
         Host *\nHostName 127.0.0.1\nPort {1}\nUser {2}\nStrictHostKeyChecking no\n",
        canary.display(),
        sshd.port(),
        sshd.user()
    );
    fs::write(own(&home, "config"), config).unwrap();
    let mut desk = Desk::at(home);
    let mut said = |target: &str| desk.tool("ssh_connect", json!({"target": target}));
    said("web.far").refuses("policy-blocked", &["ProxyCommand", "cotty trust web.far"]);
    said("web.near").refuses("policy-blocked", &["ProxyCommand"]);
    said("web.evil").refuses("host-key", &["cotty trust web.evil"]);
    for target in [
        "-oProxyCommand=touch x",
        "-o ProxyCommand=x",
        "-vofoo",
        "-F/tmp/x",
        "a b",
        "a;touch x",
        "$(touch x)",
    ] {
        said(target).refuses("invalid-argument", &["target"]);
    }
    assert!(!canary.exists() && !own(&desk.home, "known_hosts").exists());
}

#[test]
fn the_openers_agent_is_lent_where_the_device_says_so_while_it_lives_and_never_to_an_isolated_command() {
    for engine in ["native", "openssh"] {
        let Some(sshd) = Sshd::start("the_openers_agent_is_lent_where_the_device_says_so") else { return };
        lends(&sshd, engine);
    }
}

fn lends(sshd: &Sshd, engine: &str) {
    let home = Home::new();
    cotty_testkit::sshd::admit(&home, &[sshd]);
    // A word of ssh's is not enough.
    fs::write(own(&home, "config"), "Host *\nForwardAgent yes\n").unwrap();
    let device = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\n", sshd.port(), sshd.user());
    home.write_config(&format!(
        "ssh.engine = \"{engine}\"\n[devices.plain]\n{device}[devices.lends]\n{device}forward_agent = true\n"
    ));
    let agent = Agent::start(sshd);
    agent.add(&sshd.file("user_ed25519"));
    let mut desk = Desk::at(home);
    let mut command = desk.home.cotty(&["mcp"]);
    desk.agent = cotty_testkit::mcp::Mcp::start({
        command.env("SSH_AUTH_SOCK", agent.socket());
        command
    });
    desk.agent.initialize();
    let said = desk.tool("ssh_connect", json!({"target": "plain"}));
    assert!(said.text.contains("ForwardAgent"), "{said:?}");
    assert_eq!(desk.run("plain", "echo \"[$SSH_AUTH_SOCK]\"").output(), "[]");
    let said = desk.tool("ssh_connect", json!({"target": "lends"}));
    assert!(said.text.contains("is lent to sessions there"), "{said:?}");
    let said = desk.run("lends", "ssh-add -l");
    assert!(said.exit() == Some(0) && said.output().contains("ED25519"), "{said:?}");
    let isolated = json!({"target": "lends", "command": "echo \"[$SSH_AUTH_SOCK]\"", "isolated": true});
    let said = desk.tool("ssh_run", isolated);
    assert!(said.text.contains("[]"), "{said:?}");
    // It ends, and what was lent is gone.
    drop(agent);
    let said = desk.run("lends", "ssh-add -l");
    assert_ne!(said.exit(), Some(0), "{said:?}");
}

/// Keys with certificates of every kind, made by the authority that the server trusts.
fn certificates(table: &mut Table) {
    use End::{Denied, In};
    let sshd = table.sshd;
    let user = sshd.user();
    for (name, kind, arguments) in [
        ("good", "ed25519", &["-n", user.as_str()][..]),
        ("rsacert", "rsa", &["-n", user.as_str()]),
        ("ecdsacert", "ecdsa", &["-n", user.as_str()]),
        ("expired", "ed25519", &["-n", user.as_str(), "-V", "20200101:20200102"]),
        ("future", "ed25519", &["-n", user.as_str(), "-V", "20990101:20990102"]),
        ("others", "ed25519", &["-n", "somebody,else"]),
        ("hosts", "ed25519", &["-h", "-n", user.as_str()]),
        ("held", "ed25519", &["-n", user.as_str()]),
        ("heldkey", "ed25519", &["-n", user.as_str()]),
        ("named", "ed25519", &["-n", user.as_str()]),
    ] {
        sshd.key(name, &["-t", kind]);
        sshd.certify("ca", name, arguments);
    }
    sshd.key("stranger-ca", &["-t", "ed25519"]);
    sshd.key("strange", &["-t", "ed25519"]);
    sshd.certify("stranger-ca", "strange", &["-n", user.as_str()]);
    table.keys("a certificate beside its key", &["good"], In);
    table.keys("an rsa one", &["rsacert"], In);
    table.keys("an ecdsa one", &["ecdsacert"], In);
    table.keys("an expired one", &["expired"], Denied);
    table.keys("one of the future", &["future"], Denied);
    table.keys("another's", &["others"], Denied);
    table.keys("a host's", &["hosts"], Denied);
    table.keys("of a strange authority", &["strange"], Denied);
    fs::rename(sshd.file("named-cert.pub"), sshd.file("elsewhere.pub")).unwrap();
    let file = table.file("elsewhere.pub");
    table.lines("one that is named", "named", &format!("CertificateFile {file}\n"), In);
    table.lines(
        "one that is named, for another key",
        "strange",
        &format!("CertificateFile {file}\n"),
        Denied,
    );
    table.lines("none that is named is there", "good", &format!("CertificateFile {file}.not\n"), Denied);
    let agent = format!("IdentityAgent {}\n", table.file("agent"));
    table.lines("the agent's certificate", "none", &format!("{agent}IdentitiesOnly no\n"), In);
    table.lines("the agent's key, the file's certificate", "heldkey", &agent, In);
}

/// Gives the agent a key with its certificate, and one without.
fn hand_over(agent: &Agent, sshd: &Sshd) {
    agent.add(&sshd.file("held"));
    let certificate = sshd.file("heldkey-cert.pub");
    let aside = sshd.file("aside");
    fs::rename(&certificate, &aside).unwrap();
    agent.add(&sshd.file("heldkey"));
    fs::rename(&aside, &certificate).unwrap();
    // Of this one the files keep the public half only.
    fs::remove_file(sshd.file("heldkey")).unwrap();
}

#[test]
fn a_certificate_lets_in_as_with_ssh_and_what_is_wrong_with_it_is_told() {
    let test = "a_certificate_lets_in_as_with_ssh";
    let lines = "TrustedUserCAKeys {folder}/ca.pub\nAuthorizedKeysFile none\n";
    let Some(sshd) = Sshd::start_prepared(test, lines, |it| key(it, "ca", &["-t", "ed25519"])) else {
        return;
    };
    let mut table = Table { sshd: &sshd, cases: Vec::new() };
    certificates(&mut table);
    let agent = Agent::start(&sshd);
    hand_over(&agent, &sshd);
    table.compare();
    let home = Home::new();
    cotty_testkit::sshd::admit(&home, &[&sshd]);
    let config =
        |key: &str| format!("Host *\nIdentityFile {}\nIdentityAgent none\n", sshd.file(key).display());
    let mut desk = Desk::at(home);
    for (key, words) in
        [("expired", "expired"), ("future", "not valid yet"), ("others", "it is for somebody, else")]
    {
        fs::write(own(&desk.home, "config"), config(key)).unwrap();
        let run = json!({"target": sshd.target(), "command": "true", "isolated": true});
        desk.tool("ssh_run", run).refuses("auth-failure", &[words, &format!("{key}-cert.pub"), "renewed"]);
    }
}

/// A server that shows a certificate of the authority `ca`, made so.
fn certified(test: &str, arguments: &'static [&'static str]) -> Option<Sshd> {
    let lines = "HostKey {folder}/host_ed25519\nHostCertificate {folder}/host_ed25519-cert.pub\n";
    Sshd::start_prepared(test, lines, |it| {
        key(it, "ca", &["-t", "ed25519"]);
        certify(it, "ca", "host_ed25519", &[&["-h"], arguments].concat());
    })
}

#[test]
fn a_host_that_an_authority_vouches_for_is_known_as_with_ssh() {
    use End::{HostKey, In};
    let test = "a_host_that_an_authority_vouches_for_is_known_as_with_ssh";
    let Some(sshd) = certified(test, &["-n", "127.0.0.1,alias"]) else { return };
    let mut table = Table { sshd: &sshd, cases: Vec::new() };
    let (authority, host) = (table.public("ca"), table.public("host_ed25519"));
    let other = table.public("user_ed25519");
    table.known("an authority", &format!("@cert-authority NAME {authority}\n"), In);
    table.known("an authority of a pattern", &format!("@cert-authority *,!x {authority}\n"), In);
    table.known("another authority", &format!("@cert-authority NAME {other}\n"), HostKey);
    table.known("another authority, and the key", &format!("@cert-authority * {other}\nNAME {host}\n"), In);
    table.known("another name's authority", &format!("@cert-authority *.lan {authority}\n"), HostKey);
    table.known(
        "an authority over a changed key",
        &format!("NAME {other}\n@cert-authority * {authority}\n"),
        In,
    );
    table.known(
        "a revoked authority",
        &format!("@cert-authority * {authority}\n@revoked * {authority}\n"),
        HostKey,
    );
    table.known(
        "a revoked key of it",
        &format!("@cert-authority * {authority}\n@revoked * {host}\n"),
        HostKey,
    );
    let lines = [
        ("by its alias", "HostKeyAlias alias\n", In),
        ("by an alias that it is not for", "HostKeyAlias nobody\n", HostKey),
        ("without certificates", "HostKeyAlgorithms ssh-ed25519\n", HostKey),
    ];
    for (name, lines, end) in lines {
        table.known(name, &format!("@cert-authority * {authority}\n"), end);
        table.cases.last_mut().unwrap().lines += lines;
    }
    let revoked = sshd.write("revoked", &format!("{authority}\n"));
    table.known(
        "an authority in the list of revoked keys",
        &format!("@cert-authority * {authority}\n"),
        HostKey,
    );
    table.cases.last_mut().unwrap().lines += &format!("RevokedHostKeys {}\n", revoked.display());
    table.compare();
}

#[test]
fn a_host_whose_certificate_has_expired_is_not_known_and_that_is_told() {
    let test = "a_host_whose_certificate_has_expired_is_not_known_and_that_is_told";
    let Some(sshd) = certified(test, &["-n", "127.0.0.1", "-V", "20200101:20200102"]) else { return };
    let mut table = Table { sshd: &sshd, cases: Vec::new() };
    let authority = table.public("ca");
    table.known("an expired certificate", &format!("@cert-authority * {authority}\n"), End::HostKey);
    table.compare();
    let mut desk = Desk::at(stranger(&sshd));
    fs::write(own(&desk.home, "known_hosts"), format!("@cert-authority * {authority}\n")).unwrap();
    let said = desk.tool("ssh_run", json!({"target": sshd.target(), "command": "true", "isolated": true}));
    said.refuses("host-key", &["its certificate is not valid: it expired", "days ago"]);
}

#[test]
fn a_program_on_the_way_ends_with_its_connection_and_only_a_person_hears_it() {
    let Some(sshd) = Sshd::start("a_program_on_the_way_ends_with_its_connection") else { return };
    let home = stranger(&sshd);
    fs::write(own(&home, "known_hosts"), sshd.known_line("far")).unwrap();
    let pid = home.path().join("pid");
    let env = home.path().join("env");
    // It complains, tells what it was given, and leaves a child behind.
    let script = format!(
        "echo a canary of the way >&2\nenv > {}\nsleep 1000 >/dev/null 2>&1 &\necho $! > {}\n\
         exec python3 -ES {} $1 $2\n",
        env.display(),
        pid.display(),
        sshd.write("way.py", WAY).display()
    );
    let script = sshd.write("way", &script);
    let config = format!(
        "Host far\nHostName 127.0.0.1\nHostKeyAlias far\nPort {}\nUser {}\nProxyCommand bash {} %h %p\n",
        sshd.port(),
        sshd.user(),
        script.display()
    );
    fs::write(own(&home, "config"), config).unwrap();
    let mut tty = home.tty(&["up", "far", "-d"]);
    let code = tty.wait_exit().code();
    let text = tty.rest();
    assert_eq!(code, Some(0), "{text}");
    let left: u32 = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    let lives = || fs::read_to_string(format!("/proc/{left}/stat")).is_ok_and(|it| !it.contains(") Z "));
    assert!(lives());
    let given = fs::read_to_string(&env).unwrap();
    let names = ["HOME", "PATH", "LANG", "SHELL", "USER", "LOGNAME", "PWD", "OLDPWD", "SHLVL", "_"];
    for line in given.lines() {
        assert!(line.split_once('=').is_some_and(|(name, _)| names.contains(&name)), "{line}");
    }
    // With the daemon its connections end, and what was their way.
    assert_eq!(home.run_as_person(&["stop"]).0, Some(0));
    wait::until("what the program started is gone", || (!lives()).then_some(()));

    // What it complains of is no agent's to read, and a person's where it failed.
    fs::write(
        own(&home, "config"),
        "Host far\nHostName 127.0.0.1\nProxyCommand sh -c 'echo a canary >&2; exit 3'\n",
    )
    .unwrap();
    let (code, text) = home.run_as_person(&["up", "far", "-d"]);
    assert!(
        code == Some(69) && text.contains("far: a canary") && text.contains("ended with 3"),
        "{code:?} {text}"
    );
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": "far"}));
    said.refuses("connection-failure", &["the ProxyCommand ended with 3"]);
    assert!(!said.text.contains("canary"), "{said:?}");
}

#[test]
fn variables_and_the_command_of_a_session_are_asked_for_as_ssh_does() {
    let lines = "AcceptEnv WORD_* SET_*\n";
    let Some(sshd) = Sshd::start_with("variables_and_the_command_of_a_session", lines) else { return };
    let home = Home::new();
    cotty_testkit::sshd::admit(&home, &[&sshd]);
    let config = format!(
        "Host far\nHostName 127.0.0.1\nPort {0}\nUser {1}\nSendEnv WORD_* UNKNOWN\nSetEnv SET_A=\"one two\" SET_B=2 NOT_TAKEN=3\n\
         RequestTTY no\nPermitLocalCommand yes\nLocalCommand touch {2}\nKnownHostsCommand /usr/bin/touch {2}\n\
         Host shell\nHostName 127.0.0.1\nPort {0}\nUser {1}\nRemoteCommand exec bash -l\nRequestTTY yes\n",
        sshd.port(),
        sshd.user(),
        home.path().join("canary").display()
    );
    fs::write(own(&home, "config"), config).unwrap();
    home.write_config("pass_env = [\"WORD_ONE\"]\n");
    let mut desk = Desk::at(home);
    let mut command = desk.home.cotty(&["mcp"]);
    desk.agent = cotty_testkit::mcp::Mcp::start({
        command.env("WORD_ONE", "sent").env("WORD_TWO", "not in pass_env");
        command
    });
    desk.agent.initialize();
    let print = "echo \"$WORD_ONE|$WORD_TWO|$SET_A|$SET_B|$NOT_TAKEN\"";
    let said = desk.tool("ssh_connect", json!({"target": "far"}));
    for words in
        ["LocalCommand (it is not run)", "KnownHostsCommand (it is not run)", "RequestTTY no", "UNKNOWN"]
    {
        assert!(said.text.contains(words), "{words}: {said:?}");
    }
    assert_eq!(desk.run("far", print).output(), "sent||one two|2|");
    let said = desk.tool("ssh_run", json!({"target": "far", "command": print, "isolated": true}));
    assert!(said.text.contains("sent||one two|2|"), "{said:?}");
    assert!(!desk.home.path().join("canary").exists());
    // ssh itself, with the same file.
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(own(&desk.home, "config")).args([
        "-o",
        "BatchMode=yes",
        "-o",
        "KnownHostsCommand=none",
    ]);
    ssh.args(["-o", "PermitLocalCommand=no", "-i"]).arg(sshd.file("user_ed25519"));
    ssh.arg("-o").arg(format!("UserKnownHostsFile={}", own(&desk.home, "known_hosts").display()));
    let output =
        ssh.args(["far", print]).env("WORD_ONE", "sent").env_remove("SSH_AUTH_SOCK").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "sent||one two|2|\n", "{output:?}");
    let said = desk.tool("ssh_connect", json!({"target": "shell"}));
    assert!(said.text.contains("RemoteCommand"), "{said:?}");
    let said = desk.run("shell", "echo $0; (exit 5)");
    assert_eq!((said.exit(), said.output().as_str()), (Some(5), "bash"), "{said:?}");
}

#[test]
fn a_key_taken_unasked_is_written_once_and_one_that_is_kept_nowhere_gets_no_stored_secret() {
    let Some(sshd) = Sshd::start("a_key_taken_unasked_is_written_once") else { return };
    let home = stranger(&sshd);
    fs::write(own(&home, "config"), "StrictHostKeyChecking accept-new\nIdentityAgent none\nHost 127.0.0.1\n")
        .unwrap();
    let mut desk = Desk::at(home);
    let run = json!({"target": sshd.target(), "command": "true", "isolated": true});
    assert_eq!(desk.tool("ssh_run", run.clone()).exit(), Some(0));
    let line = sshd.known_line(&format!("[127.0.0.1]:{}", sshd.port()));
    assert_eq!(fs::read_to_string(own(&desk.home, "known_hosts")).unwrap(), line);
    // Kept nowhere: the key of the account logs in, and a password that is configured is not sent.
    let secret = sshd.write("secret", "a password\n");
    desk.home.write_config(&format!(
        "[devices.far]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\n[devices.far.auth]\npassword_file = \"{}\"\n",
        sshd.port(),
        sshd.user(),
        secret.display()
    ));
    fs::write(
        own(&desk.home, "config"),
        "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nHost 127.0.0.1\n",
    )
    .unwrap();
    assert_eq!(desk.home.run_as_person(&["restart"]).0, Some(0));
    assert_eq!(desk.tool("ssh_run", run).exit(), Some(0));
    let said = desk.tool("ssh_run", json!({"target": "far", "command": "true", "isolated": true}));
    assert!(said.is_error, "{said:?}");
    let log = wait::until("the server has told of both", || {
        fs::read_to_string(sshd.file("sshd.log"))
            .ok()
            .filter(|it| it.matches("Connection closed").count() > 0)
    });
    assert!(!log.contains("Failed password"), "{log}");
}

#[test]
fn a_known_hosts_file_of_a_hundred_thousand_lines_is_read_in_a_moment() {
    let Some(sshd) = Sshd::start("a_known_hosts_file_of_a_hundred_thousand_lines") else { return };
    let home = stranger(&sshd);
    let key = sshd.known_line("NAME");
    let mut lines: String = (0..100_000).map(|it| key.replace("NAME", &format!("h{it}.example"))).collect();
    lines += &sshd.known_line(&format!("[127.0.0.1]:{}", sshd.port()));
    fs::write(own(&home, "known_hosts"), lines).unwrap();
    let mut desk = Desk::at(home);
    let start = Instant::now();
    let said = desk.tool("ssh_run", json!({"target": sshd.target(), "command": "exit 3", "isolated": true}));
    assert_eq!(said.exit(), Some(3), "{said:?}");
    // A debug build on a loaded machine; read line by line it takes less than a second.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
