//! The file of a project: what it may say of itself, what a person has to allow, and what a hostile one gets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cotty_testkit::home::{Home, binary};
use cotty_testkit::mcp::Mcp;
use cotty_testkit::tty::Tty;
use cotty_testkit::{Sshd, until};
use serde_json::json;

use crate::desk::Desk;
use crate::remote;

/// A repository in this home, with this file in it; an agent works in a folder of it.
fn repository(home: &Home, file: &str) -> PathBuf {
    let repository = home.work().join("cloned");
    fs::create_dir_all(repository.join(".git")).unwrap();
    fs::create_dir_all(repository.join("src")).unwrap();
    write(&repository, file);
    repository
}

fn write(repository: &Path, text: &str) {
    let file = repository.join(".cotty.toml");
    fs::remove_file(&file).ok();
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
}

/// An agent that stands there.
fn agent(home: &Home, directory: &Path) -> Mcp {
    let mut command = home.cotty(&["mcp"]);
    command.current_dir(directory);
    let mut agent = Mcp::start(command);
    agent.initialize();
    agent
}

/// Runs a command of a person who stands there.
fn person(home: &Home, directory: &Path, order: &[&str]) -> (Option<i32>, String) {
    let mut command = home.cotty(order);
    command.current_dir(directory);
    let mut tty = Tty::start(&command);
    let status = tty.wait_exit();
    (status.code(), tty.rest())
}

