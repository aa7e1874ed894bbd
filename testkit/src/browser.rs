//! A person's browser: Chromium, driven by a script that takes an order a line.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::not_run::{have, not_run};

/// The folder of what the driver needs, among the clients of others.
const PACKAGES: &str = "browser/node_modules/.provided";

/// A driver that does not end is ended after this long.
const PARTING_MAX: Duration = Duration::from_secs(5);

/// A browser with one page, and more where they are named. It ends with this value.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Its own files, which go with it.
    _profile: tempfile::TempDir,
    story: String,
}

impl Browser {
    /// Starts a browser for a story, or reports that the story cannot be told here.
    ///
    /// # Panics
    ///
    /// Panics where the driver cannot be started.
    #[must_use]
    pub fn start(story: &str) -> Option<Self> {
        let clients = PathBuf::from(std::env::var_os("COTTY_TEST_CLIENTS").unwrap_or_default());
        if !clients.join(PACKAGES).is_file() {
            not_run(story, "the browser's driver is not installed: cargo xtask test installs it");
            return None;
        }
        if !have("chromium", story) || !have("node", story) {
            return None;
        }
        let profile = tempfile::tempdir().expect("a folder for the browser");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/driver.mjs");
        let mut driver = Command::new("node")
            .arg(script)
            .env("COTTY_TEST_CLIENTS", &clients)
            .env("CHROMIUM", on_path("chromium"))
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let orders = driver.stdin.take();
        let answers = BufReader::new(driver.stdout.take().expect("it was piped"));
        Some(Self { driver, orders, answers, _profile: profile, story: story.to_owned() })
    }

    /// Gives an order to a page and returns what came of it.
    ///
    /// # Panics
    ///
    /// Panics with the browser's words where it was not done.
    #[track_caller]
    pub fn act(&mut self, on: &str, act: &str, mut rest: Value) -> Value {
        rest["on"] = json!(on);
        rest["act"] = json!(act);
        let answer = self.order(&rest);
        if let Some(failed) = answer.get("failed") {
            self.shot_of(on, "failed");
            let text = self.quietly(on, "document.body.innerText");
            panic!("{act} {rest}: {failed}\nthe page says:\n{text}");
        }
        answer["done"].clone()
    }

    fn quietly(&mut self, on: &str, script: &str) -> String {
        let answer = self.order(&json!({"act": "eval", "on": on, "script": script}));
        answer["done"].as_str().unwrap_or_default().to_owned()
    }

    /// Gives an order. A driver that is gone answers with nothing.
    fn order(&mut self, order: &Value) -> Value {
        let mut line = String::new();
        if let Some(orders) = &mut self.orders {
            drop(writeln!(orders, "{order}"));
            drop(self.answers.read_line(&mut line));
        }
        serde_json::from_str(&line).unwrap_or_else(|_| json!({"failed": "the driver is gone"}))
    }

    /// Opens an address.
    pub fn go(&mut self, url: &str) {
        self.act("page", "go", json!({"url": url}));
    }

    /// Waits until a script is true, and returns what it says.
    #[track_caller]
    pub fn wait(&mut self, script: &str) -> Value {
        self.act("page", "wait", json!({"script": script}))
    }

    /// Waits until the page shows a text in what a selector finds.
    #[track_caller]
    pub fn wait_text(&mut self, selector: &str, text: &str) {
        self.wait(&shows(selector, text));
    }

    /// The same on another page.
    #[track_caller]
    pub fn wait_text_on(&mut self, on: &str, selector: &str, text: &str) {
        self.act(on, "wait", json!({"script": shows(selector, text)}));
    }

    /// Asks a page's script for a value.
    pub fn eval(&mut self, script: &str) -> Value {
        self.act("page", "eval", json!({"script": script}))
    }

    /// Types a text, key by key.
    pub fn type_text(&mut self, text: &str) {
        self.act("page", "type", json!({"text": text}));
    }

    /// Presses a key (`Enter`, `Control+Shift+K`).
    pub fn press(&mut self, key: &str) {
        self.act("page", "press", json!({"key": key}));
    }

    /// Clicks what a selector finds.
    #[track_caller]
    pub fn click(&mut self, target: &str) {
        self.act("page", "click", json!({"target": target}));
    }

    /// Gives the window a size.
    pub fn size(&mut self, width: u32, height: u32) {
        self.act("page", "size", json!({"width": width, "height": height}));
    }

    /// Keeps a picture of the page among what the tests have made.
    pub fn shot(&mut self, name: &str) {
        self.shot_of("page", name);
    }

    fn shot_of(&mut self, on: &str, name: &str) {
        let folder = pictures();
        drop(fs::create_dir_all(&folder));
        let path = folder.join(format!("{}-{name}.png", self.story));
        let _none_is_kept = self.order(&json!({"act": "shot", "on": on, "path": path}));
    }

    /// Asserts that no page complained: no error, and nothing that the policy of our pages stopped.
    #[track_caller]
    pub fn is_content(&mut self) {
        let complaints = self.act("page", "complaints", json!({}));
        // That a daemon is away is what such a story is about.
        let list = complaints.as_array().cloned().unwrap_or_default();
        let left: Vec<&Value> =
            list.iter().filter(|it| !it.as_str().unwrap_or_default().contains("net::ERR_")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser when nobody can order any more; the browser ends when its driver is gone.
        drop(self.orders.take());
        let deadline = Instant::now() + PARTING_MAX;
        while matches!(self.driver.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                drop(self.driver.kill());
                drop(self.driver.wait());
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Says in a script that a text is shown in what a selector finds. Both kinds of blanks are the same to a reader.
fn shows(selector: &str, text: &str) -> String {
    let (selector, text) = (json!(selector), json!(text));
    format!(
        "[...document.querySelectorAll({selector})].some(it => it.innerText.replaceAll('\\u00a0', ' ').includes({text}))"
    )
}

/// Where pictures go: below the build folder.
fn pictures() -> PathBuf {
    let clients = PathBuf::from(std::env::var_os("COTTY_TEST_CLIENTS").unwrap_or_default());
    clients.parent().unwrap_or(Path::new("target")).join("viewer-pictures")
}

fn on_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|it| it.join(program)).find(|it| it.is_file());
    found.unwrap_or_else(|| program.into())
}
