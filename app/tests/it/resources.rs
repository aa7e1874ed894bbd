//! Resources and the choice of tools, over a pipe and by HTTP: what is read, followed and left out.

use cotty_testkit::Home;
use cotty_testkit::mcp::Mcp;
use serde_json::{Value, json};

use crate::http::Door;
use crate::talk::Talk;

/// The text of a resource that was read.
fn content(result: &Value) -> String {
    result["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
}

fn updated(uri: &str) -> impl Fn(&Value) -> bool {
    move |it| it["method"] == "notifications/resources/updated" && it["params"]["uri"] == uri
}

#[test]
fn a_resource_says_what_the_tool_says() {
    let home = Home::new();
    let mut agent = home.mcp();
    agent.initialize();
    let list = agent.request("resources/list", json!({}));
    assert_eq!(list["resources"][0]["uri"], "cotty://sessions", "{list}");
    let templates = agent.request("resources/templates/list", json!({}));
    assert_eq!(templates["resourceTemplates"].as_array().unwrap().len(), 2, "{templates}");
    // So far nobody needed a daemon.
    assert_eq!(home.daemon_pid(), None);
    let ran = agent.call("ssh_run", json!({"target": "local", "command": "echo from-a-resource"}));
    assert!(!ran.is_error, "{}", ran.text);
    let read = |agent: &mut Mcp, uri: &str| content(&agent.request("resources/read", json!({"uri": uri})));
    let sessions: Value = serde_json::from_str(&read(&mut agent, "cotty://sessions")).unwrap();
    assert_eq!(sessions["sessions"][0]["session"], "local", "{sessions}");
    for part in ["screen", "transcript"] {
        let text = read(&mut agent, &format!("cotty://session/local/{part}"));
        assert!(text.contains("from-a-resource"), "{text}");
        // What a program printed stands between two lines, here as well.
        assert!(text.contains("\n--- "), "{text}");
    }
    for wrong in ["cotty://session/nobody/screen", "cotty://session/local/x", "file:///etc/passwd", ""] {
        let ticket = agent.start_request("resources/read", json!({ "uri": wrong }));
        let message = agent.await_message(ticket);
        assert!(message["error"]["code"].is_i64(), "{message}");
    }
}

#[test]
fn whoever_follows_a_resource_hears_of_its_changes_and_no_others() {
    let home = Home::new();
    let (screen, sessions) = ("cotty://session/local/screen", "cotty://sessions");
    let mut agent = home.mcp();
    agent.initialize();
    drop(agent.call("ssh_connect", json!({"target": "local"})));
    assert_eq!(agent.request("resources/subscribe", json!({ "uri": screen })), json!({}));
    assert_eq!(agent.request("resources/subscribe", json!({ "uri": sessions })), json!({}));
    // It takes a look before it can tell a change.
    let mut other = home.mcp();
    other.initialize();
    cotty_testkit::until("a change is told", || {
        drop(other.call("ssh_run", json!({"session": "local", "command": "echo changed"})));
        agent.notifications().iter().any(updated(screen)).then_some(())
    });
    drop(other.call("ssh_connect", json!({"target": "local", "name": "second"})));
    drop(agent.wait_notification("the list is another", updated(sessions)));
    // The next daemon is told what is followed.
    assert_eq!(home.run_as_person(&["restart"]).0, Some(0));
    let told = agent.notifications().len();
    drop(agent.call("ssh_list", json!({})));
    cotty_testkit::until("a change is told by the next daemon", || {
        drop(other.call("ssh_run", json!({"session": "local", "command": "echo again"})));
        agent.notifications()[told..].iter().any(updated(screen)).then_some(())
    });
    assert_eq!(agent.request("resources/unsubscribe", json!({ "uri": screen })), json!({}));
    assert!(agent.notifications().iter().all(|it| updated(screen)(it) || updated(sessions)(it)));
}

#[test]
fn in_the_other_era_a_stream_tells_of_changes_until_it_is_given_up() {
    let home = Home::new();
    let mut agent = home.mcp();
    agent.discover();
    drop(agent.call("ssh_connect", json!({"target": "local"})));
    let uri = "cotty://session/local/transcript";
    let filter = json!({"resourceSubscriptions": [uri, "file:///etc/passwd"], "toolsListChanged": true});
    let stream = agent.start_request("subscriptions/listen", json!({ "notifications": filter }));
    let acknowledged = |it: &Value| it["method"] == "notifications/subscriptions/acknowledged";
    let told = agent.wait_notification("it is acknowledged", acknowledged);
    assert_eq!(told["params"]["notifications"], json!({"resourceSubscriptions": [uri]}), "{told}");
    cotty_testkit::until("a change is told", || {
        drop(agent.call("ssh_run", json!({"session": "local", "command": "echo changed"})));
        agent.notifications().iter().any(updated(uri)).then_some(())
    });
    agent.cancel(stream);
    assert!(!agent.call("ssh_list", json!({})).is_error);
    // Where nothing is followed nothing can change, and no daemon is needed.
    let bare = Home::new();
    let mut agent = bare.mcp();
    agent.discover();
    agent.start_request("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let told = agent.wait_notification("it is acknowledged", acknowledged);
    assert_eq!(told["params"]["notifications"], json!({}), "{told}");
    assert_eq!(bare.daemon_pid(), None);
}

#[test]
fn by_http_resources_are_read_and_followed_as_well() {
    let door = Door::open();
    let token = door.token(&[]);
    let uri = "cotty://session/web1/screen";
    drop(door.home.run(&["run", "web1", "--", "echo over-http"]));
    let (legacy, modern) = (Talk::legacy(&door, &token), Talk::modern(&door, &token));
    for talk in [&legacy, &modern] {
        let read = talk.ask(1, "resources/read", json!({ "uri": uri })).answer(&json!(1));
        assert!(content(&read["result"]).contains("over-http"), "{read}");
        let list = talk.ask(2, "resources/list", json!({})).answer(&json!(2));
        assert_eq!(list["result"]["resources"][0]["uri"], "cotty://sessions", "{list}");
        let wrong = talk.ask(3, "resources/read", json!({"uri": "cotty://nothing"})).answer(&json!(3));
        assert!(wrong["error"]["code"].is_i64(), "{wrong}");
    }
    let mut unasked = legacy.listen();
    let followed = legacy.ask(4, "resources/subscribe", json!({ "uri": uri })).answer(&json!(4));
    assert_eq!(followed["result"], json!({}), "{followed}");
    let filter = json!({"notifications": {"resourceSubscriptions": [uri]}});
    let mut stream = modern.ask(5, "subscriptions/listen", filter);
    assert_eq!(stream.next().unwrap()["method"], "notifications/subscriptions/acknowledged");
    // A look is taken every second; the second of these two changes is after the first of them, whenever that was.
    std::thread::scope(|scope| {
        let heard = scope.spawn(|| [unasked.next().unwrap(), stream.next().unwrap()]);
        cotty_testkit::until("both are told", || {
            drop(door.home.run(&["run", "web1", "--", "echo changed"]));
            heard.is_finished().then_some(())
        });
        for told in heard.join().unwrap() {
            assert!(updated(uri)(&told), "{told}");
        }
    });
}

#[test]
fn what_was_left_out_at_the_start_is_neither_listed_nor_done() {
    let home = Home::new();
    let mut agent = Mcp::start(home.cotty(&["mcp", "--read-only"]));
    agent.initialize();
    let names: Vec<String> = agent.tools().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["ssh_wait", "ssh_read", "ssh_list", "ssh_status"]);
    for name in ["ssh_run", "execute_command", "ssh_close"] {
        let ticket =
            agent.start_request("tools/call", json!({"name": name, "arguments": {"command": "true"}}));
        let message = agent.await_message(ticket);
        assert_eq!(message["error"]["code"], -32602, "{message}");
    }
    assert_eq!(home.daemon_pid(), None, "a refusal needs no daemon");
    assert!(agent.call("ssh_list", json!({})).text.contains("no session is open"));
    let mut command = home.cotty(&["mcp", "--tools", "ssh_rum"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("ssh_rum") && said.contains("ssh_run, ssh_wait") && output.stdout.is_empty(),
        "{said}"
    );
}