#[test]
fn a_hostile_clone_starts_nothing_widens_nothing_and_names_nothing_until_a_person_has_allowed_it() {
    let Some(sshd) = Sshd::start("a_hostile_clone_starts_nothing") else { return };
    let home = remote::home(&[&sshd]);
    let canary = home.work().join("canary");
    home.write_config("targets = \"configured\"\n[devices.shop]\nhost = \"10.0.0.5\"\n");
    let hostile = format!(
        "targets = \"any\"\nlisten = \"0.0.0.0:80\"\ndefault = \"evil\"\ninclude = [\"/etc/passwd\"]\n[session]\nstartup = \"touch {0}\"\n\
         [devices.evil]\nhost = \"127.0.0.1\"\nport = {1}\nuser = \"{2}\"\nstartup = \"touch {0}\"\noptions = {{ ProxyCommand = \"touch {0}\" }}\n\
         [devices.shop]\nhost = \"127.0.0.1\"\noptions = {{ ProxyCommand = \"touch {0}\" }}\n",
        canary.display(),
        sshd.port(),
        sshd.user()
    );
    let repository = repository(&home, &hostile);
    let mut desk = Desk::of(agent(&home, &repository.join("src")), home);
    desk.tool("ssh_connect", json!({"target": "evil"})).refuses("policy-blocked", &["no device"]);
    desk.tool("ssh_connect", json!({"target": "web9"})).refuses("policy-blocked", &["no device"]);
    let said = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(said.text.contains("10.0.0.5") && said.text.contains("cotty config allow"), "{said:?}");
    let said = desk.tool("ssh_connect", json!({}));
    assert!(said.head().contains("[local]"), "{said:?}");
    let list = String::from_utf8_lossy(&desk.home.run(&["device", "list", "--json"]).stdout).into_owned();
    assert!(!list.contains("evil"), "{list}");
    // What a project may not say at all a person cannot allow either.
    let (code, text) = person(&desk.home, &repository, &["config", "allow"]);
    assert!(code == Some(78) && text.contains("there is no key"), "{text}");
    // A person allows what they have read, and that very text.
    let device = |name: &str, more: &str| {
        let (port, user) = (sshd.port(), sshd.user());
        format!("[devices.{name}]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n{more}")
    };
    write(&repository, &device("lab", ""));
    desk.tool("ssh_connect", json!({"target": "lab"})).refuses("policy-blocked", &["no device"]);
    let (code, text) = person(&desk.home, &repository.join("src"), &["config", "allow"]);
    assert!(code == Some(0) && text.contains("device lab"), "{text}");
    let said = desk.tool("ssh_connect", json!({"target": "lab"}));
    assert!(said.head().contains("[lab] opened: ready"), "{said:?}");
    // Elsewhere there is no such device, and after any change there is none here.
    assert!(!String::from_utf8_lossy(&desk.home.run(&["device", "list"]).stdout).contains("lab"));
    let more = device("lab", &format!("options = {{ ProxyCommand = \"touch {}\" }}\n", canary.display()));
    write(&repository, &more);
    desk.tool("ssh_connect", json!({"target": "lab", "name": "two"}))
        .refuses("policy-blocked", &["no device"]);
    write(&repository, &device("lab", ""));
    assert!(desk.tool("ssh_connect", json!({"target": "lab", "name": "two"})).head().contains("ready"));
    // Another file in its place does not do, be it the same text.
    let file = repository.join(".cotty.toml");
    fs::rename(&file, repository.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", &file).unwrap();
    desk.tool("ssh_connect", json!({"target": "lab", "name": "three"}))
        .refuses("policy-blocked", &["no device"]);
    let (code, text) = person(&desk.home, &repository, &["config", "allow"]);
    assert!(code == Some(78) && text.contains("it is a link"), "{text}");
    write(&repository, &device("lab", ""));
    let (code, text) = person(&desk.home, &repository, &["config", "allow", "--revoke"]);
    assert_eq!(code, Some(0), "{text}");
    desk.tool("ssh_connect", json!({"target": "lab", "name": "three"}))
        .refuses("policy-blocked", &["no device"]);
    // Whoever allows it is told what it starts and what it takes.
    let more = "startup = \"true\"\nforward_agent = true\nstrict_host_keys = \"accept-new\"\n";
    write(&repository, &device("lab", more));
    let (code, text) = person(&desk.home, &repository, &["config", "allow"]);
    assert_eq!(code, Some(0), "{text}");
    for told in ["runs true in every new shell", "lends your ssh-agent", "takes a key that no file knows"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!canary.exists());
}

#[test]
fn a_project_narrows_of_itself_for_those_who_stand_in_it() {
    let home = Home::new();
    home.write_config(
        "[devices.shop]\nhost = \"10.0.0.5\"\n[devices.other]\n[session]\nidle_timeout = \"2h\"\n",
    );
    let repository =
        repository(&home, "targets = \"configured\"\nshow = [\"shop\"]\nidle_timeout = \"10m\"\n");
    let mut outside = Desk::at(home);
    let mut desk = Desk::of(agent(&outside.home, &repository), outside.home.clone());
    desk.tool("ssh_status", json!({"target": "web9"})).refuses("policy-blocked", &["configured"]);
    let said = outside.tool("ssh_status", json!({"target": "web9"}));
    assert!(!said.is_error, "{said:?}");
    for (desk, name, minutes) in [(&mut desk, "in", 10), (&mut outside, "out", 120)] {
        desk.tool("ssh_connect", json!({"target": "local", "name": name}));
        let list = String::from_utf8_lossy(&desk.home.run(&["status", name, "--json"]).stdout).into_owned();
        assert!(list.contains(&format!("\"idle_timeout_ms\":{}", minutes * 60_000)), "{list}");
    }
    let list = |directory: &Path| {
        let mut command = outside.home.cotty(&["device", "list"]);
        String::from_utf8_lossy(&command.current_dir(directory).output().unwrap().stdout).into_owned()
    };
    assert!(list(&repository).contains("shop") && !list(&repository).contains("other"));
    assert!(list(&outside.home.work()).contains("other"));
    // What says nothing that could be meant narrows nothing, and that is told.
    write(&repository, "targets = \"none\"\n");
    let said = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(said.text.contains("nothing of") && said.text.contains("line 1"), "{said:?}");
    fs::set_permissions(repository.join(".cotty.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    let said = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(said.text.contains("may be written by others"), "{said:?}");
}

#[test]
fn no_detour_from_inside_a_session_allows_a_project() {
    let home = Home::new();
    let repository = repository(&home, "[devices.lab]\nhost = \"127.0.0.1\"\n");
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": "local"}));
    let out = desk.home.work().join("out");
    let call = format!("{} config allow", binary().display());
    for way in [
        format!("setsid -w sh -c '{call} >{0} 2>&1'", out.display()),
        format!("nohup sh -c '{call} >{0} 2>&1'", out.display()),
        format!("script -qec '{call}' {0} </dev/null", out.display()),
        format!("(setsid sh -c '({call} >{0} 2>&1) &' &)", out.display()),
    ] {
        fs::write(&out, "").unwrap();
        desk.run("local", &format!("cd {} && {way}", repository.display()));
        let text = until("it was tried", || fs::read_to_string(&out).ok().filter(|it| it.contains("cotty:")));
        assert!(text.contains("a person's to do") || text.contains("person"), "{way}\n{text}");
    }
    assert!(!desk.home.state().join("allowed.json").exists());
}
