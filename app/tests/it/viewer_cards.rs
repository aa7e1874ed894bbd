//! Cards in a real browser: what an agent's connection needs a person for is seen, judged and answered on the page.

use std::fs;

use cotty_testkit::wait::until;
use cotty_testkit::{Mcp, Said, Sshd};
use serde_json::json;

use crate::cards::{SECRET, keyless};
use crate::desk::client;
use crate::http::Door;
use crate::remote::target;
use crate::trust::{own, stranger};
use crate::viewer::Scene;

/// An agent whose connection to `target` waits for a person, and that person's browser.
fn waits(
    story: &str,
    door: impl FnOnce() -> Door,
    order: &serde_json::Value,
    kind: &str,
) -> Option<(Scene, Mcp)> {
    let scene = Scene::of(story, door)?;
    let mut agent = client(&scene.door.home);
    tool(&mut agent, "ssh_connect", order).refuses(kind, &["q1"]);
    Some((scene, agent))
}

fn tool(agent: &mut Mcp, name: &str, order: &serde_json::Value) -> Said {
    agent.call(name, order.clone()).into()
}

impl Scene {
    /// Logs in, and opens a session's page by the address that names its card.
    fn at_card(&mut self, session: &str, card: &str) {
        let link = self.link(&[]);
        self.browser.go(&link);
        self.browser.wait_text(".ask", session);
        self.browser.click(&format!("a[href='/s/{session}#{card}']"));
        self.browser.wait("!!document.querySelector('.card.wanted')");
    }

    /// Waits until a card has been before the person's eyes for long enough.
    pub(crate) fn is_calm(&mut self) {
        self.browser.eval("globalThis.drawn ??= performance.now(); 0");
        self.browser.wait("performance.now() - globalThis.drawn > 600");
    }

    /// A canary is nowhere in the page nor in what it keeps.
    fn knows_nothing_of(&mut self, canary: &str) {
        let script = format!(
            "[document.documentElement.outerHTML, JSON.stringify({{...localStorage}}), JSON.stringify({{...sessionStorage}}), location.href, \
             ...[...document.querySelectorAll('input')].map(it => it.value)].some(it => it.includes({}))",
            json!(canary)
        );
        assert_eq!(self.browser.eval(&script), false);
    }
}

#[test]
fn a_password_is_given_on_the_page_and_wanted_again_where_it_was_wrong() {
    let story = "a_password_is_given_on_the_page";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account, target)) = keyless(story, &sshd) else { return };
    let order = json!({"target": target});
    let Some((mut scene, mut agent)) = waits(story, || Door::of(home), &order, "secret-needed") else {
        return;
    };
    let link = scene.link(&[]);
    scene.browser.go(&link);
    scene.browser.wait_text(".asks", "Password wanted");
    assert_eq!(scene.browser.eval("document.title"), "(1) cotty");
    scene.browser.shot("home");
    scene.browser.click("a[href='/s/127.0.0.1#q1']");
    scene
        .browser
        .wait_text(".card", &format!("127.0.0.1:{} wants the password of {}", sshd.port(), account.name()));
    assert_eq!(scene.browser.eval("document.title"), "(1) Password wanted · 127.0.0.1 · cotty");
    scene.browser.wait("document.activeElement?.classList.contains('secret')");
    scene.pen_says("Your keys go to the card");
    scene.browser.wait_text(".opening", "Opening 127.0.0.1");
    scene.is_calm();
    scene.browser.type_text("wrong");
    scene.browser.shot("typed");
    // Enter accepts nothing: not in the field, and not on the button.
    scene.browser.press("Enter");
    scene.browser.wait("document.activeElement?.matches('.card button.primary')");
    scene.browser.press("Enter");
    assert_eq!(tool(&mut agent, "ssh_list", &json!({})).text.matches("q1 asks a person").count(), 1);
    // The next card takes no click in its first moment.
    scene.browser.eval(
        "new MutationObserver(() => { const it = document.querySelector('.card.wanted:has(#card-q2) .actions button:not(.primary)'); \
         if (it && !globalThis.clicked) { globalThis.clicked = true; it.click(); } }).observe(document.body, {subtree: true, childList: true}); 0",
    );
    scene.browser.press(" ");
    scene.browser.wait_text(".card", "Try");
    assert_eq!(scene.browser.wait("globalThis.clicked === true"), true);
    scene.browser.eval("globalThis.drawn = performance.now(); 0");
    scene.is_calm();
    scene.browser.click(".card input.secret");
    scene.browser.type_text(SECRET);
    scene.browser.click(".card button.primary");
    scene.is_live();
    scene.browser.type_text("id -un\n");
    scene.shows(account.name());
    scene.browser.shot("open");
    scene.knows_nothing_of(SECRET);
    let said = tool(&mut agent, "ssh_connect", &order);
    assert!(said.head().contains("open already (same target): ready"), "{said:?}");
    scene.browser.is_content();
}

