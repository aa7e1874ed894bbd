//! What stands around the terminal on the page: search, diagnostics, labels, closing, the mouse, and what draws.

use cotty_testkit::Said;
use serde_json::{Value, json};

use crate::desk::client;
use crate::viewer::Scene;

fn order(command: &str) -> Value {
    json!({"session": "web1", "command": command, "wait_s": 25})
}

#[test]
fn what_the_terminal_keeps_is_searched_from_the_newest_back() {
    let Some(mut scene) = Scene::at_session("what_the_terminal_keeps_is_searched") else { return };
    let mut agent = client(&scene.door.home);
    let said: Said =
        agent.call("ssh_run", order("for i in 1 2 3; do echo needle-$i; seq 40; done; echo made")).into();
    assert_eq!(said.exit(), Some(0), "{said:?}");
    scene.shows("made");
    scene.browser.press("Control+Shift+F");
    scene.browser.wait("document.activeElement?.closest('.search') !== null");
    scene.browser.type_text("needle-");
    // The command's own line and each line that it printed.
    scene.browser.wait_text(".count", " of 4");
    scene.browser.press("Enter");
    scene.shows("needle-");
    scene.browser.shot("search");
    scene.browser.type_text("nowhere");
    scene.browser.wait_text(".count", "No match. Esc closes");
    scene.browser.press("Escape");
    scene.browser.wait("document.querySelector('.search').hidden");
    scene.browser.wait("document.activeElement?.classList.contains('xterm-helper-textarea')");
    scene.browser.is_content();
}

#[test]
fn the_side_says_how_a_command_was_judged_and_closing_names_what_it_ends() {
    let Some(mut scene) = Scene::open("the_side_says_how_a_command_was_judged") else { return };
    let link = scene.link(&[]);
    scene.browser.go(&link);
    scene.browser.wait_text(".row", "web1");
    scene.browser.click("a[href='/s/web1']");
    scene.is_live();
    scene.browser.type_text("echo typed\n");
    scene.shows("typed");
    let mut agent = client(&scene.door.home);
    let ticket = agent.start_call("ssh_run", order("read answer"));
    scene.pen_says("waits for you");
    scene.browser.click("button[aria-label=More]");
    scene.browser.wait_text(".side", "Round trip");
    scene.browser.wait_text(".side", "How c2 was judged");
    scene.browser.click(".labelled.label input");
    scene.browser.type_text("the shop");
    scene.browser.click(".labelled.label button");
    cotty_testkit::wait::until("the label is told", || {
        scene.door.person(&["status", "web1"])["label"].as_str().filter(|it| *it == "the shop").map(|_| ())
    });
    scene.browser.is_content();
    // Another name is the page's from then on, and its address follows.
    scene.browser.click(".labelled.name input");
    scene.browser.press("Control+a");
    scene.browser.type_text("build");
    scene.browser.press("Enter");
    scene.browser.wait_text("h1", "build");
    scene.browser.wait("location.pathname === '/s/build'");
    scene.browser.shot("side");
    scene.browser.click(".ways-out button:text-is('Close')");
    scene.pen_says("Close build? c2 still runs and will be ended");
    scene.browser.click(".pen button:text-is('Keep it open')");
    scene.pen_says("waits for you");
    scene.browser.click(".ways-out button:text-is('Close')");
    scene.browser.click(".pen button:text-is('Close')");
    scene.pen_says("Closed: ");
    drop(agent.await_reply(ticket));
}

#[test]
fn a_program_hears_of_the_mouse_as_it_has_asked_for_it_and_no_line_is_begun_by_it() {
    let Some(mut scene) = Scene::at_session("a_program_hears_of_the_mouse") else { return };
    for (asks, says) in [("\\033[?1000h\\033[?1006h", "^[[<0;"), ("\\033[?1000h\\033[?1006l", "^[[M")] {
        scene.browser.type_text(&format!("clear; printf '{asks}asks-%d\\n' 42; cat -v\n"));
        scene.shows("asks-42");
        scene.pen_says("You run ");
        scene.browser.wait("document.querySelector('.xterm')?.classList.contains('enable-mouse-events')");
        scene.browser.click(".xterm-screen");
        scene.browser.press("Enter");
        scene.shows(says);
        scene.browser.press("Control+c");
        scene.pen_says("Free");
    }
    // It still has the mouse, and nobody reads it: at the prompt it begins no line for which agents wait.
    scene.browser.type_text("printf '\\033[?1000l\\033[?1004h'\n");
    scene
        .browser
        .eval("document.activeElement.blur(); document.querySelector('.xterm-helper-textarea').focus(); 0");
    let said: Said = client(&scene.door.home).call("ssh_run", order("echo went-on")).into();
    assert_eq!(said.exit(), Some(0), "{said:?}");
    scene.browser.is_content();
}

