//! The hosts that the config names: changed by a person while the daemon runs, and never by an agent.

use std::fs;

use cotty_testkit::home::{Home, binary};
use cotty_testkit::{Sshd, until};
use serde_json::json;

use crate::desk::Desk;
use crate::remote::{self, target};

#[test]
fn a_device_that_a_person_adds_is_there_at_once_and_the_rest_of_the_file_stays_as_it_is() {
    let Some(sshd) = Sshd::start("a_device_that_a_person_adds_is_there_at_once") else { return };
    let mine = "# mine\ntargets = \"configured\" # agents open these only\n";
    let home = remote::home(&[&sshd]);
    home.write_config(mine);
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": "shop"})).refuses("policy-blocked", &["it is no device there"]);
    let add = ["device", "add", "shop", &target(&sshd), "--label", "the shop"];
    assert_eq!(desk.home.run(&add).status.code(), Some(77));
    assert_eq!(fs::read_to_string(desk.home.config()).unwrap(), mine);
    let (code, text) = desk.home.run_as_person(&add);
    assert!(code == Some(0) && text.contains("cotty up shop"), "{text}");
    assert!(fs::read_to_string(desk.home.config()).unwrap().starts_with(mine));
    // The daemon that runs knows it, and what it said before it.
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    assert!(said.head().contains("[shop] opened: ready"), "{said:?}");
    let (_, text) = desk.home.run_as_person(&["device", "list"]);
    assert!(text.contains("the shop") && text.contains("127.0.0.1"), "{text}");
    let (code, text) = desk.home.run_as_person(&add);
    assert!(code == Some(65) && text.contains("shop exists already"), "{text}");
    let (code, text) = desk.home.run_as_person(&["device", "remove", "shop"]);
    assert_eq!(code, Some(0), "{text}");
    desk.tool("ssh_connect", json!({"target": "shop", "name": "again"})).refuses("policy-blocked", &["shop"]);
}

#[test]
fn a_config_that_vanishes_or_is_emptied_meanwhile_changes_nothing_and_a_wider_one_waits_for_a_start() {
    let Some(sshd) = Sshd::start("a_config_that_vanishes_or_is_emptied_meanwhile") else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    let device = format!("[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n");
    home.write_config(&format!("targets = \"configured\"\n{device}"));
    let mut desk = Desk::at(home);
    let file = desk.home.config();
    let run = json!({"target": "shop", "command": "exit 3", "isolated": true});
    let mut check = |change: &dyn Fn(), words: &str| {
        change();
        desk.tool("ssh_connect", json!({"target": "web9"})).refuses("policy-blocked", &["no device"]);
        let said = desk.tool("ssh_run", run.clone());
        assert_eq!(said.exit(), Some(3), "{said:?}");
        let said = desk.tool("ssh_status", json!({"target": "shop"}));
        assert!(said.text.contains(words), "{said:?}");
    };
    // The daemon starts with what is written.
    check(&|| {}, "127.0.0.1");
    check(&|| fs::write(&file, "").unwrap(), "config.toml is empty");
    check(&|| fs::remove_file(&file).unwrap(), "config.toml is gone");
    check(&|| fs::write(&file, &device).unwrap(), "from the next start of the daemon");
}

#[test]
fn a_config_that_is_broken_meanwhile_changes_nothing_and_is_told() {
    let Some(sshd) = Sshd::start("a_config_that_is_broken_meanwhile") else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    let right = format!("[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n");
    home.write_config(&right);
    let mut desk = Desk::at(home);
    assert!(desk.tool("ssh_connect", json!({"target": "shop"})).head().contains("ready"));
    desk.home.write_config(&format!("{right}colour = 3\n[devices.\"a b\"]\n"));
    let said = desk.tool("ssh_connect", json!({"target": "shop", "name": "two"}));
    assert!(said.head().contains("ready"), "{said:?}");
    assert!(
        said.text.contains("what it said before holds") && said.text.contains("config.toml:5"),
        "{said:?}"
    );
    let said = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(said.text.contains("what it said before holds"), "{said:?}");
    desk.home.write_config(&format!("{right}label = \"mended\"\n"));
    let said = desk.tool("ssh_connect", json!({"target": "shop", "name": "three"}));
    assert!(said.head().contains("ready") && !said.text.contains("holds"), "{said:?}");
}

#[test]
fn no_detour_from_inside_a_session_changes_the_devices_or_trusts_a_host() {
    let mut desk = Desk::at(Home::new());
    desk.tool("ssh_connect", json!({"target": "local"}));
    let out = desk.home.work().join("out");
    for order in
        ["device add web1 me@10.0.0.1", "device remove web1", "device default web1", "trust me@127.0.0.1"]
    {
        let call = format!("{} {order}", binary().display());
        for way in [
            format!("setsid -w sh -c '{call} >out 2>&1'"),
            format!("nohup sh -c '{call} >out 2>&1'"),
            format!("script -qec '{call}' out </dev/null"),
            format!("(setsid sh -c '({call} >out 2>&1) &' &)"),
        ] {
            fs::write(&out, "").unwrap();
            desk.run("local", &format!("cd {} && {way}", desk.home.work().display()));
            let text =
                until("it was tried", || fs::read_to_string(&out).ok().filter(|it| it.contains("cotty:")));
            assert!(text.contains("a person's to do"), "{way}\n{text}");
        }
    }
    assert!(!desk.home.config().exists());
}

