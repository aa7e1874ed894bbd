//! The pen in a person's hand: it is one person's, all are told, another person may take it over, and it is never forgotten.

use cotty_testkit::{Home, Mcp, Said};
use serde_json::json;

use crate::desk::client;
use crate::http::Door;
use crate::viewer::Scene;

fn run(agent: &mut Mcp) -> Said {
    agent.call("ssh_run", json!({"session": "web1", "command": "echo by-an-agent", "wait_s": 25})).into()
}

#[test]
fn a_taken_pen_is_one_persons_and_who_takes_it_over_is_in_the_history() {
    let story = "a_taken_pen_is_one_persons";
    let Some(mut scene) = Scene::at_session(story) else { return };
    let mut agent = client(&scene.door.home);
    scene.browser.click(".pen button[data-act=take]");
    scene.pen_says("You have the pen, ");
    let said = run(&mut agent);
    said.refuses("input-locked", &["browser b1 has taken the pen of session web1", " s ago"]);
    scene.browser.shot("yours");
    // Another person sees whose it is, and that their own keys go nowhere.
    let link = scene.link(&["web1", "--role", "operator"]);
    let mut other = cotty_testkit::browser::Browser::start(story).unwrap();
    other.size(1372, 884);
    other.go(&link);
    other.wait_text(".pen", "browser b1 has the pen");
    other.wait_text(".pen", "Your keys go nowhere");
    other.click(".term");
    other.type_text("echo not-mine\n");
    other.wait_text(".pen", "browser b1 has taken the pen");
    other.shot("another-has-it");
    other.wait("!!document.querySelector('.pen button[data-act=take_over]')");
    other.click(".pen button[data-act=take_over]");
    other.wait_text(".pen", "You have the pen, ");
    scene.pen_says("browser b2 has the pen");
    // Whoever may only write takes it from nobody.
    let link = scene.link(&["web1", "--role", "viewer_write"]);
    let mut third = cotty_testkit::browser::Browser::start(story).unwrap();
    third.go(&link);
    third.wait_text(".pen", "browser b2 has the pen");
    assert_eq!(third.eval("document.querySelectorAll('.pen button').length"), 0);
    other.click(".pen button[data-act=release]");
    scene.pen_says("Free");
    assert_eq!(run(&mut agent).exit(), Some(0));
    let history = scene.door.home.run(&["read", "web1", "--view", "history"]);
    let history = String::from_utf8_lossy(&history.stdout).into_owned();
    for line in ["took the pen", "took over the pen from browser b1", "released the pen"] {
        assert!(history.contains(line), "{history}");
    }
    assert!(!history.contains("not-mine"), "{history}");
}

#[test]
fn a_pen_outlives_the_daemon_that_knew_of_it() {
    let story = "a_pen_outlives_the_daemon_that_knew_of_it";
    let Some(mut scene) = Scene::at_session(story) else { return };
    scene.browser.click(".pen button[data-act=take]");
    scene.pen_says("You have the pen, ");
    scene.kill_daemon();
    scene.pen_says("Reconnecting");
    assert!(scene.door.home.run(&["ls"]).status.success());
    scene.pen_says("You have the pen, ");
    let mut agent = client(&scene.door.home);
    run(&mut agent).refuses("input-locked", &["has taken the pen"]);
}

#[test]
fn a_person_parks_their_line_for_an_agent_and_it_comes_back_unsent() {
    let story = "a_person_parks_their_line";
    let door = || Door::with(Home::new(), "[session]\npark_drafts = \"off\"\n");
    let Some(mut scene) = Scene::of(story, door) else { return };
    scene.enter(&["--role", "operator"]);
    scene.is_live();
    let mut agent = client(&scene.door.home);
    let mut is_refused_for = |scene: &mut Scene, line: &str| {
        scene.browser.type_text(line);
        scene.shows(line);
        scene.pen_says("You are typing");
        run(&mut agent).refuses("input-locked", &["unsent line"]);
        scene.pen_says("testkit 1 waits for your unsent line");
    };
    is_refused_for(&mut scene, "echo again");
    scene.browser.shot("waits-for-draft");
    scene.browser.click(".pen button[data-act=park]");
    scene.pen_says("Your line is put aside");
    scene.browser.shot("put-aside");
    scene.browser.click(".pen button[data-act=put_back]");
    scene.pen_says("You are typing");
    scene.browser.type_text("-$((40 + 2))\n");
    // What is typed ahead of the next prompt is a story of its own.
    scene.browser.wait(
        "/again-42\\s*\\n[^\\n]*[#$%>]$/.test(document.querySelector('.xterm-rows').innerText.trimEnd())",
    );
    is_refused_for(&mut scene, "echo dra");
    scene.browser.click(".pen button[data-act=park]");
    scene.pen_says("Your line is put aside");
    let order = json!({"session": "web1", "command": "sleep 600", "wait_s": 40});
    let ticket = agent.start_call("ssh_run", order);
    scene.pen_says("Your line waits for c");
    scene.browser.shot("parked");
    scene.browser.click(".pen button[data-act=interrupt]");
    let said: Said = agent.await_reply(ticket).into();
    assert!(said.state().starts_with("interrupted"), "{said:?}");
    assert!(said.notes().join(" ").contains("was put aside for this and is put back"), "{said:?}");
    scene.pen_says("You are typing");
    scene.browser.type_text("ft-$((40 + 2))\n");
    scene.shows("draft-42");
    scene.browser.is_content();
}
