//! What may be written of a device: for all of them, for a group, for a connection, in another file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cotty_testkit::Sshd;
use serde_json::json;

use crate::desk::Desk;
use crate::remote;
use crate::trust::{own, stranger};

#[test]
fn a_connection_of_a_device_is_opened_by_its_own_name() {
    let story = "a_connection_of_a_device_is_opened_by_its_own_name";
    let (Some(shop), Some(till)) = (Sshd::start(story), Sshd::start(story)) else { return };
    let home = remote::home(&[&shop, &till]);
    fs::copy(shop.file("authorized_keys"), till.file("authorized_keys")).unwrap();
    home.write_config(
        "targets = \"configured\"\n[defaults]\nlabel = \"ours\"\n[groups.eu]\nhost_ = 0\n[devices.shop]\n",
    );
    // A word that is none says so with its line.
    let refused = home.run(&["config", "check"]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("config.toml:5: there is no key groups.eu.host_")
    );
    let (user, port, other) = (shop.user(), shop.port(), till.port());
    home.write_config(&format!(
        "targets = \"configured\"\n[defaults]\nlabel = \"ours\"\n[groups.eu]\nuser = \"{user}\"\n[devices.shop]\ngroup = \"eu\"\n\
         host = \"127.0.0.1\"\nport = {port}\n[devices.shop.connections.till]\nport = {other}\nlabel = \"the till\"\n"
    ));
    let mut desk = Desk::at(home);
    for (target, session, port, label) in
        [("shop", "shop", port, "ours"), ("shop/till", "shop-till", other, "the till")]
    {
        let said = desk.tool("ssh_connect", json!({"target": target}));
        assert!(said.head().starts_with(&format!("[{session}] opened: ready")), "{said:?}");
        let said = desk.run(session, "echo $SSH_CONNECTION");
        assert!(said.output().ends_with(&format!("127.0.0.1 {port}")), "{said:?}");
        let said = desk.tool("ssh_list", json!({"filter": label}));
        assert!(said.text.contains(&format!("{session}:")), "{said:?}");
    }
    let list = String::from_utf8_lossy(&desk.home.run(&["device", "list"]).stdout).into_owned();
    assert!(list.contains("shop/till") && list.contains("shop-till"), "{list}");
    desk.tool("ssh_connect", json!({"target": "shop/none"})).refuses("invalid-argument", &["it has till"]);
    desk.tool("ssh_connect", json!({"target": "gone/till"})).refuses("invalid-argument", &["no device gone"]);
}

#[test]
fn options_of_a_device_count_before_ssh_configuration_with_ssh_and_without() {
    let story = "options_of_a_device_count_before_ssh_configuration";
    let Some(sshd) = Sshd::start_with(story, "AcceptEnv COLOUR SHAPE\n") else { return };
    for path in ["/usr/bin:/bin", "/nowhere"] {
        let home = remote::home(&[&sshd]);
        let (user, port) = (sshd.user(), sshd.port());
        fs::write(own(&home, "config"), "Host shop\n  SetEnv COLOUR=red SHAPE=round\n").unwrap();
        home.write_config(&format!(
            "[ssh]\npath = \"{path}\"\n[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n\
             options = {{ SetEnv = \"COLOUR=blue\", HostKeyAlias = \"the-shop\" }}\n"
        ));
        fs::write(own(&home, "known_hosts"), sshd.known_line("the-shop")).unwrap();
        let mut desk = Desk::at(home);
        let said = desk.tool("ssh_connect", json!({"target": "shop"}));
        assert!(said.head().contains("ready"), "{path}: {said:?}");
        assert_eq!(desk.run("shop", "echo $COLOUR-$SHAPE").output(), "blue-", "{path}");
    }
}

#[test]
fn a_device_has_known_hosts_of_its_own_and_takes_a_new_key_only_where_a_person_wrote_so() {
    let story = "a_device_has_known_hosts_of_its_own";
    for engine in ["native", "openssh"] {
        let Some(sshd) = Sshd::start(story) else { return };
        takes_a_new_key(&sshd, engine);
    }
}

