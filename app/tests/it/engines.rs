//! Which engine connects where nobody says: our own, but for what only the user's ssh can do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cotty_testkit::not_run::have;
use cotty_testkit::{Home, Sshd, until};
use serde_json::json;

use crate::desk::{Desk, Said};
use crate::remote;
use crate::trust::own;
use crate::users_ssh::masters;

/// A desk whose account has these lines for the host `web1`.
fn desk(sshd: &Sshd, lines: &str) -> Desk {
    let home = remote::home(&[sshd]);
    let known = own(&home, "known_hosts");
    let config = format!(
        "Host web1\nHostName 127.0.0.1\nPort {}\nUser {}\nUserKnownHostsFile {}\nIdentityFile {}\n{lines}\n",
        sshd.port(),
        sshd.user(),
        known.display(),
        own(&home, "id_ed25519").display()
    );
    fs::write(own(&home, "config"), config).unwrap();
    let mut desk = Desk::at(home);
    desk.target = "web1".to_owned();
    desk
}

fn connect(desk: &mut Desk) -> Said {
    let target = desk.target.clone();
    desk.tool("ssh_connect", json!({"target": target}))
}

#[track_caller]
fn is_by(desk: &mut Desk, engine: &str) {
    let target = desk.target.clone();
    let said = desk.tool("ssh_status", json!({"target": target}));
    assert!(said.text.contains(&format!("engine: {engine}")), "{said:?}");
}

#[test]
fn what_is_merely_allowed_needs_no_other_engine_and_what_is_needed_does() {
    let story = "what_is_merely_allowed_needs_no_other_engine_and_what_is_needed_does";
    let Some(sshd) = Sshd::start(story) else { return };
    // Debian's own lines for every host.
    let stock = "Host *\nSendEnv LANG LC_*\nHashKnownHosts yes\nGSSAPIAuthentication yes\n";
    let mut stays = desk(&sshd, stock);
    let said = connect(&mut stays);
    assert!(said.head().contains("ready") && !said.text.contains("engine openssh"), "{said:?}");
    is_by(&mut stays, "native: nothing here needs the user's ssh");
    assert!(masters(&stays.home).is_empty());

    let way = sshd.write("way", "#!/bin/sh\nexec python3 -c 'import socket,sys,array\ns=socket.create_connection((\"127.0.0.1\",int(sys.argv[1])))\nc=socket.socket(fileno=1)\nc.sendmsg([b\"\\0\"],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array(\"i\",[s.fileno()]))])' \"$1\"\n");
    fs::set_permissions(&way, fs::Permissions::from_mode(0o700)).unwrap();
    let lines = format!("ProxyUseFdpass yes\nProxyCommand {} %p\n", way.display());
    let mut passed = desk(&sshd, &lines);
    let said = connect(&mut passed);
    assert!(said.head().contains("ready"), "{said:?}");
    assert!(
        said.text.contains("engine openssh: ssh's configuration sets ProxyUseFdpass for web1"),
        "{said:?}"
    );
    passed.is_exact("web1");
    is_by(&mut passed, "openssh: ssh's configuration sets ProxyUseFdpass");

    // A person's word goes before what is needed, and that is said.
    let mut said_so = desk(&sshd, "PKCS11Provider /nowhere.so\n");
    said_so.home.write_config("[ssh]\nengine = \"native\"\n");
    assert!(connect(&mut said_so).head().contains("ready"));
    is_by(&mut said_so, "native: the config says so, though ssh's configuration sets PKCS11Provider");
    let (code, text) = said_so.home.run_as_person(&["config", "check"]);
    assert_eq!(code, Some(0), "{text}");
    said_so.home.write_config("[ssh]\nengine = \"both\"\n");
    let (code, text) = said_so.home.run_as_person(&["config", "check"]);
    assert!(code == Some(78) && text.contains("auto, native or openssh"), "{text}");
}

/// A master of the user's own, which ends with this value.
struct Master(Child);

