//! Cards: an agent's connection that needs a person waits for one, wherever that person answers.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use cotty_testkit::home::{Home, binary};
use cotty_testkit::tty::Tty;
use cotty_testkit::{Account, Sshd, until};
use serde_json::json;

use crate::desk::Desk;
use crate::remote::{self, target};
use crate::trust::{own, stranger};
use crate::up_host::stdout;

pub(crate) const SECRET: &str = "card-canary-0815";

fn ends(tty: &mut Tty, code: i32) -> String {
    let ended = tty.wait_exit().code();
    let text = tty.rest();
    assert_eq!(ended, Some(code), "{text}");
    text
}

/// A home without a key of its own, an account with a password at the server, and how that is named.
pub(crate) fn keyless(story: &str, sshd: &Sshd) -> Option<(Home, Account, String)> {
    let account = Account::new(story, sshd, "/bin/bash")?;
    account.set_password(SECRET);
    let home = remote::home(&[sshd]);
    fs::remove_file(own(&home, "id_ed25519")).unwrap();
    let target = format!("{}@127.0.0.1:{}", account.name(), sshd.port());
    Some((home, account, target))
}

/// The cards that are open, as a person sees them.
fn open(home: &Home) -> Vec<serde_json::Value> {
    let (_, text) = home.run_as_person(&["ls", "--json"]);
    let list: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    list["cards"].as_array().cloned().unwrap_or_default()
}

#[test]
fn an_agents_connection_waits_for_the_password_that_a_person_gives_elsewhere() {
    let story = "an_agents_connection_waits_for_the_password";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account, target)) = keyless(story, &sshd) else { return };
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": target}));
    said.refuses(
        "secret-needed",
        &["q1 asks for the password of", "cotty answer q1", &format!("cotty up {target}")],
    );
    // It is named where somebody looks, and an agent sees no more than that.
    let said = desk.tool("ssh_list", json!({}));
    assert!(said.text.contains("q1 asks a person for the password of"), "{said:?}");
    let list = stdout(&desk.home.run(&["ls", "--json"]));
    assert!(list.contains("\"id\":\"q1\"") && !list.contains("\"text\""), "{list}");
    assert!(open(&desk.home)[0]["text"].as_str().unwrap().contains("Password of"));
    // An agent answers nothing.
    let output = desk.home.run(&["answer", "q1"]);
    assert_eq!(output.status.code(), Some(77), "{output:?}");

    let mut tty = desk.home.tty(&["answer"]);
    let text = tty.wait_text(&format!("Password of {}@127.0.0.1: ", account.name()));
    assert!(
        text.contains("q1: agent") && text.contains("opens session 127.0.0.1") && text.contains("SHA256:"),
        "{text}"
    );
    assert!(!tty.is_cooked());
    tty.line("wrong");
    ends(&mut tty, 0);
    // What was wrong is a new card, which says so.
    let card = until("it is asked again", || open(&desk.home).first().filter(|it| it["id"] == "q2").cloned());
    assert_eq!(card["attempt"], 2);
    let mut tty = desk.home.tty(&["answer", "q1"]);
    assert!(ends(&mut tty, 65).contains("there is no open card q1: operator"));
    let mut tty = desk.home.tty(&["answer", "q2"]);
    tty.wait_text("That was not accepted. Password of");
    tty.line(SECRET);
    assert!(!ends(&mut tty, 0).contains(SECRET));
    // The same call joins the attempt.
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.head().contains("open already (same target): ready"), "{said:?}");
    let said = desk.run("127.0.0.1", "id -un");
    assert_eq!((said.exit(), said.output()), (Some(0), account.name().to_owned()), "{said:?}");
    assert!(open(&desk.home).is_empty());
    // The history tells who was asked for what, who answered, what was used, and who is in; and no answer.
    let history = desk.tool("ssh_read", json!({"session": "127.0.0.1", "view": "history"})).output();
    let password = format!("the password of {}@127.0.0.1", account.name());
    let mut left = history.as_str();
    for words in [
        &format!("q1 asks a person for {password}"),
        "operator answer pts/",
        &format!("answered q1, which asked for {password}"),
        &format!("q2 asks a person for {password}"),
        &format!("answered q2, which asked for {password}"),
        &format!("the password that a person gave is used for {target}"),
        &format!("logged in to {target}"),
    ] {
        let at = left.find(words).unwrap_or_else(|| panic!("{words}: {history}"));
        left = &left[at + words.len()..];
    }
    assert!(!history.contains(SECRET) && !history.contains("wrong"), "{history}");
}