fn takes_a_new_key(sshd: &Sshd, engine: &str) {
    let home = stranger(sshd);
    let file = home.work().join("known");
    let device = |name: &str, strict: &str| {
        let (user, port) = (sshd.user(), sshd.port());
        format!(
            "[devices.{name}]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nengine = \"{engine}\"\nknown_hosts = \"{}\"\n{strict}\n",
            file.display()
        )
    };
    home.write_config(&format!(
        "{}{}",
        device("asks", ""),
        device("takes", "strict_host_keys = \"accept-new\"")
    ));
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_status", json!({"target": "asks"}));
    assert!(said.text.contains(&file.display().to_string()), "{said:?}");
    let tried = desk.home.run(&["device", "test", "asks"]);
    assert_eq!(tried.status.code(), Some(65), "{tried:?}");
    assert!(!file.exists());
    let said = desk.tool("ssh_connect", json!({"target": "takes"}));
    assert!(said.head().contains("ready") && said.text.contains("strict_host_keys"), "{said:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), sshd.known_line(&format!("[127.0.0.1]:{}", sshd.port())));
    assert!(!own(&desk.home, "known_hosts").exists());
    // Now the other one knows it too; another key is refused by both.
    assert_eq!(desk.home.run(&["device", "test", "asks"]).status.code(), Some(0));
    sshd.key("other", &["-t", "ed25519"]);
    let public = fs::read_to_string(sshd.file("other.pub")).unwrap();
    fs::write(&file, format!("[127.0.0.1]:{} {public}", sshd.port())).unwrap();
    for name in ["asks", "takes"] {
        let tried = desk.home.run(&["device", "test", name, "--login"]);
        let text = String::from_utf8_lossy(&tried.stdout).into_owned();
        assert!(tried.status.code() == Some(65) && text.contains("has changed"), "{name}: {text}");
    }
}

#[test]
fn a_variable_that_a_device_has_passed_on_reaches_that_host_and_no_shell_here() {
    let story = "a_variable_that_a_device_has_passed_on";
    let Some(sshd) = Sshd::start_with(story, "AcceptEnv SHOP_*\n") else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    let device = |name: &str, more: &str| {
        format!("[devices.{name}]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n{more}\n")
    };
    home.write_config(&device("plain", ""));
    let mut first = Desk::at(home);
    first.tool("ssh_connect", json!({"target": "local"}));
    // It is written while the daemon runs: whoever comes next has it passed on.
    let text = format!("{}{}", device("plain", ""), device("shop", "pass_env = [\"SHOP_COLOUR\"]"));
    first.home.write_config(&text);
    let mut mcp = first.home.cotty(&["mcp"]);
    mcp.env("SHOP_COLOUR", "blue").env("SHOP_SHAPE", "round");
    let mut agent = cotty_testkit::mcp::Mcp::start(mcp);
    agent.initialize();
    let mut desk = Desk::of(agent, first.home.clone());
    for (target, colour) in [("shop", "blue"), ("plain", ""), ("local", "")] {
        desk.tool("ssh_connect", json!({"target": target, "name": format!("of-{target}")}));
        let said = desk.run(&format!("of-{target}"), "echo \"$SHOP_COLOUR-$SHOP_SHAPE\"");
        assert_eq!(said.output(), format!("{colour}-"), "{target}: {said:?}");
    }
}

#[test]
fn a_config_includes_others_which_are_watched_and_held_to_the_same() {
    let story = "a_config_includes_others_which_are_watched";
    let Some(sshd) = Sshd::start(story) else { return };
    let home = remote::home(&[&sshd]);
    let (user, port) = (sshd.user(), sshd.port());
    let work = home.work().join("work.toml");
    let main = format!("include = [\"{}\"]\n[groups.eu]\nuser = \"{user}\"\n", work.display());
    let device = format!("[devices.shop]\ngroup = \"eu\"\nhost = \"127.0.0.1\"\nport = {port}\n");
    home.write_config(&main);
    let check = |text: &str, words: &str| {
        fs::write(&work, text).unwrap();
        let refused = home.run(&["config", "check"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(78) && said.contains(words), "{text}: {said}");
    };
    check("targets = \"any\"\n", "work.toml:1: there is no key targets");
    check("include = [\"/x\"]\n", "work.toml:1: there is no key include");
    check("\n[devices.shop]\nport = 0\n", "work.toml:3");
    check("[devices.shop]\ngroup = \"us\"\n", "there is no [groups.us]");
    check("[groups.eu]\n", "the group eu is in another file, too");
    fs::set_permissions(&work, fs::Permissions::from_mode(0o666)).unwrap();
    check(&device, "may be written by others");
    fs::set_permissions(&work, fs::Permissions::from_mode(0o600)).unwrap();
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": "shop"}));
    assert!(said.head().contains("ready"), "{said:?}");
    // A change of the other file is seen, and a mistake in it changes nothing and is told.
    fs::write(&work, format!("{device}[devices.new]\n")).unwrap();
    assert!(String::from_utf8_lossy(&desk.home.run(&["device", "list"]).stdout).contains("new"));
    fs::write(&work, format!("{device}colour = 3\n")).unwrap();
    let said = desk.tool("ssh_status", json!({"target": "new"}));
    assert!(said.text.contains("what it said before holds") && said.text.contains("work.toml:5"), "{said:?}");
    fs::remove_file(&work).unwrap();
    let said = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(said.text.contains("which is not there"), "{said:?}");
    fs::write(&work, &device).unwrap();
    let said = desk.tool("ssh_status", json!({"target": "shop"}));
    assert!(!said.text.contains("what it said before holds"), "{said:?}");
}
