//! Typing over a slow line feels local, and what is typed where it does not show is shown by nobody.

use std::time::Duration;

use cotty_testkit::{Mcp, Relay, Said};
use serde_json::{Value, json};

use crate::viewer::Scene;

/// Half of a round trip.
const ONE_WAY: Duration = Duration::from_millis(100);

/// Notes when a key was pressed and when it was first shown as predicted, and every text that ever was.
const WATCHES: &str = "globalThis.keys = []; globalThis.ever = ''; \
    addEventListener('keydown', it => { if (it.key.length === 1) keys.push({ key: it.key, at: performance.now() }); }, true); \
    new MutationObserver(() => { \
        const text = document.querySelector('.predicted')?.textContent ?? ''; \
        ever += text; \
        const last = keys.at(-1); \
        if (last && !last.shown && text.endsWith(last.key)) last.shown = performance.now(); \
    }).observe(document.querySelector('.xterm-screen'), { childList: true, subtree: true, characterData: true }); 0";

fn far(story: &str) -> Option<(Scene, Relay)> {
    let mut scene = Scene::open(story)?;
    let relay = Relay::to(scene.door.port);
    let link = scene.link(&["web1", "--role", "operator"]);
    scene.browser.go(&link.replace(&format!(":{}", scene.door.port), &format!(":{}", relay.port())));
    scene.is_live();
    relay.latency(ONE_WAY);
    scene.browser.eval(WATCHES);
    Some((scene, relay))
}

impl Scene {
    /// Types as a person does, a key every so often.
    fn types(&mut self, text: &str, every: Duration) {
        let every = u64::try_from(every.as_millis()).unwrap();
        self.browser.act("page", "type", json!({"text": text, "every_ms": every}));
    }

    fn rows(&mut self) -> String {
        let rows = "document.querySelector('.xterm-rows').innerText.replaceAll('\\u00a0', ' ')";
        self.browser.eval(rows).as_str().unwrap().to_owned()
    }

    fn is_settled(&mut self) {
        self.browser.wait("!document.querySelector('.predicted')");
    }
}

#[test]
fn over_a_slow_line_keys_are_shown_at_once_and_stand_where_their_echo_puts_them() {
    let story = "over_a_slow_line_keys_are_shown_at_once";
    let Some((mut scene, _relay)) = far(story) else { return };
    // The first keys tell how far the echo is.
    scene.types("echo warm\n", Duration::from_millis(60));
    scene.shows("warm\n");
    scene.pen_says("Free");
    scene.browser.eval("keys.length = 0; 0");
    let line = "echo the quick brown fox jumps over the lazy dog 0123456789";
    scene.types(line, Duration::from_millis(80));
    scene.browser.shot("predicted");
    // Those after the first confirmed echo: a round trip, at this pace, is a handful of keys.
    let typed: Vec<Value> = scene.browser.eval("keys").as_array().unwrap().clone();
    let after = &typed[6..];
    let took = |it: &Value| it["shown"].as_f64().map(|shown| shown - it["at"].as_f64().unwrap());
    // What is predicted is gone once its echo stands there: who was shown was shown before. How long before is a figure of the benchmarks.
    let soon = after.iter().filter(|it| took(it).is_some()).count();
    let figures: Vec<String> =
        after.iter().map(|it| format!("{:.0}", took(it).unwrap_or(f64::NAN))).collect();
    assert!(soon * 10 >= after.len() * 9, "{soon} of {}: {figures:?}", after.len());
    scene.is_settled();
    // No cell is wrong: what stands there is what the daemon's own terminal has.
    let screen = scene.door.person(&["read", "web1", "--view", "screen"]);
    let shown = screen["screen"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .find_map(|it| it.as_str().filter(|it| !it.is_empty()));
    assert!(shown.unwrap().ends_with(line), "{screen}");
    assert!(scene.rows().contains(line), "{}", scene.rows());
    scene.types("\n", Duration::ZERO);
    scene.shows("lazy dog 0123456789\n");
    scene.browser.is_content();
}

#[test]
fn a_password_is_predicted_nowhere_however_early_it_is_typed() {
    let story = "a_password_is_predicted_nowhere";
    let Some((mut scene, _relay)) = far(story) else { return };
    // As sudo and su do: a moment passes before the echo is off.
    let mut agent: Mcp = crate::desk::client(&scene.door.home);
    let asks = "printf '%s\\n' '#!/bin/sh' 'sleep 0.1' 'stty -echo' 'printf \"[sudo] password for me: \"' 'read x' 'stty echo' 'echo; echo asked-$((40 + 2))' > sudo; chmod +x sudo; cp sudo su; cp sudo ssh; echo made";
    let said: Said = agent.call("ssh_run", json!({"session": "web1", "command": asks, "wait_s": 20})).into();
    assert_eq!(said.exit(), Some(0), "{said:?}");
    // Nobody else has typed for a while, and it is known how far the echo is.
    scene.types("echo warm; sleep 1\n", Duration::from_millis(60));
    scene.shows("warm\n");
    scene.pen_says("Free");
    for (round, (order, after)) in [
        ("./sudo id", 0),
        ("./su - somebody", 100),
        ("read -s x; echo asked-$((40 + 2))", 0),
        ("./ssh web2", 250),
        ("./sudo id", 400),
    ]
    .into_iter()
    .enumerate()
    {
        scene.types(order, Duration::from_millis(70));
        // The order itself is predicted: what follows is not for want of it.
        assert_ne!(scene.browser.eval("ever"), "", "{order}");
        scene.is_settled();
        scene.browser.eval("ever = ''; 0");
        scene.types("\n", Duration::ZERO);
        let password = "s[Secr3t";
        // The pace is the story's: so long after Enter, and then key by key.
        scene.browser.eval(&format!("new Promise(done => setTimeout(() => done(0), {after}))"));
        scene.types(password, Duration::from_millis(35));
        scene.types("\n", Duration::ZERO);
        scene.browser.wait(&format!(
            "(document.querySelector('.xterm-rows').innerText.match(/asked-42/g) ?? []).length > {round}"
        ));
        assert_eq!(scene.browser.eval("ever"), "", "{order} after {after} ms");
        scene.pen_says("Free");
    }
    scene.browser.is_content();
}