#[test]
fn sessions_are_found_in_a_list_by_name_host_state_and_label() {
    let mut desk = Desk::at(Home::new());
    desk.tool("ssh_connect", json!({"target": "local", "name": "build", "label": "nightly"}));
    desk.tool("ssh_connect", json!({"target": "local", "name": "over"}));
    desk.tool("ssh_close", json!({"id": "over"}));
    for (filter, found, left) in
        [("closed", "over", "build"), ("ready", "build", "over"), ("nightly", "build", "over")]
    {
        let said = desk.tool("ssh_list", json!({"filter": filter}));
        assert!(said.text.contains(found) && !said.text.contains(&format!("{left}:")), "{filter}: {said:?}");
        let list = String::from_utf8_lossy(&desk.home.run(&["ls", filter]).stdout).into_owned();
        assert!(list.contains(found) && !list.contains(left), "{filter}: {list}");
    }
}

#[test]
fn a_tag_finds_the_devices_that_have_it_and_their_sessions() {
    let Some(sshd) = Sshd::start("a_tag_finds_the_devices_that_have_it") else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    home.write_config(&format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\ntags = [\"production\", \"eu\"]\n[devices.lab]\n"
    ));
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": "shop", "name": "till"}));
    desk.tool("ssh_connect", json!({"target": "local"}));
    let said = desk.tool("ssh_list", json!({"filter": "production"}));
    assert!(said.text.contains("till:") && !said.text.contains("local:"), "{said:?}");
    let home = desk.home.clone();
    let list = |order: &[&str]| String::from_utf8_lossy(&home.run(order).stdout).into_owned();
    let devices = list(&["device", "list", "eu"]);
    assert!(devices.contains("#production #eu") && !devices.contains("lab"), "{devices}");
    let sessions = list(&["ls", "eu"]);
    assert!(sessions.contains("till") && !sessions.contains("local"), "{sessions}");
    // A closed one keeps what its device has, and another of its name on this machine has not.
    desk.tool("ssh_close", json!({"id": "till"}));
    desk.tool("ssh_connect", json!({"target": "local", "name": "till"}));
    for (filter, count) in [
        ("tag:eu", 1),
        ("tag:eu state:closed", 1),
        ("tag:eu state:ready", 0),
        ("name:till", 2),
        ("name:till device:shop", 1),
        ("device:local state:ready", 2),
        ("tag:local", 0),
    ] {
        let said = list(&["ls", filter, "--json"]);
        let sessions = serde_json::from_str::<serde_json::Value>(&said).unwrap();
        assert_eq!(sessions["sessions"].as_array().unwrap().len(), count, "{filter}: {said}");
        let said = desk.tool("ssh_list", json!({"filter": filter}));
        let found =
            said.text.lines().filter(|it| it.starts_with("till:") || it.starts_with("local:")).count();
        assert_eq!(found, count, "{filter}: {said:?}");
    }
}

#[test]
fn an_agent_is_told_the_hosts_that_it_may_open_and_of_a_hidden_one_its_name_alone() {
    let Some(sshd) = Sshd::start("an_agent_is_told_the_hosts_that_it_may_open") else { return };
    let home = remote::home(&[&sshd]);
    let names = "Host web9 web8\n  HostName 127.0.0.1\nHost *.lan\nHost hidden.example\n";
    fs::write(crate::trust::own(&home, "config"), names).unwrap();
    let (user, port) = (sshd.user(), sshd.port());
    let devices = format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nlabel = \"the shop\"\ntags = [\"eu\"]\n\
         [devices.vault]\nhost = \"hidden.example\"\nuser = \"secret-user\"\nhide = true\n"
    );
    home.write_config(&devices);
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": "shop", "name": "till"}));
    let said = desk.tool("ssh_list", json!({"kind": "hosts"}));
    let all: Vec<&str> = said.text.lines().collect();
    assert_eq!(all[0], "4 hosts. Next: ssh_connect target=NAME", "{said:?}");
    let place = format!("shop: device, {user}@127.0.0.1:{port}, the shop, tags eu, open: till");
    assert_eq!(
        all[1..],
        [&place, "vault: device", "web8: Host of ssh's configuration", "web9: Host of ssh's configuration"]
    );
    for (filter, name) in [("tag:eu", "shop"), ("web9", "web9"), ("state:open", "shop")] {
        let said = desk.tool("ssh_list", json!({"kind": "hosts", "filter": filter}));
        assert!(said.text.starts_with("1 host.") && said.text.contains(&format!("\n{name}: ")), "{said:?}");
    }
    // No filter finds what is hidden.
    for filter in ["hidden.example", "secret-user"] {
        let said = desk.tool("ssh_list", json!({"kind": "hosts", "filter": filter}));
        assert!(said.text.starts_with("no host"), "{said:?}");
    }
    // What may not be opened is not named.
    assert_eq!(desk.home.run_as_person(&["stop"]).0, Some(0));
    desk.home.write_config(&format!("targets = \"configured\"\n{devices}"));
    let said = desk.tool("ssh_list", json!({"kind": "hosts"}));
    assert!(said.text.starts_with("2 hosts.") && !said.text.contains("web9"), "{said:?}");
}