#[test]
fn whatever_the_page_loads_is_named_by_its_hash() {
    let Some(mut scene) = Scene::at_session("whatever_the_page_loads_is_named_by_its_hash") else { return };
    let check = "Promise.all([...document.querySelectorAll('script, link:not([rel=icon])')].map(async it => { \
            const bytes = await (await fetch(it.src || it.href)).arrayBuffer(); \
            const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)); \
            return it.integrity === 'sha256-' + btoa(String.fromCharCode(...hash)); \
        }))";
    assert_eq!(scene.browser.eval(check), json!([true, true, true, true, true]));
    let loaded = scene.browser.eval("performance.getEntriesByType('resource').map(it => it.name).filter(it => !it.startsWith(location.origin))");
    assert_eq!(loaded, json!([]), "nothing comes from elsewhere");
    scene.browser.is_content();
}

#[test]
fn the_card_draws_where_it_is_wanted_and_the_page_does_without() {
    let Some(mut scene) = Scene::open("the_card_draws_where_it_is_wanted") else { return };
    let link = scene.link(&["web1", "--role", "operator"]);
    scene.browser.go(&link.replace("=dom", "=webgl"));
    scene.pen_says("Your keys go to");
    let has = scene.browser.eval("!!document.createElement('canvas').getContext('webgl2')") == true;
    scene.browser.click("button[aria-label=More]");
    scene.browser.wait_text(".facts", if has { "webgl" } else { "dom" });
    scene.browser.press("Control+Shift+K");
    scene.browser.press("d");
    scene.browser.wait("document.activeElement?.classList.contains('xterm-helper-textarea')");
    scene.browser.type_text("echo drawn-$((40 + 2))\n");
    cotty_testkit::wait::until("it was typed", || {
        let text = String::from_utf8_lossy(&scene.door.home.run(&["read", "web1"]).stdout).into_owned();
        text.contains("drawn-42").then_some(())
    });
    assert_eq!(scene.browser.eval("!!document.querySelector('.xterm-screen canvas')"), has);
    scene.browser.shot("webgl");
    scene.browser.is_content();
}

#[test]
fn what_a_person_prefers_is_kept_by_their_browser_and_a_screen_reader_finds_the_rows() {
    let Some(mut scene) = Scene::at_session("what_a_person_prefers") else { return };
    scene.browser.type_text("echo read-$((40 + 2)) aloud\n");
    scene.shows("read-42 aloud");
    // Until somebody chooses, the page goes with the system.
    for scheme in ["light", "dark"] {
        scene.browser.act("page", "media", json!({"scheme": scheme}));
        scene.browser.wait(&format!("document.documentElement.dataset.theme === '{scheme}'"));
    }
    scene.browser.click("button[aria-label=More]");
    scene.browser.click(".side .choice:text-is('Light')");
    scene.browser.click(".side .choice:text-is('Screen reader')");
    scene.browser.wait("document.documentElement.dataset.theme === 'light'");
    scene.browser.wait("[...document.querySelectorAll('.xterm-accessibility [role=listitem]')].some(it => it.innerText.includes('read-42 aloud'))");
    scene.browser.shot("light");
    let address = scene.browser.eval("location.href");
    scene.browser.go(address.as_str().unwrap());
    scene.browser.wait("document.documentElement.dataset.theme === 'light'");
    scene.browser.wait("[...document.querySelectorAll('.xterm-accessibility [role=listitem]')].some(it => it.innerText.includes('read-42 aloud'))");
    // Everything that stands around the terminal says what it is.
    for place in
        ["header", "main[aria-label='Terminal, web1']", "footer[aria-label=Pen]", "[role=status][aria-live]"]
    {
        scene.browser.wait(&format!("!!document.querySelector({})", json!(place)));
    }
    let nameless = "[...document.querySelectorAll('button, a, input')].filter(it => !(it.innerText || it.ariaLabel || it.placeholder)).length";
    assert_eq!(scene.browser.eval(nameless), 0, "a button without a name");
    scene.browser.is_content();
}

#[test]
fn of_a_host_that_gives_no_sign_of_life_the_page_says_so_and_no_key_goes_there() {
    let Some(mut scene) = Scene::at_session("of_a_host_that_gives_no_sign_of_life") else { return };
    let mut agent = client(&scene.door.home);
    scene.browser.eval(
        "const plain = fetch; globalThis.is_silent = true; globalThis.fetch = async (at, it) => { const said = await plain(at, it); \
         return is_silent && at.startsWith('/api/v1/status') ? new Response(JSON.stringify({...await said.json(), account: 'me@web1', silent_ms: 6000})) : said; }; 0",
    );
    drop(agent.call("ssh_run", order("echo one-$((40 + 2))")));
    scene.pen_says("me@web1 has not answered for");
    scene.pen_says("Your keys go nowhere");
    scene.browser.shot("silent");
    scene.browser.type_text("echo never\n");
    scene.browser.eval("globalThis.is_silent = false; 0");
    drop(agent.call("ssh_run", order("echo two-$((40 + 2))")));
    scene.pen_says("Free");
    scene.browser.type_text("echo three-$((40 + 2))\n");
    scene.shows("three-42");
    let rows = scene.browser.eval("document.querySelector('.xterm-rows').innerText");
    assert!(!rows.as_str().unwrap().contains("never"), "{rows}");
    scene.browser.is_content();
}
