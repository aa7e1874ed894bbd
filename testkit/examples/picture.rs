//! Draws `docs/picture.svg`: the terminal of a person who watches an agent, taken from a real session.
//!
//! `cargo build --release && COTTY_BIN=target/release/cotty cargo run -p cotty-testkit --example picture > docs/picture.svg`
#![allow(clippy::print_stdout, reason = "the picture goes to standard output")]
#![allow(clippy::expect_used, reason = "a session that cannot be arranged gives no picture")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cotty_core::screen::Screen;
use cotty_testkit::{Home, Tty};
use serde_json::json;

/// The person's terminal.
const SIZE: (u16, u16) = (92, 16);

/// A cell, in the units of the picture.
const CELL: (u16, u16) = (9, 20);

/// The room around the cells.
const EDGE: u16 = 14;

/// What the agent tries first: it fails.
const TEST: &str = "#!/bin/sh\necho 'running 214 tests'\necho 'basket::adds_twice ... FAILED: expected 2, got 3'\n\
                    echo '213 passed, 1 failed'\nexit 1\n";

/// What still runs when the picture is taken.
const WATCH: &str = "#!/bin/sh\necho 'running 1 test, again and again'\necho 'basket::adds_twice ... FAILED, waiting for a change'\n\
                     exec sleep 60\n";

fn main() {
    let home = Home::new();
    home.write_config("[session]\nshell = \"bash\"\n");
    fs::write(home.path().join(".bash_profile"), "PS1='shop$ '\n").expect("a profile");
    for (name, script) in [("test", TEST), ("watch", WATCH)] {
        let path = home.work().join(name);
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("0755");
    }
    let mut agent = home.mcp();
    let client = json!({"name": "claude-code", "version": "2"});
    agent.request(
        "initialize",
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}),
    );
    agent.notify("notifications/initialized", json!({}));
    agent.call("ssh_connect", json!({"target": "local", "name": "shop"}));
    let person = Tty::start_sized(&home.cotty(&["attach", "shop"]), SIZE.0, SIZE.1);
    person.wait_text("shop$ ");
    person.line("echo 'the basket test fails, have a look'");
    person.wait_for("what the person said", |text| text.matches("have a look").count() >= 2);
    person.wait_for("the next prompt", |text| text.matches("shop$ ").count() >= 2);
    agent.call("ssh_run", json!({"session": "shop", "command": "./test"}));
    let order = json!({"session": "shop", "command": "./watch adds_twice", "background": true});
    let reply = agent.call("ssh_run", order);
    assert!(!reply.is_error, "{}", reply.text);
    person.wait_text("waiting for a change");
    person.wait_text(": ./watch");
    let mut screen = Screen::new(SIZE.0, SIZE.1);
    screen.feed(&person.bytes());
    print!("{}", svg(&screen.text()));
}

/// The rows as a picture; the last one is the status line.
fn svg(rows: &[String]) -> String {
    let (width, height) = (SIZE.0 * CELL.0 + 2 * EDGE, SIZE.1 * CELL.1 + 2 * EDGE);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-size=\"15\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"#16181d\"/>\n"
    );
    for (at, row) in (0u16..).zip(rows) {
        let last = at + 1 == SIZE.1;
        let top = EDGE + at * CELL.1;
        let colour = if last {
            "#16181d"
        } else if row.starts_with("shop$ ") {
            "#9ad18b"
        } else {
            "#d5d8de"
        };
        if last {
            let (x, w) = (EDGE, SIZE.0 * CELL.0);
            picture.push_str(&format!(
                "<rect x=\"{x}\" y=\"{top}\" width=\"{w}\" height=\"{}\" fill=\"#8fb4e8\"/>\n",
                CELL.1
            ));
        }
        if row.is_empty() {
            continue;
        }
        // The length makes every font as wide as the cells.
        let length = row.chars().count() * usize::from(CELL.0);
        let text = row.replace('&', "&amp;").replace('<', "&lt;");
        picture.push_str(&format!("<text x=\"{EDGE}\" y=\"{}\" fill=\"{colour}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" \
             xml:space=\"preserve\">{text}</text>\n",
            top + 15
        ));
    }
    picture.push_str("</svg>\n");
    picture
}
