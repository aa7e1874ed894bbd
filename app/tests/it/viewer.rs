//! The viewer in a real browser: a person logs in, watches, types, takes over, and is back after every cut.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use cotty_testkit::browser::Browser;
use cotty_testkit::wait::until;
use cotty_testkit::{Mcp, Relay, Said};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::desk::client;
use crate::http::Door;

/// A person at a browser, in a home with a session.
pub(crate) struct Scene {
    pub(crate) browser: Browser,
    pub(crate) door: Door,
}

impl Scene {
    pub(crate) fn open(story: &str) -> Option<Self> {
        Self::of(story, Door::open)
    }

    /// The same in a home that was made for the story; not made where there is no browser.
    pub(crate) fn of(story: &str, door: impl FnOnce() -> Door) -> Option<Self> {
        let mut browser = Browser::start(story)?;
        browser.size(1372, 884);
        browser.act("page", "media", json!({"scheme": "dark"}));
        Some(Self { browser, door: door() })
    }

    /// Returns a new link for a person's browser.
    pub(crate) fn link(&self, arguments: &[&str]) -> String {
        let arguments: Vec<&str> = ["viewer", "link"].iter().chain(arguments).copied().collect();
        let url = self.door.person(&arguments)["url"].as_str().unwrap().to_owned();
        // What the card draws cannot be read back; a story of its own has it drawn.
        url.replace('#', "?renderer=dom#")
    }

    /// Opens the page of the session, as an operator, and waits until it is live.
    pub(crate) fn at_session(story: &str) -> Option<Self> {
        let mut scene = Self::open(story)?;
        scene.enter(&["--role", "operator"]);
        scene.is_live();
        Some(scene)
    }

    pub(crate) fn enter(&mut self, arguments: &[&str]) {
        let arguments: Vec<&str> = ["web1"].iter().chain(arguments).copied().collect();
        let link = self.link(&arguments);
        self.browser.go(&link);
    }

    pub(crate) fn is_live(&mut self) {
        self.browser.wait_text(".pen", "Your keys go to");
        self.browser.wait("document.activeElement?.classList.contains('xterm-helper-textarea')");
        // What is typed before the first prompt was shown is a story of its own.
        self.browser.wait("/[#$%>]/.test(document.querySelector('.xterm-rows').innerText)");
    }

    pub(crate) fn kill_daemon(&self) {
        let pid = self.door.home.daemon_pid().unwrap();
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
    }

    fn bearer(&mut self) -> String {
        let bearer = self.browser.eval("JSON.parse(localStorage.getItem('cotty.login')).bearer");
        bearer.as_str().unwrap().to_owned()
    }

    /// The daemon is killed, and another program takes its port: it answers everything with a status and a proof that
    /// is none, and keeps what it was told. It ends with the test's process.
    fn another_program_has_the_port(&self, status: &'static str) -> Arc<Mutex<String>> {
        self.kill_daemon();
        let stranger = until("the port is free", || TcpListener::bind(("127.0.0.1", self.door.port)).ok());
        let heard = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in stranger.incoming().flatten() {
                let mut buffer = [0; 8192];
                let count = stream.read(&mut buffer).unwrap_or(0);
                *sink.lock().unwrap() += &String::from_utf8_lossy(&buffer[..count]);
                let body = format!("{{\"proof\":\"{}\"}}", "0".repeat(64));
                let head =
                    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
                drop(write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()));
            }
        });
        heard
    }

    fn agent(&self) -> Mcp {
        client(&self.door.home)
    }

    /// Waits until the terminal shows a text.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        self.browser.wait_text(".xterm-rows", text);
    }

    #[track_caller]
    pub(crate) fn pen_says(&mut self, text: &str) {
        self.browser.wait_text(".pen", text);
    }
}

fn command(command: &str) -> Value {
    json!({"session": "web1", "command": command, "wait_s": 25})
}

