//! The tools' contract, by a client of the protocol.

use std::fs;
use std::time::{Duration, Instant};

use cotty_testkit::home::Home;
use cotty_testkit::wait::until;
use serde_json::{Value, json};

use crate::desk::{Desk, client};

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    desk
}

#[test]
fn waiting_ends_with_what_was_waited_for() {
    let mut desk = desk();
    desk.run_for("web1", "echo tick; sleep 1.5; echo tock; read -r x; sleep 3", 0);
    let wait = |desk: &mut Desk, order: serde_json::Value| desk.tool("ssh_wait", order);
    let said = wait(&mut desk, json!({"session": "web1", "until": "pattern", "pattern": "to.k"}));
    assert!(said.head().contains("the pattern was seen"), "{said:?}");
    assert_eq!(said.output(), "tick\ntock");
    let said = wait(&mut desk, json!({"session": "web1", "until": "input"}));
    said.needs("line");
    let said = wait(&mut desk, json!({"session": "web1", "until": "output", "wait_s": 0}));
    assert!(said.head().contains("it printed nothing"), "{said:?}");
    let said = wait(&mut desk, json!({"session": "web1", "until": "idle"}));
    assert!(said.head().contains("idle for 2 s, which says nothing about being done"), "{said:?}");
    let said = desk.tool("ssh_send", json!({"session": "web1", "text": "go", "wait_s": 0}));
    assert!(said.state().starts_with("running"), "{said:?}");
    assert_eq!(desk.wait("web1").exit(), Some(0));
}

#[test]
fn output_is_read_on_from_an_offset() {
    let mut desk = desk();
    let said = desk.run_for("web1", "echo one; sleep 1; echo two", 0);
    let said = desk.tool("ssh_wait", json!({"command": said.handle(), "until": "pattern", "pattern": "one"}));
    let (_, offset) = said.text.split_once("next offset ").unwrap_or_else(|| panic!("{said:?}"));
    let offset = offset.trim_end_matches(')').to_owned();
    let said = desk.tool("ssh_wait", json!({"command": said.handle(), "offset": offset}));
    assert_eq!((said.exit(), said.output().as_str()), (Some(0), "two"), "{said:?}");
}

#[test]
fn a_long_output_shows_head_and_tail_and_the_call_that_fetches_the_rest() {
    let mut desk = desk();
    let said = desk.run("web1", "seq 5000");
    let text = serde_json::to_string(&said.text).unwrap();
    assert!(text.len() <= 7_502, "{}", text.len());
    assert!(said.output().starts_with("1\n2\n") && said.output().ends_with("\n5000"), "{said:?}");
    let (_, foot) = said.text.rsplit_once("lines hidden: ").unwrap_or_else(|| panic!("{said:?}"));
    let from = foot.split("from_line=").nth(1).and_then(|it| it.split(')').next()).unwrap();
    let from: usize = from.parse().unwrap();
    assert!(said.output().contains(&format!("\n{}\n", from - 1)), "{said:?}");
    let rest = json!({"command": said.handle(), "from_line": from, "max_chars": 2_000_000});
    let rest = desk.tool("ssh_read", rest);
    let wanted: Vec<_> = (from..=5000).map(|it| it.to_string()).collect();
    assert_eq!(rest.output(), wanted.join("\n"));
    let all = desk.tool("ssh_read", json!({"command": said.handle(), "max_chars": 200}));
    assert!(serde_json::to_string(&all.text).unwrap().len() <= 202, "{all:?}");
}

