//! Where secrets come from, in which order, and where none of them is ever found.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cotty_testkit::home::{Home, binary};
use cotty_testkit::not_run::{have, not_run};
use cotty_testkit::tty::Tty;
use cotty_testkit::{Account, Relay, Sshd, until};
use serde_json::json;

use crate::desk::Desk;
use crate::remote;
use crate::trust::own;

pub(crate) const SECRET: &str = "secret-canary-1234";

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An account with a password, and a home that knows the server at this port and has no key.
pub(crate) fn scene(story: &str, sshd: &Sshd, port: u16) -> Option<(Home, Account)> {
    let account = Account::new(story, sshd, "/bin/bash")?;
    account.set_password(SECRET);
    let home = remote::home(&[sshd]);
    let known = sshd.known_line(&format!("[127.0.0.1]:{port}"));
    fs::write(own(&home, "known_hosts"), known).unwrap();
    fs::remove_file(own(&home, "id_ed25519")).unwrap();
    Some((home, account))
}

/// A device with this in its login.
fn device(home: &Home, account: &Account, port: u16, auth: &str) {
    home.write_config(&format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{}\"\n[devices.shop.auth]\n{auth}\n",
        account.name()
    ));
}

/// A program of the home's own.
fn program(home: &Home, name: &str, script: &str) -> String {
    let path = home.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
}

/// Runs `cotty` with `args` at a person's terminal, its standard input the output of `printf`.
fn piped(home: &Home, text: &str, args: &str) -> (Option<i32>, String) {
    let mut command = home.program("sh");
    command.args(["-c", &format!("printf '%s\\n' '{text}' | {} {args}", binary().display())]);
    let mut tty = Tty::start(&command);
    let status = tty.wait_exit();
    (status.code(), tty.rest())
}

#[test]
fn a_command_tells_the_password_and_one_that_fails_leaves_the_question_to_a_person() {
    let story = "a_command_tells_the_password";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account)) = scene(story, &sshd, sshd.port()) else { return };
    let tells =
        program(&home, "tells", &format!("echo \"$1 $HOME $SSH_TTY$OTHER\" >>$HOME/asked; echo {SECRET}"));
    let fails = program(
        &home,
        "fails",
        "echo x >>$HOME/asked; echo nothing-of-this-is-told; echo nor-this >&2; exit 3",
    );
    device(&home, &account, sshd.port(), &format!("password_command = [\"{tells}\", \"shop item\"]"));
    let mut desk = Desk::at(home);
    // A look starts nothing.
    let said = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(said.text.contains("is asked when a login needs it"), "{said:?}");
    let asked = desk.home.path().join("account/asked");
    assert!(!asked.exists());
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    assert!(said.head().contains("ready"), "{said:?}");
    let home = desk.home.path().join("account").display().to_string();
    assert_eq!(fs::read_to_string(asked).unwrap(), format!("shop item {home} \n"));
    assert_eq!(desk.run("shop", "id -un").output(), account.name());

    let Some((home, account)) = scene(story, &sshd, sshd.port()) else { return };
    device(&home, &account, sshd.port(), &format!("password_command = [\"{fails}\"]"));
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    said.refuses("secret-needed", &["q1", "fails failed: exit status: 3"]);
    assert!(!said.text.contains("nothing-of-this") && !said.text.contains("nor-this"), "{said:?}");
    // The same call again brings nothing that was not tried, and is no login.
    for _ in 0..3 {
        let run = json!({"target": "shop", "command": "true", "wait_s": 1});
        desk.tool("ssh_run", run).refuses("secret-needed", &["q1"]);
    }
    assert_eq!(fs::read_to_string(desk.home.path().join("account/asked")).unwrap(), "x\n");
}

