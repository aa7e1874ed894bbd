//! A device whose identity is hidden appears by its name in everything that cotty says itself.

use std::fs;

use cotty_testkit::Sshd;
use cotty_testkit::home::Home;
use serde_json::json;

use crate::desk::Desk;
use crate::http::{Door, port};
use crate::remote;
use crate::talk::Talk;
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
        ("ssh_connect", json!({"target": "nobody@shop", "name": "other"})),
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

/// What stands behind each face of cotty: by HTTP, and as resources.
fn other_faces(door: &Door) -> Vec<String> {
    let mut said = Vec::new();
    let token = door.token(&["--role", "operator"]);
    for path in [
        "sessions",
        "devices",
        "cards",
        "status?session=shop",
        "screen?session=shop",
        "read?session=shop",
        "read?command=c1",
        "history?session=shop",
        "runs?session=shop",
        "evidence?command=c1",
        "status?session=nobody",
    ] {
        said.push(format!("{path}: {}", door.get(&format!("/api/v1/{path}"), &token).text));
    }
    for path in ["/metrics", "/openapi.json", "/", "/readyz"] {
        said.push(door.get(path, &token).text);
    }
    let agent = door.token(&[]);
    for talk in [Talk::modern(door, &agent), Talk::legacy(door, &agent)] {
        for uri in [
            "cotty://sessions",
            "cotty://session/shop/screen",
            "cotty://session/shop/transcript",
            "cotty://session/none/screen",
        ] {
            let read = talk.ask(1, "resources/read", json!({"uri": uri})).answer(&json!(1));
            said.push(format!("{uri}: {read}"));
        }
        for target in ["shop", "nobody@shop"] {
            said.push(talk.call("ssh_connect", json!({"target": target, "wait_s": 5})).to_string());
            said.push(talk.call("ssh_status", json!({"target": target})).to_string());
        }
        said.push(talk.call("ssh_read", json!({"command": "c1"})).to_string());
    }
    said
}

#[test]
fn by_every_face_and_in_the_words_of_the_users_ssh_a_hidden_device_appears_by_its_name() {
    let story = "by_every_face_and_in_the_words_of_the_users_ssh";
    let Some((sshd, home)) = scene(story, "hide = true\nengine = \"openssh\"\n") else { return };
    let config = fs::read_to_string(home.config()).unwrap();
    home.write_config(&format!("listen = \"127.0.0.1:0\"\n{config}"));
    let user = sshd.user();
    let folder = sshd.file("canary").join(&user);
    fs::create_dir_all(&folder).unwrap();
    assert!(home.run(&["up", "-d", "shop"]).status.success());
    let door = Door { port: port(&home), home };
    let mut said = Vec::new();
    let run = |order: &[&str]| {
        let output = door.home.run(order);
        let text = [output.stdout, output.stderr].concat();
        let (_, person) = door.home.run_as_person(order);
        format!("{order:?}: {} and a person's: {person}", String::from_utf8_lossy(&text))
    };
    // A command that says nothing itself: what stands there is ours.
    let line = format!("cd {}", folder.display());
    said.push(run(&["run", "shop", "--json", "--", &line]).replace(&line, ""));
    for order in [
        &["why", "c1", "--json"][..],
        &["why", "c1"],
        &["status", "shop"],
        &["read", "shop", "--view", "history"],
        &["viewer", "link", "shop"],
    ] {
        said.push(run(order).replace(&line, ""));
    }
    said.extend(other_faces(&door));
    // The server takes nobody any more, then nothing is known of its key, then it is gone.
    fs::write(sshd.file("authorized_keys"), "").unwrap();
    let failures = |said: &mut Vec<String>| {
        said.push(run(&["up", "again", "--on", "shop", "-d"]));
        said.push(run(&["device", "test", "shop", "--login", "--json"]));
        said.extend(other_faces(&door));
    };
    failures(&mut said);
    fs::remove_file(own(&door.home, "known_hosts")).unwrap();
    failures(&mut said);
    drop(sshd);
    failures(&mut said);
    said.push(fs::read_to_string(door.home.state().join("daemon.log")).unwrap());
    let (account, place) = (format!("{user}@"), format!("/{user}"));
    for text in said.iter().map(|it| it.replace(&line, "")) {
        assert!(!text.contains(ADDRESS) && !text.contains(&account), "{text}");
        assert!(!text.contains(&format!("canary{place}")), "{text}");
    }
}