#[test]
fn a_person_logs_in_by_a_code_and_types() {
    let Some(mut scene) = Scene::open("a_person_logs_in_by_a_code_and_types") else { return };
    let link = scene.link(&[]);
    let browser = &mut scene.browser;
    browser.go(&link);
    browser.wait_text(".row", "web1");
    // The code has left the address, and nothing else in it tells.
    assert_eq!(browser.eval("location.hash"), "");
    browser.shot("home");
    browser.click(".row");
    scene.is_live();
    scene.browser.type_text("echo typed-$((40 + 2))\n");
    scene.shows("typed-42");
    scene.pen_says("Free");
    scene.browser.shot("terminal");
    // The same link opens nothing for another browser.
    let other = Browser::start("a_person_logs_in_by_a_code_and_types");
    let mut other = other.unwrap();
    other.go(&link);
    other.wait_text(".note", "used up or older than 60 s");
    assert!(!other.eval("document.body.innerText").as_str().unwrap().contains("web1"));
    scene.browser.is_content();
}

#[test]
fn a_person_answers_what_an_agents_command_asks() {
    let Some(mut scene) = Scene::at_session("a_person_answers_what_an_agents_command_asks") else { return };
    let mut agent = scene.agent();
    let ticket = agent.start_call("ssh_run", command("printf 'Your name: '; read x; echo \"got-$x\""));
    scene.pen_says("testkit 1 waits for you");
    scene.pen_says("waits for a line");
    assert_eq!(scene.browser.eval("document.querySelector('.pen').classList.contains('attention')"), true);
    assert_eq!(scene.browser.eval("document.title"), "(1) web1 · cotty");
    scene.browser.shot("waits");
    scene.browser.type_text("Mei\n");
    scene.shows("got-Mei");
    let said: Said = agent.await_reply(ticket).into();
    assert!(said.text.contains("needs input") || said.exit() == Some(0), "{said:?}");
    scene.pen_says("Free");
    let ticket = agent.start_call("ssh_run", command("stty -echo; printf 'Password: '; read x; stty echo"));
    scene.pen_says("hidden and not kept");
    scene.browser.shot("secret");
    scene.browser.type_text("hunter2\n");
    drop(agent.await_reply(ticket));
    scene.pen_says("Free");
    assert!(!scene.browser.eval("document.body.innerText").as_str().unwrap().contains("hunter2"));
    scene.browser.is_content();
}

#[test]
fn a_person_interrupts_takes_over_and_releases() {
    let Some(mut scene) = Scene::at_session("a_person_interrupts_takes_over_and_releases") else { return };
    let mut agent = scene.agent();
    let ticket = agent.start_call("ssh_run", command("sleep 600"));
    scene.pen_says("testkit 1 has the pen");
    scene.browser.shot("agent-runs");
    scene.browser.click(".pen button[data-act=interrupt]");
    let said: Said = agent.await_reply(ticket).into();
    assert!(said.state().starts_with("interrupted"), "{said:?}");
    let ticket = agent.start_call("ssh_run", command("sleep 600"));
    scene.browser.wait("!!document.querySelector('.pen button[data-act=take_over]')");
    scene.browser.click(".pen button[data-act=take_over]");
    scene.browser.wait("!!document.querySelector('.pen button[data-act=release]')");
    // What runs goes on; the person ends it, and then the pen is theirs alone.
    scene.browser.press("Control+c");
    let said: Said = agent.await_reply(ticket).into();
    assert!(said.state().starts_with("interrupted"), "{said:?}");
    scene.pen_says("You have the pen");
    scene.browser.shot("taken");
    let said: Said = agent.call("ssh_run", command("true")).into();
    said.refuses("input-locked", &[]);
    scene.browser.click(".pen button[data-act=release]");
    scene.pen_says("Free");
    let said: Said = agent.call("ssh_run", command("exit 3 | cat; (exit 3)")).into();
    assert_eq!(said.exit(), Some(3), "{said:?}");
    scene.browser.is_content();
}

