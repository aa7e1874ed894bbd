//! A device whose identity is hidden appears by its name in everything that cotty says itself.

use std::fs;

use cotty_testkit::Sshd;
use cotty_testkit::home::Home;
use serde_json::json;

use crate::desk::Desk;
use crate::remote;
use crate::trust::own;

/// Where the server is, and what nobody may say.
const ADDRESS: &str = "127.0.0.7";

/// A server at that address, and a home that knows it as a hidden device.
fn scene(story: &str, hide: &str) -> Option<(Sshd, Home)> {
    let sshd = Sshd::start_with(story, &format!("ListenAddress {ADDRESS}\n"))?;
    let home = remote::home(&[&sshd]);
    fs::write(own(&home, "known_hosts"), sshd.known_line(&format!("[{ADDRESS}]:{}", sshd.port()))).unwrap();
    let (user, port) = (sshd.user(), sshd.port());
    home.write_config(&format!(
        "[devices.shop]\nhost = \"{ADDRESS}\"\nport = {port}\nuser = \"{user}\"\n{hide}"
    ));
    Some((sshd, home))
}

#[test]
fn a_hidden_device_appears_by_its_name_in_replies_lists_errors_and_the_log() {
    let Some((sshd, home)) = scene("a_hidden_device_appears_by_its_name", "hide = true\n") else { return };
    let account = format!("{}@", sshd.user());
    let mut desk = Desk::at(home);
    let mut said = Vec::new();
    let mut tools = |desk: &mut Desk, tool: &str, arguments: serde_json::Value| {
        let reply = desk.tool(tool, arguments.clone());
        said.push(format!("{tool} {arguments}: {}", reply.text));
        reply
    };
    tools(&mut desk, "ssh_status", json!({"target": "shop"}));
    assert!(
        tools(&mut desk, "ssh_connect", json!({"target": "shop"})).head().contains("[shop] opened: ready")
    );
    let run = tools(&mut desk, "ssh_run", json!({"session": "shop", "command": "echo at:$SSH_CONNECTION"}));
    assert!(run.output().starts_with("at:") && run.output().contains("shop"), "{run:?}");
    let who = tools(&mut desk, "ssh_run", json!({"session": "shop", "command": "whoami; echo x@shop:$HOME"}));
    assert!(who.output().starts_with("(user)"), "{who:?}");
    let alone = json!({"target": "shop", "command": "echo $SSH_CONNECTION; whoami", "isolated": true});
    assert!(tools(&mut desk, "ssh_run", alone).output().contains("(user)"));
    for (tool, arguments) in [
        ("ssh_status", json!({"target": "shop"})),
        ("ssh_status", json!({"session": "shop"})),
        ("ssh_list", json!({"detail": true})),
        ("ssh_read", json!({"session": "shop", "view": "screen"})),
        ("ssh_read", json!({"session": "shop", "view": "tail"})),
        ("ssh_connect", json!({"target": format!("nobody@shop"), "name": "other"})),
        ("ssh_connect", json!({"target": "shop", "name": "shop"})),
    ] {
        tools(&mut desk, tool, arguments);
    }
    // What a person sees: the command line's documents and words, and its failures.
    let mut orders = |orders: &[&[&str]]| {
        for order in orders {
            let output = desk.home.run(order);
            let text = [output.stdout, output.stderr].concat();
            said.push(format!("{order:?}: {}", String::from_utf8_lossy(&text)));
            let (_, text) = desk.home.run_as_person(order);
            said.push(format!("a person's {order:?}: {text}"));
        }
    };
    orders(&[
        &["ls", "--json"],
        &["ls"],
        &["status", "shop", "--json"],
        &["device", "list"],
        &["device", "list", "--json"],
        &["device", "test", "shop", "--login"],
        &["trust", "shop"],
        &["secret", "list"],
    ]);
    fs::remove_file(own(&desk.home, "known_hosts")).unwrap();
    orders(&[&["device", "test", "shop", "--json"], &["up", "again", "--on", "shop", "-d", "--json"]]);
    drop(sshd);
    orders(&[&["device", "test", "shop", "--json"], &["device", "test", "shop"], &["ls"]]);
    said.push(fs::read_to_string(desk.home.state().join("daemon.log")).unwrap());
    for text in &said {
        assert!(!text.contains(ADDRESS) && !text.contains(&account), "{text}");
    }
}

#[test]
fn who_is_not_hidden_is_said_and_a_change_of_the_config_hides_at_once() {
    let Some((sshd, home)) = scene("who_is_not_hidden_is_said", "") else { return };
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": "shop"}));
    assert!(desk.run("shop", "echo $SSH_CONNECTION").output().contains(ADDRESS));
    let list = String::from_utf8_lossy(&desk.home.run(&["device", "list"]).stdout).into_owned();
    assert!(list.contains(ADDRESS), "{list}");
    let config = fs::read_to_string(desk.home.config()).unwrap();
    desk.home.write_config(&format!("{config}hide = true\n"));
    let list = String::from_utf8_lossy(&desk.home.run(&["device", "list"]).stdout).into_owned();
    assert!(list.contains("shop") && !list.contains(ADDRESS), "{list}");
    let said = desk.run("shop", "echo $SSH_CONNECTION");
    assert!(!said.text.contains(ADDRESS), "{said:?}");
    desk.home.write_config(&config);
    let list = String::from_utf8_lossy(&desk.home.run(&["device", "list"]).stdout).into_owned();
    assert!(list.contains(ADDRESS), "{list}");
    assert!(desk.run("shop", "echo $SSH_CONNECTION").output().contains(ADDRESS));
    drop(sshd);
}
