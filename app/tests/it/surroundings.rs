//! What the environment of whoever starts the daemon says of hosts, and where the config is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cotty_testkit::Sshd;
use cotty_testkit::home::Home;
use serde_json::json;

use crate::desk::Desk;
use crate::secrets::{SECRET, scene};

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn variables_of_a_container_name_a_device_and_its_password_stays_in_the_daemons_memory() {
    let test = "variables_of_a_container_name_a_device";
    let Some(sshd) = Sshd::start(test) else { return };
    let Some((home, account)) = scene(test, &sshd, sshd.port()) else { return };
    let mut up = home.cotty(&["up", "box", "--on", "shop", "--json"]);
    let port = sshd.port().to_string();
    up.env("COTTY_DEVICE_SHOP_HOST", "127.0.0.1").env("COTTY_DEVICE_SHOP_PORT", port);
    up.env("COTTY_DEVICE_SHOP_USER", account.name()).env("COTTY_DEVICE_SHOP_PASSWORD", SECRET);
    up.env("COTTY_DEVICE_SHOP_SUDO_PASSWORD", "canary-of-sudo");
    let output = up.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let ran = home.run(&["run", "box", "--", "id -un"]);
    assert_eq!(said(&ran).trim(), account.name());
    // Neither process shows it, nor does a shell, the list, the config or the log.
    for pid in home.processes() {
        for file in ["environ", "cmdline"] {
            let shown = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let shown = String::from_utf8_lossy(&shown).into_owned();
            assert!(!shown.contains(SECRET) && !shown.contains("canary-of-sudo"), "{pid} {file}");
            assert!(!shown.contains("COTTY_DEVICE_"), "{pid} {file}: {shown}");
        }
    }
    let list = said(&home.run(&["device", "list"]));
    assert!(list.contains("$COTTY_DEVICE_SHOP_PASSWORD"), "{list}");
    let log = fs::read_to_string(home.state().join("daemon.log")).unwrap();
    for text in [list, log, said(&home.run(&["device", "list", "--json"]))] {
        assert!(!text.contains(SECRET) && !text.contains("canary-of-sudo"), "{text}");
    }
    // A caller's own variables change nothing, and a change of the file loses nothing.
    home.write_config("[devices.other]\n");
    let mut list = home.cotty(&["device", "list"]);
    let list = said(&list.env("COTTY_DEVICE_SHOP_HOST", "10.9.9.9").output().unwrap());
    assert!(list.contains("other") && list.contains("shop") && !list.contains("10.9.9.9"), "{list}");
    let again = said(&home.run(&["device", "test", "shop", "--login"]));
    assert!(again.contains("logged in"), "{again}");
}

#[test]
fn a_variable_that_means_two_devices_or_none_starts_no_daemon() {
    for (variable, value, words) in [
        ("COTTY_DEVICE_WEB_1_USER", "me", "web-1, web.1"),
        ("COTTY_DEVICE_GONE_PASSWORD", "hunter2", "COTTY_DEVICE_GONE_HOST"),
        ("COTTY_DEVICE_WEB_1_PASSWORD_FILE", "hunter2", "COTTY_DEVICE_WEB_1_PASSWORD_FILE"),
    ] {
        let home = Home::new();
        home.write_config("[devices.web-1]\n[devices.\"web.1\"]\n");
        let output = home.cotty(&["ls"]).env(variable, value).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(text.contains(words) && !text.contains("hunter2"), "{text}");
        // What no client has filled in is not there.
        let output = home.cotty(&["ls"]).env(variable, "${MINE}").output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn a_file_of_variables_counts_where_it_is_named_and_nowhere_else() {
    let home = Home::new();
    let file = home.work().join(".env");
    let write = |text: &str, mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("COTTY_DEVICE_SHOP_HOST=10.0.0.5\nCOTTY_DEVICE_SHOP_PASSWORD=hunter2\nCOTTY_CONFIG=/x\n", 0o600);
    // It lies in the working directory, and nobody named it.
    let list = said(&home.run(&["device", "list", "--json"]));
    assert!(list.contains("\"devices\":[]"), "{list}");
    assert!(home.run_as_person(&["stop"]).0 == Some(0));
    let order = ["device", "list", "--json", "--env-file", ".env"];
    let refused = home.run(&order);
    assert!(refused.status.code() == Some(78) && said(&refused).contains(".env:3"), "{}", said(&refused));
    write("COTTY_DEVICE_SHOP_HOST=10.0.0.5\nCOTTY_DEVICE_SHOP_PASSWORD=hunter2\n", 0o644);
    let refused = said(&home.run(&order));
    assert!(refused.contains("chmod 600") && !refused.contains("hunter2"), "{refused}");
    write("COTTY_DEVICE_SHOP_HOST=10.0.0.5\nCOTTY_DEVICE_SHOP_PASSWORD=hunter2\nPATH=/nowhere\n", 0o600);
    let list = said(&home.run(&order));
    assert!(list.contains("10.0.0.5") && !list.contains("hunter2"), "{list}");
}

#[test]
fn a_config_that_is_named_is_the_one_that_the_daemon_reads() {
    let home = Home::new();
    home.write_config("[devices.usual]\n");
    let other = home.work().join("other.toml");
    fs::write(&other, "[devices.other]\n").unwrap();
    let list = said(&home.run(&["device", "list", "--config", "other.toml"]));
    assert!(list.contains("other") && !list.contains("usual"), "{list}");
    let path = said(&home.run(&["config", "path", "--config", "other.toml"]));
    assert_eq!(path.trim(), other.display().to_string());
    // Whoever names another one is told, and nobody is who names none.
    let refused = home.run(&["device", "list", "--config", "/dev/null"]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(said(&refused).contains("cotty restart --config /dev/null"), "{}", said(&refused));
    assert!(said(&home.run(&["device", "list"])).contains("other"));
    let (code, text) = home.run_as_person(&["restart", "--config", &home.config().display().to_string()]);
    assert_eq!(code, Some(0), "{text}");
    assert!(said(&home.run(&["device", "list"])).contains("usual"));
}

#[test]
fn a_config_that_others_may_write_or_own_is_not_read() {
    let home = Home::new();
    home.write_config("[devices.usual]\n");
    fs::set_permissions(home.config(), fs::Permissions::from_mode(0o666)).unwrap();
    let refused = home.run(&["device", "list"]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(said(&refused).contains("may be written by others"), "{}", said(&refused));
    fs::set_permissions(home.config(), fs::Permissions::from_mode(0o600)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(home.config(), Some(65534), None).unwrap();
        let refused = said(&home.run(&["config", "check"]));
        assert!(refused.contains("belongs to another account (uid 65534)"), "{refused}");
        std::os::unix::fs::chown(home.config(), Some(0), None).unwrap();
    } else {
        cotty_testkit::not_run("a_config_that_others_own_is_not_read", "only root gives a file away");
    }
    // A daemon that runs goes on with what it read.
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_status", json!({"target": "usual"}));
    assert!(!said.text.contains("what it said before"), "{said:?}");
    fs::set_permissions(desk.home.config(), fs::Permissions::from_mode(0o666)).unwrap();
    let said = desk.tool("ssh_status", json!({"target": "usual"}));
    assert!(said.text.contains("what it said before holds"), "{said:?}");
}