#[test]
fn after_a_cut_and_after_the_daemon_was_killed_the_same_page_is_live_again() {
    let story = "after_a_cut_and_after_the_daemon_was_killed_the_same_page_is_live_again";
    let Some(mut scene) = Scene::open(story) else { return };
    // As over `ssh -L`: the browser's port is another one than the daemon's.
    let relay = Relay::to(scene.door.port);
    let link = scene.link(&["web1", "--role", "operator"]);
    scene.browser.go(&link.replace(&format!(":{}", scene.door.port), &format!(":{}", relay.port())));
    scene.is_live();
    scene.browser.eval("globalThis.same = 'page'; 0");
    scene.browser.type_text("kept=value; echo before-$((1 + 1))\n");
    scene.shows("before-2");
    // While nobody looks the session goes on, and nothing of it is missed.
    relay.freeze();
    let mut agent = scene.agent();
    drop(agent.call("ssh_run", command("seq 1000 1100")));
    scene.pen_says("Not live since");
    scene.browser.shot("reconnecting");
    relay.thaw();
    relay.reset();
    scene.browser.wait_text(".spoken", "Live again. Nothing was missed");
    scene.shows("1100");
    scene.browser.press("Shift+PageUp");
    scene.shows("1040");
    scene.pen_says("Reading");
    scene.browser.press("Shift+End");
    scene.is_live();

    // The next daemon has a newer page: it is offered, and nothing is loaded by itself.
    scene.browser.eval(
        "const plain = fetch; globalThis.fetch = async (at, it) => { const said = await plain(at, it); \
         return at === '/api/v1/me' ? new Response(JSON.stringify({...await said.json(), build: 'another'})) : said; }; 0",
    );
    scene.kill_daemon();
    scene.pen_says("Not live since");
    scene.pen_says("Your keys go nowhere");
    scene.browser.type_text("lost");
    assert!(scene.door.home.run(&["ls"]).status.success());
    scene.browser.wait(
        "['Live again', '4 keys were not sent'].every(it => document.querySelector('.pen').innerText.includes(it))",
    );
    scene.browser.type_text("echo still-$kept\n");
    scene.shows("still-value");
    scene.browser.wait("!!document.querySelector('.pen button[data-act=reload]')");
    scene.browser.shot("newer-page");
    assert_eq!(scene.browser.eval("globalThis.same"), "page", "it was never loaded again");
    assert!(
        !scene
            .browser
            .eval("document.querySelector('.xterm-rows').innerText")
            .as_str()
            .unwrap()
            .contains("lost")
    );
    scene.browser.is_content();
}

#[test]
fn another_program_at_the_port_hears_no_secret() {
    let Some(mut scene) = Scene::at_session("another_program_at_the_port_hears_no_secret") else { return };
    let bearer = scene.bearer();
    let heard = scene.another_program_has_the_port("200 OK");
    scene.pen_says("Another program answers at this address. Nothing was sent");
    scene.browser.shot("stranger");
    scene.browser.type_text("secret keys");
    let heard = heard.lock().unwrap().clone();
    assert!(heard.contains("POST /login"), "{heard}");
    assert!(!heard.contains(&bearer) && !heard.contains("secret keys"), "{heard}");
}

#[test]
fn another_program_at_the_port_hears_no_secret_from_the_home_page_and_does_not_take_its_place() {
    let story = "another_program_at_the_port_hears_no_secret_from_the_home_page_and_does_not_take_its_place";
    for (status, says) in [
        ("200 OK", "Another program answers at this address. Nothing was sent"),
        ("401 Unauthorized", "Your access ended. Run cotty viewer link"),
    ] {
        let Some(mut scene) = Scene::open(story) else { return };
        let link = scene.link(&[]);
        scene.browser.go(&link);
        scene.browser.wait_text(".row", "web1");
        scene.browser.eval("globalThis.same = 'page'; 0");
        let bearer = scene.bearer();
        let heard = scene.another_program_has_the_port(status);
        scene.browser.wait_text(".note", says);
        assert_eq!(scene.browser.eval("globalThis.same"), "page", "it was never loaded again");
        let heard = heard.lock().unwrap().clone();
        assert!(heard.contains("POST /login"), "{heard}");
        assert!(!heard.contains(&bearer) && !heard.contains("GET / "), "{heard}");
    }
}