#[test]
fn an_answer_may_come_from_a_program_and_a_denial_holds() {
    let story = "an_answer_may_come_from_a_program";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": target})).refuses("secret-needed", &["q1"]);
    let (code, text) = desk.home.run_as_person(&["answer", "q1", "--deny"]);
    assert!(code == Some(0) && text.contains("q1 is denied"), "{text}");
    let refused = until("the attempt is over", || {
        let said = desk.tool("ssh_connect", json!({"target": target}));
        said.text.contains("denied it").then_some(said)
    });
    refused.refuses("policy-blocked", &["denied it; that holds for", "cotty up"]);
    // A person is asked all the same; the answer comes from another program.
    let mut tty = desk.home.tty(&["up", &target, "-d"]);
    tty.wait_text("Password of");
    // Without a number it could be another host's question that is answered.
    let piped = |order: &str, code| {
        let script = format!("printf '%s\\n' {SECRET} | {} {order}", binary().display());
        let mut command = desk.home.program("sh");
        command.args(["-c", &script]);
        ends(&mut Tty::start(&command), code)
    };
    let text = piped("answer", 64);
    let account = format!("none was named; open: q2 (on {target}, {target})");
    assert!(text.replace("\r\n", "").contains(&account) && !text.contains(SECRET), "{text}");
    let text = piped("answer q2", 0);
    assert!(text.contains("is answered") && !text.contains(SECRET), "{text}");
    tty.wait_text("It was answered elsewhere");
    assert!(ends(&mut tty, 0).contains("Session 127.0.0.1 is open on"));
}

#[test]
fn a_password_that_was_half_typed_when_its_question_went_is_given_to_no_program_that_reads_next() {
    let story = "a_password_that_was_half_typed";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let script =
        format!("{} up {target} -d; echo reads; read -r rest; echo \"left:<$rest>\"", binary().display());
    let mut command = home.program("sh");
    command.args(["-c", &script]);
    let mut tty = Tty::start(&command);
    tty.wait_text("Password of");
    tty.send(SECRET);
    let (code, text) = home.run_as_person(&["answer", "q1", "--deny"]);
    assert_eq!(code, Some(0), "{text}");
    tty.wait_text("reads");
    tty.line("");
    assert!(ends(&mut tty, 0).contains("left:<>"));
}

#[test]
fn an_unknown_key_is_a_card_that_an_answer_or_trust_closes() {
    let Some(sshd) = Sshd::start("an_unknown_key_is_a_card") else { return };
    for way in [&["answer"][..], &["trust", &target(&sshd)]] {
        let mut desk = Desk::at(stranger(&sshd));
        let order = json!({"target": target(&sshd), "name": "web1"});
        let said = desk.tool("ssh_connect", order.clone());
        said.refuses("host-key", &["q1 asks for whether SHA256:", "cotty answer q1", "cotty trust"]);
        let mut tty = desk.home.tty(way);
        tty.wait_text("(yes, no, or the fingerprint)");
        tty.line("sure");
        tty.wait_text("Type yes, no, or the fingerprint");
        tty.line("yes");
        ends(&mut tty, 0);
        let said = desk.tool("ssh_connect", order);
        assert!(said.head().contains("ready"), "{way:?} {said:?}");
        assert_eq!(fs::read_to_string(own(&desk.home, "known_hosts")).unwrap().lines().count(), 1);
    }
}

#[test]
fn a_no_to_an_unknown_key_is_a_no_to_the_next_call_too() {
    let Some(sshd) = Sshd::start("a_no_to_an_unknown_key") else { return };
    let mut desk = Desk::at(stranger(&sshd));
    let order = json!({"target": target(&sshd), "name": "web1"});
    desk.tool("ssh_connect", order.clone()).refuses("host-key", &["q1 asks for whether SHA256:"]);
    let mut tty = desk.home.tty(&["answer", "q1"]);
    tty.wait_text("SHA256:");
    tty.line("no");
    ends(&mut tty, 0);
    let refused = until("the attempt is over", || {
        let said = desk.tool("ssh_connect", order.clone());
        said.text.contains("denied it").then_some(said)
    });
    refused.refuses("policy-blocked", &["denied it; that holds for"]);
    assert!(open(&desk.home).is_empty());
    // A person may think again.
    let mut tty = desk.home.tty(&["trust", &target(&sshd)]);
    tty.wait_text("SHA256:");
    tty.line("yes");
    ends(&mut tty, 0);
    let said = desk.tool("ssh_connect", order);
    assert!(said.head().contains("ready"), "{said:?}");
}