#[test]
fn every_view_reads_without_typing() {
    let mut desk = desk();
    let said = desk.run("web1", "printf 'alpha\\033[31mbeta\\033[0m\\ngamma\\n'");
    let handle = said.handle();
    let mut read = |order: serde_json::Value| desk.tool("ssh_read", order);
    assert!(read(json!({"session": "web1", "view": "screen"})).text.contains("alphabeta"));
    assert!(read(json!({"session": "web1", "view": "tail", "lines": 3})).output().contains("gamma"));
    assert_eq!(read(json!({"command": handle})).output(), "alphabeta\ngamma");
    assert!(read(json!({"session": "web1", "view": "command"})).head().contains(&handle));
    let found = read(json!({"command": handle, "view": "search", "pattern": "^gam"}));
    assert!(found.head().contains("1 line matches") && found.output() == "2: gamma", "{found:?}");
    let raw = read(json!({"command": handle, "view": "raw"}));
    assert!(raw.output().contains("\\x1b[31mbeta"), "{raw:?}");
    let evidence = read(json!({"command": handle, "view": "evidence"}));
    assert!(evidence.output().contains("letter D") && evidence.output().contains("status 0"), "{evidence:?}");
    let history = read(json!({"session": "web1", "view": "history"}));
    assert!(history.output().contains(&format!("{handle} exit 0")), "{history:?}");
    assert!(history.output().contains("agent"), "{history:?}");
    read(json!({"session": "web1", "view": "search"})).refuses("invalid-argument", &["pattern"]);
    read(json!({"command": handle, "pattern": "("})).refuses("invalid-argument", &["pattern"]);
    read(json!({"command": "c999"})).refuses("not-found", &["c999", "ssh_list kind=commands"]);
    desk.is_exact("web1");
}

#[test]
fn our_keys_are_never_shown() {
    let mut desk = desk();
    desk.run("web1", "true");
    let said = desk.run("web1", "set | tr ';' '\\n' | grep -a 'k=' | head");
    let raw = desk.tool("ssh_read", json!({"session": "web1", "view": "raw"}));
    for text in [&said.text, &raw.text] {
        let parts = text.split("k=").skip(1);
        for part in parts {
            let key: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(key.len() < 8, "{key} in {text}");
        }
    }
}

#[test]
fn labels_and_sizes_are_set_on_a_living_session() {
    let mut desk = desk();
    let order = json!({"name": "web1", "label": "the build", "cols": 90, "rows": 33});
    let said = desk.tool("ssh_connect", order);
    assert!(said.head().contains("open already (same name)") && said.head().contains("90x33"), "{said:?}");
    assert_eq!(desk.run("web1", "stty size").output(), "33 90");
    let list = desk.tool("ssh_list", json!({"filter": "build"}));
    assert!(list.text.contains("web1") && list.text.contains("the build"), "{list:?}");
    let said = desk.tool("ssh_connect", json!({"name": "web1", "cols": 1_000_000, "rows": 0}));
    assert!(!said.is_error && said.text.contains("clamped"), "{said:?}");
    desk.is_exact("web1");
}

#[test]
fn a_missing_name_is_never_guessed() {
    let mut desk = Desk::new();
    let said = desk.tool("ssh_run", json!({"command": "true"}));
    said.refuses("session-not-found", &["no session is open", "ssh_connect target=local"]);
    desk.open("web1", "bash");
    let said = desk.tool("ssh_run", json!({"command": "echo only"}));
    assert_eq!(said.output(), "only");
    desk.open("web2", "bash");
    let said = desk.tool("ssh_run", json!({"command": "echo which"}));
    said.refuses("ambiguous-session", &["web1", "web2", "session="]);
    desk.tool("ssh_connect", json!({"name": "web2", "default": true}));
    let said = desk.tool("ssh_run", json!({"command": "echo chosen"}));
    assert!(said.head().starts_with("[web2 ") && said.output() == "chosen", "{said:?}");
    let said = desk.tool("ssh_run", json!({"session": "web3", "command": "true"}));
    said.refuses("session-not-found", &["web3", "web1", "web2"]);
}

#[test]
fn a_target_alone_opens_a_session_and_one_call_suffices() {
    let mut desk = Desk::new();
    let said = desk.tool("ssh_run", json!({"target": "local", "command": "echo at once"}));
    assert_eq!((said.exit(), said.output().as_str()), (Some(0), "at once"), "{said:?}");
    let again = desk.tool("ssh_run", json!({"target": "local", "command": "echo again"}));
    assert_eq!(again.head().split(' ').next(), said.head().split(' ').next());
}