#[test]
fn a_revoked_login_is_said_at_home_too() {
    let Some(mut scene) = Scene::open("a_revoked_login_is_said_at_home_too") else { return };
    let link = scene.link(&[]);
    scene.browser.go(&link);
    scene.browser.wait_text(".row", "web1");
    scene.browser.eval("globalThis.same = 'page'; 0");
    scene.door.person(&["token", "revoke", "b1"]);
    scene.browser.wait_text(".note", "Your access ended. Run cotty viewer link");
    assert_eq!(scene.browser.eval("globalThis.same"), "page", "it was never loaded again");
}

#[test]
fn a_flood_neither_fills_the_page_nor_hides_what_comes_after_it() {
    let story = "a_flood_neither_fills_the_page_nor_hides_what_comes_after_it";
    let Some(mut scene) = Scene::at_session(story) else { return };
    let mut agent = scene.agent();
    scene.browser.eval(
        "const slow = WebSocket.prototype.send; globalThis.told = []; \
         WebSocket.prototype.send = function (it) { const said = JSON.parse(it); if (said.type === 'seen') told.push(said.offset); return slow.call(this, it); }; 0",
    );
    let said: Said = agent.call("ssh_run", command("seq 300000; echo flood-$((40 + 2))")).into();
    assert_eq!(said.exit(), Some(0), "{said:?}");
    scene.shows("flood-42");
    assert!(scene.browser.eval("told.length").as_u64().unwrap() > 3, "it tells how far it is");
    scene.browser.type_text("echo after-$((40 + 2))\n");
    scene.shows("after-42");
    scene.browser.is_content();
}

#[test]
fn a_revoked_login_closes_its_page() {
    let Some(mut scene) = Scene::at_session("a_revoked_login_closes_its_page") else { return };
    scene.door.person(&["token", "revoke", "b1"]);
    scene.pen_says("Your access ended. Run cotty viewer link");
    scene.browser.type_text("echo nobody-hears\n");
    let read = scene.door.home.run(&["read", "web1"]);
    assert!(!String::from_utf8_lossy(&read.stdout).contains("nobody-hears"));
    let address = scene.browser.eval("location.href");
    scene.browser.go(address.as_str().unwrap());
    scene.browser.wait_text(".note", "cotty viewer link");
}

#[test]
fn logging_out_that_was_not_done_is_said_and_of_one_session_reaches_nobody_else() {
    let story = "logging_out_that_was_not_done_is_said_and_of_one_session_reaches_nobody_else";
    let Some(mut scene) = Scene::at_session(story) else { return };
    scene.browser.click("button[aria-label=More]");
    scene.browser.wait_text(".ways-out", "Log out");
    let said = scene.browser.eval("document.querySelector('.ways-out').innerText");
    assert!(!said.as_str().unwrap().contains("everywhere"), "{said}");
    scene.kill_daemon();
    scene.browser.click(".ways-out button:text-is('Log out')");
    scene.pen_says("Logging out was not done: nobody answers");
    assert!(!scene.bearer().is_empty(), "it is not forgotten while it holds");
    let mut scene = Scene::open(story).unwrap();
    let link = scene.link(&[]);
    scene.browser.go(&link);
    scene.browser.wait_text(".row", "web1");
    scene.kill_daemon();
    scene.browser.click(".top button");
    scene.browser.wait_text(".list", "Logging out was not done: nobody answers");
    assert!(!scene.bearer().is_empty());
}