#[test]
fn an_unknown_host_key_is_compared_and_trusted_on_the_page_by_an_operator_alone() {
    let story = "an_unknown_host_key_is_compared_on_the_page";
    let Some(sshd) = Sshd::start(story) else { return };
    let order = json!({"target": target(&sshd), "name": "shop"});
    let Some((mut scene, mut agent)) = waits(story, || Door::of(stranger(&sshd)), &order, "host-key") else {
        return;
    };
    let link = scene.link(&["shop", "--role", "viewer_write"]);
    scene.browser.act("other", "go", json!({"url": link}));
    scene.browser.wait_text_on("other", ".pen", "waits for you");
    scene.browser.act("other", "click", json!({"target": ".pen button[data-act=compare]"}));
    scene.browser.wait_text_on("other", ".card", "An operator can answer this: cotty answer q1");
    let words =
        scene.browser.act("other", "eval", json!({"script": "document.querySelector('.card').innerText"}));
    assert!(!words.as_str().unwrap().contains("SHA256"), "{words}");
    // A login of another session meets neither the card nor a way to answer it.
    let bearer = scene.door.log_in(&["web1", "--role", "operator"])["bearer"].as_str().unwrap().to_owned();
    assert!(!scene.door.get("/api/v1/cards?session=web1", &bearer).text.contains("q1"));
    for session in ["web1", "shop"] {
        let path = format!("/api/v1/cards/q1/answer?session={session}");
        let answer = scene.door.post(&path, &bearer, "{\"deny\":true}");
        assert!([403, 404].contains(&answer.status), "{}", answer.text);
    }
    scene.at_card("shop", "q1");
    scene.is_calm();
    scene.browser.shot("key");
    let key = scene.browser.eval("[...document.querySelector('.prints').childNodes].filter(it => it.nodeType === 3).map(it => it.data).join('')");
    scene.browser.click(".card input");
    scene.browser.type_text("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    scene.browser.wait_text(".verdict", "Different");
    scene.browser.eval("document.querySelector('.card input').value = ''; 0");
    scene.browser.type_text(key.as_str().unwrap());
    scene.browser.wait_text(".verdict", "Same");
    scene.browser.click(".card button:text-is('Trust this key')");
    scene.is_live();
    scene.browser.type_text("echo open-$((40 + 2))\n");
    scene.shows("open-42");
    assert_eq!(fs::read_to_string(own(&scene.door.home, "known_hosts")).unwrap().lines().count(), 1);
    assert!(tool(&mut agent, "ssh_connect", &order).head().contains("ready"));
    scene.browser.is_content();
}

#[test]
fn what_was_half_typed_when_a_card_goes_away_runs_on_into_nothing() {
    let story = "what_was_half_typed_when_a_card_goes_away";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let order = json!({"target": target});
    let Some((mut scene, _agent)) = waits(story, || Door::of(home), &order, "secret-needed") else { return };
    scene.at_card("127.0.0.1", "q1");
    scene.is_calm();
    scene.browser.type_text("half-of-");
    scene.browser.eval("globalThis.sent = []; const send = WebSocket.prototype.send; WebSocket.prototype.send = function (it) { sent.push(it); return send.call(this, it); }; 0");
    let (code, text) = scene.door.home.run_as_person(&["answer", "q1", "--deny"]);
    assert_eq!(code, Some(0), "{text}");
    scene.browser.wait_text(".outcome", "Answered by operator");
    scene.browser.shot("outcome");
    scene.browser.type_text("a-password");
    assert_eq!(scene.browser.eval("document.activeElement?.classList.contains('outcome')"), true);
    assert_eq!(scene.browser.eval("sent.filter(it => JSON.parse(it).type === 'key').length"), 0);
    scene.knows_nothing_of("half-of-");
    scene.browser.click(".outcome");
    scene.pen_says("10 keys were not sent");
}

#[test]
fn on_a_phone_a_card_is_answered_in_the_place_of_the_keys() {
    let story = "on_a_phone_a_card_is_answered";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account, target)) = keyless(story, &sshd) else { return };
    let order = json!({"target": target, "name": "shop"});
    let Some((mut scene, _agent)) = waits(story, || Door::of(home), &order, "secret-needed") else { return };
    scene.browser.size(390, 844);
    scene.at_card("shop", "q1");
    scene.is_calm();
    scene.browser.type_text(SECRET);
    scene.browser.shot("sheet");
    assert_eq!(scene.browser.eval("getComputedStyle(document.querySelector('.keys-bar')).display"), "none");
    assert_eq!(scene.browser.eval("document.documentElement.scrollWidth <= 390"), true);
    scene.browser.click(".card button.primary");
    scene.is_live();
    scene.browser.type_text("id -un\n");
    scene.shows(account.name());
    scene.browser.shot("open");
    until("the keys are back", || {
        (scene.browser.eval("getComputedStyle(document.querySelector('.keys-bar')).display") == "grid")
            .then_some(())
    });
    scene.knows_nothing_of(SECRET);
}

#[test]
fn a_page_that_nobody_looks_at_marks_its_title_and_tells_its_person_in_our_words_alone() {
    let story = "a_page_that_nobody_looks_at";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, _account, target)) = keyless(story, &sshd) else { return };
    let order = json!({"target": target, "name": "shop"});
    let Some((mut scene, _agent)) = waits(story, || Door::of(home), &order, "secret-needed") else { return };
    scene.at_card("shop", "q1");
    scene.browser.eval(
        "globalThis.told = []; localStorage.setItem('cotty.notify', 'yes'); \
         globalThis.Notification = class { static permission = 'granted'; constructor(title, more) { told.push([title, more.body]); } }; \
         Object.defineProperty(document, 'hidden', { get: () => true }); document.dispatchEvent(new Event('visibilitychange')); 0",
    );
    // A wrong answer from elsewhere: it is asked again, as a new card.
    let bearer = scene.door.log_in(&["--role", "operator"])["bearer"].as_str().unwrap().to_owned();
    let path = "/api/v1/cards/q1/answer?session=shop";
    assert_eq!(scene.door.post(path, &bearer, "{\"answer_hex\":\"77\"}").status, 204);
    scene.browser.wait("globalThis.told.length === 1");
    assert_eq!(scene.browser.eval("told[0]"), json!(["Password wanted on shop", "cotty answer q2"]));
    assert_eq!(scene.browser.eval("document.title"), "(1) Password wanted · shop · cotty");
    scene.browser.is_content();
}