impl Master {
    fn start(home: &Home, socket: &Path) -> Self {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(own(home, "config")).args(["-o", "BatchMode=yes", "-M", "-N", "-S"]).arg(socket);
        let child = ssh.args(["--", "web1"]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("the user's master listens", || socket.exists().then_some(()));
        Self(child)
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The folder of a master's socket, with this mode.
fn folder(sshd: &Sshd, name: &str, mode: u32) -> PathBuf {
    let folder = sshd.file(name);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    folder
}

#[test]
fn a_living_master_of_the_users_is_joined_and_goes_on_without_us() {
    let story = "a_living_master_of_the_users_is_joined_and_goes_on_without_us";
    let Some(sshd) = Sshd::start(story) else { return };
    let socket = folder(&sshd, "own", 0o700).join("m");
    let mut desk = desk(&sshd, &format!("ControlPath {}\n", socket.display()));
    let mut master = Master::start(&desk.home, &socket);
    // The user's own session is there before ours and after it.
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(own(&desk.home, "config")).args(["-tt", "web1", "--", "sleep 1000"]);
    let mut theirs = ssh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    desk.open("web1", "bash");
    is_by(&mut desk, "openssh: a master of yours lives at");
    assert!(masters(&desk.home).is_empty(), "no connection of our own");
    desk.is_exact("web1");
    // What runs is told from the user's own by what it says of itself.
    let said = desk.run("web1", "read -s -p 'secret? ' x; echo \"got-$x\"");
    assert!(said.state().contains("needs input") && said.text.contains("secret"), "{said:?}");
    desk.press("web1", "ctrl+c");
    desk.is_exact("web1");
    let said = desk.tool(
        "ssh_run",
        json!({"target": "web1", "command": "echo a; echo b >&2; exit 4", "isolated": true}),
    );
    assert_eq!((said.exit(), said.output().as_str()), (Some(4), "a"), "{said:?}");
    // It ends when its person ends it.
    drop(desk.tool("ssh_close", json!({"id": "web1"})));
    assert!(master.0.try_wait().unwrap().is_none());
    desk.open("web2", "bash");
    master.0.kill().unwrap();
    let said = desk.run("web2", "true");
    assert!(said.text.contains("lost") || said.is_error, "{said:?}");
    until("it is lost", || {
        let said = desk.tool("ssh_list", json!({}));
        (!said.text.contains("web2 ready")).then_some(())
    });
    drop(theirs.kill());
    drop(theirs.wait());
}

#[test]
fn a_master_where_others_may_write_is_not_joined_and_that_is_said() {
    let story = "a_master_where_others_may_write_is_not_joined_and_that_is_said";
    let Some(sshd) = Sshd::start(story) else { return };
    let socket = folder(&sshd, "open", 0o777).join("m");
    let mut desk = desk(&sshd, &format!("ControlPath {}\n", socket.display()));
    let _master = Master::start(&desk.home, &socket);
    let said = connect(&mut desk);
    assert!(said.head().contains("ready"), "{said:?}");
    let note = "the master of ControlPath is not joined";
    assert!(said.text.contains(note) && said.text.contains("may be written by others"), "{said:?}");
    is_by(&mut desk, "native");
    desk.is_exact("web1");
}

/// Runs a program, which has to succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// Where Debian puts the library of a token in software.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

#[test]
fn a_key_in_a_token_logs_in_by_the_users_ssh_and_its_pin_is_a_card() {
    let story = "a_key_in_a_token_logs_in_by_the_users_ssh_and_its_pin_is_a_card";
    const PIN: &str = "4711081500";
    if !have("softhsm2-util", story) {
        return;
    }
    let Some(sshd) = Sshd::start(story) else { return };
    fs::create_dir(sshd.file("tokens")).unwrap();
    let conf = format!("directories.tokendir = {}\nlog.level = ERROR\n", sshd.file("tokens").display());
    let conf = sshd.write("softhsm2.conf", &conf);
    let key = sshd.key("token", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]);
    let token = |arguments: &[&str]| {
        let mut command = Command::new("softhsm2-util");
        run(command.env("SOFTHSM2_CONF", &conf).args(arguments));
    };
    token(&["--init-token", "--free", "--label", "shop", "--pin", PIN, "--so-pin", "00000000"]);
    let path = key.display().to_string();
    token(&["--import", &path, "--token", "shop", "--label", "login", "--id", "01", "--pin", PIN]);
    sshd.authorize("token");
    fs::remove_file(&key).unwrap();
    let mut desk = desk(&sshd, &format!("PKCS11Provider {SOFTHSM}\n"));
    fs::remove_file(own(&desk.home, "id_ed25519")).unwrap();
    desk.home.write_config("pass_env = [\"SOFTHSM2_CONF\"]\n");
    let mut client = desk.home.cotty(&["mcp"]);
    client.env("SOFTHSM2_CONF", &conf);
    let mut agent = cotty_testkit::mcp::Mcp::start(client);
    agent.initialize();
    desk.agent = agent;
    let said = connect(&mut desk);
    said.refuses("secret-needed", &["q1 asks"]);
    let mut tty = desk.home.tty(&["answer", "q1"]);
    let text = tty.wait_text("PIN for 'shop'");
    assert!(!tty.is_cooked(), "{text}");
    tty.line(PIN);
    assert_eq!(tty.wait_exit().code(), Some(0), "{}", tty.rest());
    let said = connect(&mut desk);
    assert!(said.head().contains("ready"), "{said:?}");
    is_by(&mut desk, "openssh: ssh's configuration sets PKCS11Provider for web1");
    desk.is_exact("web1");
    let kept = crate::fork::holds(&desk.home.state(), PIN);
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn the_ssh_that_the_config_names_is_the_one_that_is_asked_and_that_connects() {
    let story = "the_ssh_that_the_config_names_is_the_one";
    let Some(sshd) = Sshd::start(story) else { return };
    let mut named = desk(&sshd, "");
    let (own, asked) = (named.home.work().join("my ssh"), named.home.work().join("asked"));
    // Beside it there is none: the one of the system is not in the path.
    let empty = folder(&sshd, "empty", 0o700);
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|it| it.join("ssh"))
        .find(|it| it.is_file())
        .unwrap();
    let script = format!("#!/bin/sh\necho \"$1\" >>{}\nexec {} \"$@\"\n", asked.display(), real.display());
    fs::write(&own, script).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
    named.home.write_config(&format!(
        "[ssh]\nengine = \"openssh\"\npath = \"{}\"\n[programs]\nssh = \"{}\"\n",
        empty.display(),
        own.display()
    ));
    let said = connect(&mut named);
    assert!(said.head().contains("ready"), "{said:?}");
    let asked = fs::read_to_string(asked).unwrap();
    assert!(asked.lines().any(|it| it == "-G"), "{asked}");
    assert!(asked.lines().any(|it| it != "-G"), "it connects, too: {asked}");
    let (_, text) = named.home.run_as_person(&["config", "show"]);
    assert!(text.contains("[programs]") && text.contains("my ssh"), "{text}");
}