#[test]
fn whoever_only_watches_types_nothing() {
    let Some(mut scene) = Scene::open("whoever_only_watches_types_nothing") else { return };
    scene.enter(&["--role", "viewer_read"]);
    scene.pen_says("You are watching");
    scene.pen_says("Your keys go nowhere");
    let mut agent = scene.agent();
    drop(agent.call("ssh_run", command("echo seen-$((40 + 2))")));
    scene.shows("seen-42");
    scene.browser.type_text("echo typed\n");
    assert_eq!(scene.browser.eval("document.querySelectorAll('.pen button').length"), 0);
    assert_eq!(scene.browser.eval("!!document.querySelector('a[href=\"/\"]')"), false);
    drop(agent.call("ssh_run", command("echo after-$((40 + 2))")));
    scene.shows("after-42");
    assert!(
        !scene
            .browser
            .eval("document.querySelector('.xterm-rows').innerText")
            .as_str()
            .unwrap()
            .contains("typed")
    );
    scene.browser.is_content();
}

#[test]
fn on_a_phone_the_keys_that_it_lacks_are_there() {
    let Some(mut scene) = Scene::open("on_a_phone_the_keys_that_it_lacks_are_there") else { return };
    scene.browser.size(390, 844);
    scene.enter(&["--role", "operator"]);
    scene.is_live();
    let before = scene.door.home.run(&["status", "web1", "--json"]);
    let mut agent = scene.agent();
    let ticket = agent.start_call("ssh_run", command("cat"));
    scene.browser.wait("!!document.querySelector('.pen.attention')");
    scene.browser.shot("waits");
    for key in ["Ctrl", "/"] {
        scene.browser.wait_text(".keys-bar", key);
    }
    scene.browser.act("page", "tap", json!({"target": ".keys-bar button:text-is('Ctrl')"}));
    scene.browser.wait("!!document.querySelector('.keys-bar .held')");
    scene.browser.shot("ctrl-held");
    scene.browser.type_text("c");
    let said: Said = agent.await_reply(ticket).into();
    assert!(said.text.contains("interrupted") || said.text.contains("needs input"), "{said:?}");
    scene.pen_says("Free");
    // A phone in portrait never shrinks what others see.
    let size = |it: &std::process::Output| {
        let status: Value = serde_json::from_slice(&it.stdout).unwrap();
        (status["cols"].clone(), status["rows"].clone())
    };
    assert_eq!(size(&before), size(&scene.door.home.run(&["status", "web1", "--json"])));
    assert_eq!(scene.browser.eval("document.documentElement.scrollWidth <= 390"), true);
    // What stands in the pen bar first is never cut for what follows it.
    scene.browser.click(".pen button");
    scene.pen_says("You have the pen");
    let is_whole = "(it => it.scrollWidth <= it.clientWidth)(document.querySelector('.pen .said b'))";
    assert_eq!(scene.browser.eval(is_whole), true);
    scene.browser.shot("taken");
    scene.browser.is_content();
}

#[test]
fn without_a_mouse_everything_is_in_reach() {
    let Some(mut scene) = Scene::open("without_a_mouse_everything_is_in_reach") else { return };
    let link = scene.link(&[]);
    scene.browser.go(&link);
    scene.browser.wait_text(".row", "web1");
    // Enter opens a local shell where nothing has the focus.
    scene.browser.press("Enter");
    scene.browser.wait("location.pathname === '/s/local'");
    scene.is_live();
    scene.browser.type_text("echo by-$((40 + 2)) keys\n");
    scene.shows("by-42 keys");
    for (chord, then) in [("p", "You have the pen"), ("p", "Free")] {
        scene.browser.press("Control+Shift+K");
        scene.pen_says("P pen");
        scene.browser.press(chord);
        scene.pen_says(then);
    }
    scene.browser.press("Control+Shift+K");
    scene.browser.press("d");
    scene.browser.wait_text(".side", "Who may type");
    scene.browser.shot("side");
    scene.browser.press("Control+Shift+K");
    scene.browser.press("Tab");
    scene.browser.wait("document.activeElement?.closest('.pen, .top') !== null");
    scene.browser.eval("document.querySelector('.xterm-helper-textarea').focus(); 0");
    scene.browser.press("Control+Shift+K");
    scene.browser.press("s");
    scene.browser.wait("location.pathname === '/'");
    scene.browser.wait_text(".row", "web1");
    scene.browser.press("Tab");
    scene.browser.wait("document.activeElement !== document.body");
    scene.browser.is_content();
}