#[test]
fn a_keyring_is_asked_for_this_account_and_key_and_one_that_does_not_answer_is_told() {
    let story = "a_keyring_is_asked_for_this_account";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account)) = scene(story, &sshd, sshd.port()) else { return };
    let tool = program(&home, "tool", &format!("echo \"$@\" >$HOME/asked; printf {SECRET}"));
    device(&home, &account, sshd.port(), &format!("password_keyring = \"{tool}\""));
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    assert!(said.head().contains("ready"), "{said:?}");
    let asked = fs::read_to_string(desk.home.path().join("account/asked")).unwrap();
    let words =
        format!("lookup service cotty account {}@127.0.0.1:{} key SHA256:", account.name(), sshd.port());
    assert!(asked.starts_with(&words) && asked.ends_with(" purpose password\n"), "{asked}");

    let Some((home, account)) = scene(story, &sshd, sshd.port()) else { return };
    let locked = program(&home, "locked", "exit 1");
    let hangs = program(&home, "hangs", "sleep 1000");
    let no_bus = program(&home, "no-bus", "echo 'secret-tool: no bus' >&2; exit 1");
    for (tool, why) in [
        (&locked, "has no such secret, or is locked"),
        (&no_bus, "there is no keyring that answers: secret-tool: no bus"),
        (&hangs, "did not answer within 5 s: it may be locked"),
    ] {
        device(&home, &account, sshd.port(), &format!("password_keyring = \"{tool}\""));
        drop(home.run_as_person(&["stop"]));
        let output = home.run(&["up", "shop"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(why) && text.contains("cotty answer"), "{text}");
    }
}

#[test]
fn the_keyring_of_a_desktop_gives_what_secret_tool_put_there() {
    let story = "the_keyring_of_a_desktop_gives";
    for tool in ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"] {
        if !have(tool, story) {
            return;
        }
    }
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account)) = scene(story, &sshd, sshd.port()) else { return };
    device(&home, &account, sshd.port(), "password_keyring = true");
    let public = sshd.file("host_ed25519.pub");
    let script = format!(
        "printf unlock | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n\
         key=$(ssh-keygen -lf {} | cut -d' ' -f2)\n\
         printf {SECRET} | secret-tool store --label=shop service cotty account {}@127.0.0.1:{} key $key purpose password || exit 9\n\
         {} up shop",
        public.display(),
        account.name(),
        sshd.port(),
        binary().display()
    );
    let output = home.program("dbus-run-session").args(["--", "sh", "-c", &script]).output().unwrap();
    if output.status.code() == Some(9) {
        not_run(story, "the keyring of this desktop takes no secret");
        return;
    }
    assert!(stdout(&output).contains("Session shop is open on shop"), "{output:?}");
}

#[test]
fn a_secret_that_a_person_gave_before_is_used_for_this_host_until_it_is_forgotten() {
    let story = "a_secret_that_a_person_gave_before";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account)) = scene(story, &sshd, sshd.port()) else { return };
    let target = format!("{}@127.0.0.1:{}", account.name(), sshd.port());
    let mut desk = Desk::at(home);
    let (code, text) = piped(&desk.home, SECRET, &format!("secret set {target}"));
    assert!(code == Some(0) && text.contains("kept in memory") && text.contains("SHA256:"), "{text}");
    let (code, text) = piped(&desk.home, SECRET, &format!("secret set {target} --for sudo"));
    assert_eq!(code, Some(0), "{text}");
    // None is shown, to nobody; and none is kept for a host that nobody knows.
    let (_, text) = desk.home.run_as_person(&["secret", "list", "--json"]);
    assert!(text.contains("\"purpose\":\"sudo\"") && !text.contains(SECRET), "{text}");
    let (code, text) = piped(&desk.home, SECRET, "secret set me@127.0.0.2");
    assert!(code == Some(65) && text.contains("cotty trust me@127.0.0.2"), "{text}");
    for order in [&["secret", "list"][..], &["secret", "set", &target], &["secret", "forget"]] {
        assert_eq!(desk.home.run(order).status.code(), Some(77), "{order:?}");
    }
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.head().contains("ready"), "{said:?}");
    desk.tool("ssh_close", json!({"id": "127.0.0.1"}));
    let (_, text) = desk.home.run_as_person(&["secret", "forget"]);
    assert!(text.contains("2 forgotten"), "{text}");
    // One that is wrong is sent once, and forgotten: a person is asked. A daemon anew has no connection left that needs no
    // login.
    drop(desk.home.run_as_person(&["stop"]));
    let (code, text) = piped(&desk.home, "wrong", &format!("secret set {target}"));
    assert_eq!(code, Some(0), "{text}");
    desk.tool("ssh_connect", json!({"target": target}))
        .refuses("secret-needed", &["q1 asks for the password of"]);
    let (_, text) = desk.home.run_as_person(&["secret", "list"]);
    assert!(text.contains("No secret is kept"), "{text}");
    let run = json!({"target": target, "command": "true", "wait_s": 1});
    desk.tool("ssh_run", run).refuses("secret-needed", &["q1 asks for the password of"]);
    let wrong = format!("Failed password for {} from", account.name());
    let sent = || fs::read_to_string(sshd.file("sshd.log")).unwrap().matches(&wrong).count();
    until("the server tells of it", || (sent() > 0).then_some(()));
    assert_eq!(sent(), 1);
}