#[test]
fn a_person_who_opens_what_an_agent_waits_for_is_asked_and_helps_both() {
    let story = "a_person_who_opens_what_an_agent_waits_for";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": target})).refuses("secret-needed", &["q1"]);
    let mut tty = desk.home.tty(&["up", "mine", "--on", &target, "-d"]);
    tty.wait_text("Password of");
    assert_eq!(open(&desk.home).len(), 1);
    let other = desk.home.tty(&["answer", "q1"]);
    let text = other.wait_text("Password of");
    let text = text.replace("\r\n", "");
    assert!(text.contains("opens session 127.0.0.1 on") && text.contains("opens session mine on"), "{text}");
    tty.line(SECRET);
    assert!(ends(&mut tty, 0).contains("Session mine is open on"));
    let said = desk.tool("ssh_connect", json!({"target": target, "name": "127.0.0.1"}));
    assert!(said.head().contains("ready"), "{said:?}");
}

#[test]
fn attaching_to_a_session_that_is_on_its_way_shows_its_card() {
    let story = "attaching_to_a_session_that_is_on_its_way";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let mut desk = Desk::at(home);
    let order = json!({"target": target, "name": "web1"});
    desk.tool("ssh_connect", order.clone()).refuses("secret-needed", &["q1"]);
    // Whoever only looks in does not end it.
    let mut tty = desk.home.tty(&["attach", "web1"]);
    tty.wait_text("Password of");
    tty.send("\x03");
    ends(&mut tty, 130);
    assert_eq!(open(&desk.home).len(), 1);
    let mut tty = desk.home.tty(&["attach", "web1"]);
    tty.wait_text("Password of");
    tty.line(SECRET);
    tty.wait_text("pen free");
    tty.send(b"\x1d");
    assert!(!ends(&mut tty, 0).contains(SECRET));
    let said = desk.tool("ssh_connect", order.clone());
    assert!(said.head().contains("ready"), "{said:?}");
    // A card goes with its session.
    desk.tool("ssh_close", json!({"id": "web1"}));
}

#[test]
fn the_same_call_tries_again_with_what_is_there_by_now_and_a_closed_session_takes_its_card_along() {
    let story = "the_same_call_tries_again";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let mut desk = Desk::at(home);
    let order = json!({"target": target});
    desk.tool("ssh_connect", order.clone()).refuses("secret-needed", &["q1"]);
    // Nobody answers: the same card is named again.
    let run = json!({"target": target, "command": "true", "wait_s": 1});
    desk.tool("ssh_run", run).refuses("secret-needed", &["q1"]);
    desk.tool("ssh_close", json!({"id": "127.0.0.1"}));
    until("the card is gone", || open(&desk.home).is_empty().then_some(()));
    // An attempt that an agent's command began goes on without that command.
    let output = desk.home.run(&["up", &target]);
    assert_eq!(output.status.code(), Some(65), "{output:?}");
    assert_eq!(open(&desk.home)[0]["id"], "q2");
    // The key is there by now.
    fs::copy(sshd.file("user_ed25519"), own(&desk.home, "id_ed25519")).unwrap();
    let said = desk.tool("ssh_connect", order);
    assert!(said.head().contains("ready"), "{said:?}");
    until("the card is gone", || open(&desk.home).is_empty().then_some(()));
}

/// From inside a session, in each way that leaves a terminal, nothing that is a person's is done.
#[test]
fn from_inside_a_session_no_detour_answers_a_card() {
    let story = "from_inside_a_session_no_detour_answers_a_card";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let mut desk = Desk::at(home);
    desk.tool("ssh_connect", json!({"target": target})).refuses("secret-needed", &["q1"]);
    desk.tool("ssh_connect", json!({"target": "local"}));
    let out = desk.home.work().join("out");
    for order in ["answer q1", "answer q1 --deny"] {
        let call = format!("{} {order}", binary().display());
        for way in [
            format!("setsid -w sh -c 'echo {SECRET} | {call} >out 2>&1'"),
            format!("nohup sh -c 'echo {SECRET} | {call} >out 2>&1'"),
            format!("script -qec '{call}' out </dev/null"),
            format!("(setsid sh -c '(echo {SECRET} | {call} >out 2>&1; echo over >>out) &' &)"),
        ] {
            fs::write(&out, "").unwrap();
            desk.run("local", &format!("cd {} && {way}", desk.home.work().display()));
            let text =
                until("it was tried", || fs::read_to_string(&out).ok().filter(|it| it.contains("cotty:")));
            assert!(text.contains("a person's to do"), "{way}\n{text}");
        }
    }
    assert_eq!(open(&desk.home).len(), 1);
    let mut child = desk.home.cotty(&["answer", "q1"]);
    let mut child = child.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{SECRET}").ok();
    assert_eq!(child.wait().unwrap().code(), Some(77));
}