#[test]
fn what_a_program_prints_stays_in_the_terminal() {
    let Some(mut scene) = Scene::at_session("what_a_program_prints_stays_in_the_terminal") else { return };
    let mut agent = scene.agent();
    let hostile = "printf '\\033]0;<img src=x onerror=alert(1)>\\007\\033]2;evil\\007\\033[c\\033[>c\\033[6n\\033[?2026$p\\033[?1004h\\033P$qm\\033\\\\\\033]52;c;aGFjaw==\\007\\033]10;?\\007\\033[21t\\005\\033]8;;javascript:alert(1)\\033\\\\click\\033]8;;\\033\\\\ done-%d\\n' 42";
    let listens = "globalThis.sent = []; const send = WebSocket.prototype.send; \
                   WebSocket.prototype.send = function (it) { sent.push(JSON.parse(it).type); return send.call(this, it); }; 0";
    scene.browser.eval(listens);
    let said: Said = agent.call("ssh_run", command(hostile)).into();
    assert_eq!(said.exit(), Some(0), "{said:?}");
    scene.shows("done-42");
    // The daemon's own terminal has answered; a page that answered too would have typed it.
    assert_eq!(scene.browser.eval("sent.filter(it => it !== 'seen').length"), 0);
    assert_eq!(scene.browser.eval("document.title"), "web1 · cotty");
    assert_eq!(scene.browser.eval("navigator.clipboard.readText()"), "");
    scene.browser.press("Control+c");
    let coloured = "printf '\\033[38;2;255;0;0mtrue colour\\033[m\\n'";
    scene.browser.type_text(&format!("{coloured}\n"));
    scene.shows("true colour");
    let red = "[...document.querySelectorAll('.xterm-rows span')].some(it => getComputedStyle(it).color === 'rgb(255, 0, 0)')";
    assert_eq!(scene.browser.wait(red), true);
    scene.browser.is_content();
}

#[test]
fn a_paste_is_whole_and_of_several_lines_asks_where_each_would_run() {
    let story = "a_paste_is_whole_and_of_several_lines_asks_where_each_would_run";
    let Some(mut scene) = Scene::at_session(story) else { return };
    let paste = |scene: &mut Scene, text: &str| {
        scene.browser.eval(&format!("navigator.clipboard.writeText({})", json!(text)));
        scene.browser.press("Control+Shift+V");
    };
    // bash takes brackets: one line each, and nothing runs by itself.
    paste(&mut scene, "echo one\necho two");
    scene.shows("echo two");
    scene.browser.press("Control+c");
    // What is typed before bash has dropped the line is dropped with it.
    scene.shows("^C");
    scene.browser.type_text("cat -A\n");
    scene.pen_says("You run h1");
    paste(&mut scene, "first\nsecond\n");
    scene.pen_says("2 lines, and this shell would run each. Paste them?");
    scene.browser.click(".pen button:text-is('Paste')");
    scene.shows("second$");
    paste(&mut scene, "x\u{1b}[201~rm");
    scene.pen_says("The paste holds control bytes. Nothing was pasted");
    scene.browser.press("Control+c");
    scene.browser.is_content();
}