#[test]
fn a_closed_session_is_kept_for_reading() {
    let mut desk = desk();
    let said = desk.run("web1", "echo worth keeping");
    let closed = desk.tool("ssh_close", json!({"id": "web1"}));
    assert!(closed.head().contains("ssh_read session=web1"), "{closed:?}");
    let read = desk.tool("ssh_read", json!({"command": said.handle()}));
    assert_eq!(read.output(), "worth keeping");
    let read = desk.tool("ssh_read", json!({"session": "web1", "view": "tail"}));
    assert!(read.output().contains("worth keeping"), "{read:?}");
    let list = desk.tool("ssh_list", json!({}));
    assert!(list.text.contains("its output is kept"), "{list:?}");
    desk.run("web1", "true").refuses("shell-exited", &["ssh_connect target=local name=web1"]);
    desk.open("web1", "bash");
    let read = desk.tool("ssh_read", json!({"command": said.handle()}));
    assert_eq!(read.output(), "worth keeping");
    for name in ["web2", "web3"] {
        desk.open(name, "bash");
    }
    let closed = desk.tool("ssh_close", json!({"id": "all"}));
    assert!(closed.text.contains("3 sessions closed"), "{closed:?}");
}

#[test]
fn a_session_that_nobody_uses_closes_after_its_time() {
    let home = Home::new();
    home.write_config("[session]\nidle_timeout = \"1s\"\n");
    let mut desk = Desk::at(home);
    desk.open("web1", "bash");
    let said = desk.run("web1", "sleep 2; echo used; (exit 3)");
    assert_eq!(said.exit(), Some(3), "a command under way is use: {said:?}");
    until("it closed", || {
        let list = desk.tool("ssh_list", json!({}));
        list.text.contains("closed: idle").then_some(())
    });
    desk.run("web1", "true").refuses("shell-exited", &["idle", "ssh_connect"]);
}

#[test]
fn background_answers_at_once_and_progress_is_told() {
    let mut desk = desk();
    let start = Instant::now();
    let order = json!({"session": "web1", "command": "sleep 20", "background": true});
    let said = desk.tool("ssh_run", order);
    assert!(said.state().starts_with("running"), "{said:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
    desk.tool("ssh_close", json!({"id": said.handle()}));
    let arguments = json!({"session": "web1", "command": "sleep 3", "wait_s": 20});
    let params = json!({"name": "ssh_run", "arguments": arguments, "_meta": {"progressToken": "p1"}});
    let ticket = desk.agent.start_request("tools/call", params);
    let told = desk.agent.wait_notification("progress", |it| it["params"]["progressToken"] == "p1");
    assert_eq!(told["method"], "notifications/progress");
    assert_eq!(desk.finish(ticket).exit(), Some(0));
}

#[test]
fn three_clients_with_other_surroundings_see_the_same_sessions() {
    let mut desk = desk();
    let mut second = client(&desk.home);
    let mut command = desk.home.cotty(&["mcp"]);
    let elsewhere = desk.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    command.env("MARK", "third").env_remove("TERM").env_remove("LANG").current_dir(&elsewhere);
    let mut third = cotty_testkit::mcp::Mcp::start(command);
    third.discover();
    let said = desk.run("web1", "x=shared; echo $x");
    for agent in [&mut second, &mut third] {
        let reply = agent.call("ssh_read", json!({"command": said.handle()}));
        assert!(reply.text.contains("shared"), "{reply:?}");
        let reply = agent.call("ssh_run", json!({"session": "web1", "command": "echo $x-$MARK"}));
        assert!(reply.text.contains("shared-"), "{reply:?}");
        assert!(!reply.text.contains("third"), "{reply:?}");
    }
    // The prompt after the last command may still be on its way.
    until("both list the same session at its prompt", || {
        let lists = [&mut second, &mut third].map(|it| it.call("ssh_list", json!({})).structured.unwrap());
        let is_ready = |it: &Value| it["sessions"][0]["state"] == "ready";
        let [one, other] = lists;
        (one == other && is_ready(&one)).then_some(())
    });
    assert!(second.impure_lines().is_empty() && third.impure_lines().is_empty());
}