#[test]
fn questions_of_the_server_are_relayed_word_for_word_on_the_living_connection() {
    let story = "questions_of_the_server_are_relayed";
    // What is asked is asked by PAM, which tells everybody something first.
    let lines =
        "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\nPubkeyAuthentication no\n";
    let pam = "printf 'The code was sent\\n' >{folder}/notice; chmod 644 {folder}/notice\n\
               printf 'auth optional pam_echo.so file={folder}/notice\\nauth required pam_unix.so\\n\
               account required pam_permit.so\\nsession required pam_permit.so\\n' >{folder}/pam\n\
               mount --bind {folder}/pam /etc/pam.d/sshd";
    let Some(sshd) = Sshd::start_in_namespace(story, lines, pam) else { return };
    let Some((home, account, target)) = keyless(story, &sshd) else { return };
    let mut desk = Desk::at(home);
    let said = desk.tool("ssh_connect", json!({"target": target}));
    said.refuses("secret-needed", &["q1 asks for an answer to a question of the server for"]);
    for (card, answer) in [("q1", "wrong"), ("q2", SECRET)] {
        until("it is asked", || open(&desk.home).first().filter(|it| it["id"] == card).cloned());
        let mut tty = desk.home.tty(&["answer", card]);
        let text = tty.wait_text("Password:");
        assert!(text.contains(&format!("{}@127.0.0.1 asks:", account.name())), "{text}");
        assert!(text.contains("The code was sent Password:"), "{text}");
        assert_eq!(text.contains("That was not accepted."), card == "q2", "{text}");
        tty.line(answer);
        ends(&mut tty, 0);
    }
    let said = desk.tool("ssh_connect", json!({"target": target}));
    assert!(said.head().contains("ready"), "{said:?}");
}

#[test]
fn a_client_that_can_show_an_address_is_asked_to_and_is_never_asked_for_the_secret() {
    let story = "a_client_that_can_show_an_address";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    home.write_config("listen = \"127.0.0.1:0\"\n");
    let order = json!({"target": target, "command": "true", "wait_s": 1});
    let can = json!({"elicitation": {"form": {}, "url": {}}});
    let shows = |asked: &serde_json::Value, card: &str| {
        let (url, message) = (asked["url"].as_str().unwrap(), asked["message"].as_str().unwrap());
        assert_eq!(asked["mode"], "url", "{asked}");
        assert!(url.contains(".localhost:") && url.ends_with(&format!("/s/127.0.0.1#{card}")), "{asked}");
        assert!(message.contains(&format!("cotty answer {card}")), "{asked}");
        assert!(asked.get("requestedSchema").is_none(), "{asked}");
    };
    // Since 2026-07-28 the call is answered by the question, and comes again.
    let mut agent = home.mcp();
    agent.can(can.clone());
    agent.discover();
    let asked = agent.call("ssh_run", order.clone()).result;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    shows(&asked["inputRequests"]["q1"]["params"], "q1");
    let again = json!({"name": "ssh_run", "arguments": order,
        "inputResponses": {"q1": {"action": "accept"}}});
    let again = agent.request("tools/call", again);
    assert_eq!(again["isError"], true, "nobody has answered yet, and it is not asked twice: {again}");
    // Before, the client is asked while the call goes on.
    let mut older = home.mcp();
    older.can(can);
    older.initialize();
    let call = older.start_call("ssh_run", order.clone());
    let asked = older.wait_request("the client is asked to show an address");
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    shows(&asked["params"], "q1");
    older.answer(&asked, json!({"action": "decline"}));
    let said = older.await_reply(call);
    assert!(said.is_error && said.text.contains("cotty answer q1"), "{}", said.text);
    let call = older.start_call("ssh_run", order.clone());
    let asked = older.wait_request("it is asked once more");
    let mut tty = home.tty(&["answer", "q1"]);
    tty.wait_text("Password of");
    tty.line(SECRET);
    ends(&mut tty, 0);
    older.answer(&asked, json!({"action": "accept"}));
    let said = older.await_reply(call);
    // The same call goes on: nothing waits for a person any more.
    assert!(!said.text.contains("cotty answer"), "{}", said.text);
    // Whoever cannot show one is asked nothing.
    let mut plain = home.mcp();
    plain.initialize();
    assert!(plain.requests().is_empty());
}