#[test]
fn what_a_person_answered_is_there_for_a_reconnect_unless_the_device_says_never() {
    let story = "what_a_person_answered_is_there_for_a_reconnect";
    let Some(sshd) = Sshd::start(story) else { return };
    for keep in ["session", "never"] {
        let relay = Relay::to(sshd.port());
        let Some((home, account)) = scene(story, &sshd, relay.port()) else { return };
        device(&home, &account, relay.port(), &format!("keep_for_reconnect = \"{keep}\""));
        let mut desk = Desk::at(home);
        desk.tool("ssh_connect", json!({"target": "shop"})).refuses("secret-needed", &["q1"]);
        let (code, text) = piped(&desk.home, SECRET, "answer q1");
        assert_eq!(code, Some(0), "{text}");
        let said = desk.tool("ssh_connect", json!({"target": "shop"}));
        assert!(said.head().contains("ready"), "{said:?}");
        relay.reset();
        until("the session is lost", || {
            let said = desk.tool("ssh_status", json!({"session": "shop"}));
            said.text.contains("] lost").then_some(())
        });
        let said = desk.tool("ssh_connect", json!({"target": "shop", "name": "shop"}));
        if keep == "never" {
            said.refuses("secret-needed", &["q2"]);
            continue;
        }
        assert!(said.head().contains("opened: ready"), "{said:?}");
        // What is lost keeps it for a while; closed then, it is forgotten too.
        let (_, text) = desk.home.run_as_person(&["secret", "list"]);
        assert!(text.contains("password"), "{text}");
        relay.reset();
        until("the session is lost again", || {
            let said = desk.tool("ssh_status", json!({"session": "shop"}));
            said.text.contains("] lost").then_some(())
        });
        // What is closed by somebody's wish is over: it is forgotten.
        desk.tool("ssh_close", json!({"id": "shop"}));
        let (_, text) = desk.home.run_as_person(&["secret", "list"]);
        assert!(text.contains("No secret is kept"), "{text}");
    }
}

#[test]
fn no_detour_from_inside_a_session_lists_gives_or_forgets_a_secret() {
    let mut desk = Desk::new();
    desk.tool("ssh_connect", json!({"target": "local"}));
    let out = desk.home.work().join("out");
    for order in ["secret list", "secret set web1", "secret forget"] {
        let call = format!("{} {order}", binary().display());
        for way in [
            format!("setsid -w sh -c 'echo x | {call} >out 2>&1'"),
            format!("nohup sh -c 'echo x | {call} >out 2>&1'"),
            format!("script -qec '{call}' out </dev/null"),
            format!("(setsid sh -c '(echo x | {call} >out 2>&1) &' &)"),
        ] {
            fs::write(&out, "").unwrap();
            desk.run("local", &format!("cd {} && {way}", desk.home.work().display()));
            let text =
                until("it was tried", || fs::read_to_string(&out).ok().filter(|it| it.contains("cotty:")));
            assert!(text.contains("a person's to do"), "{way}\n{text}");
        }
    }
}
