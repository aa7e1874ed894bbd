//! Secrets by every way there is, and a look afterwards at whatever could have kept one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use cotty_testkit::home::Home;
use cotty_testkit::mcp::Mcp;
use cotty_testkit::tty::Tty;
use cotty_testkit::{Account, Relay, Sshd, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::desk::{Desk, Said};
use crate::fork::holds;
use crate::http::{self, Door};
use crate::remote;
use crate::trust::own;

/// How a canary comes in, in the order in which they do. A way with a device has one of that name.
const CONFIGURED: [&str; 8] = [
    "pw-variable",
    "pw-file",
    "pw-command",
    "pw-keyring",
    "pw-starter",
    "pw-starter-file",
    "pw-env-file",
    "pw-single-file",
];
const ASKED: [&str; 5] = ["pw-piped", "pw-typed", "pw-page", "pw-alone", "pw-openssh"];
const LOCKED: [&str; 7] =
    ["key-variable", "key-file", "key-command", "key-keyring", "key-typed", "key-kept", "key-openssh"];
const LATER: [&str; 4] = ["sudo-starter", "sudo-starter-file", "enable-starter", "enable-starter-file"];

const CANARY: &str = "canary-4711";

/// The canary of a way.
fn word(way: &str) -> String {
    format!("{CANARY}-{way}-x")
}

fn hex(text: &str) -> String {
    text.bytes().map(|it| format!("{it:02x}")).collect()
}

/// A home in which all of them are planted.
struct Field {
    desk: Desk,
    door: u16,
    account: Account,
    /// Beside the home: what holds secrets by its nature.
    vault: TempDir,
    relays: Vec<(&'static str, Relay)>,
    planted: Vec<String>,
    /// All that was said to anybody.
    said: String,
    _servers: [Sshd; 2],
}

fn private(vault: &TempDir, name: &str, text: &str, mode: u32) -> String {
    let path = vault.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

/// A program that tells a word, and writes down what it was given to live with.
fn teller(vault: &TempDir, way: &str) -> String {
    let file = private(vault, &format!("{way}.word"), &word(way), 0o600);
    let asked = vault.path().join("given");
    let script = format!("#!/bin/sh\n{{ env; echo \"$@\"; }} >>{}\ncat {file}\n", asked.display());
    private(vault, &format!("{way}.sh"), &script, 0o700)
}

impl Field {
    fn lay_out(story: &str) -> Option<Self> {
        let sshd = Sshd::start(story)?;
        let pam = "printf 'auth required pam_unix.so\\naccount required pam_permit.so\\nsession required pam_permit.so\\n' \
                   >{folder}/pam\nmount --bind {folder}/pam /etc/pam.d/sshd";
        let asks = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\nPubkeyAuthentication no\n";
        let asking = Sshd::start_in_namespace(story, asks, pam)?;
        let account = Account::new(story, &sshd, "/bin/bash")?;
        let (home, vault) = (remote::home(&[&sshd]), tempfile::tempdir().unwrap());
        fs::remove_file(own(&home, "id_ed25519")).unwrap();
        let (mut relays, mut known) = (Vec::new(), String::new());
        for way in
            [&CONFIGURED[..], &ASKED, &LOCKED, &["pw-right", "pw-up", "pw-kept", "pw-hop", "behind"]].concat()
        {
            let relay = Relay::to(sshd.port());
            known += &sshd.known_line(&format!("[127.0.0.1]:{}", relay.port()));
            relays.push((way, relay));
        }
        let challenging = Relay::to(asking.port());
        known += &asking.known_line(&format!("[127.0.0.1]:{}", challenging.port()));
        relays.push(("challenge", challenging));
        fs::write(own(&home, "known_hosts"), known).unwrap();
        for way in LOCKED {
            sshd.key(way, &["-t", "ed25519", "-a", "1", "-N", &word(way)]);
            sshd.authorize(way);
        }
        home.write_config(&config(&account, &sshd, &vault, &relays));
        let mut agent = Mcp::start(started(&home, &account, &vault, &relays));
        agent.initialize();
        let mut desk = Desk::of(agent, home);
        desk.tool("ssh_list", json!({}));
        let door = until("the door is open", || {
            desk.home.state().join("http.json").exists().then(|| http::port(&desk.home))
        });
        let planted = Vec::new();
        let said = String::new();
        Some(Self { desk, door, account, vault, relays, planted, said, _servers: [sshd, asking] })
    }

    fn tool(&mut self, tool: &str, arguments: Value) -> Said {
        let said = self.desk.tool(tool, arguments);
        self.said += &said.text;
        said
    }

    fn plant(&mut self, way: &str) -> String {
        self.planted.push(word(way));
        word(way)
    }

    /// Says it as the account's password from now on.
    fn opens(&mut self, way: &str) -> String {
        let word = self.plant(way);
        self.account.set_password(&word);
        word
    }

    fn is_open(&mut self, device: &str) {
        until("it is open", || {
            let said = self.tool("ssh_connect", json!({"target": device}));
            assert!(!said.is_error, "{device}: {said:?}");
            said.head().contains("ready").then_some(())
        });
        self.look(device);
    }

    /// Has a device ask; returns the number of its card.
    fn asks(&mut self, device: &str) -> String {
        let said = self.tool("ssh_connect", json!({"target": device}));
        self.is_asked(&said)
    }

    fn is_asked(&mut self, said: &Said) -> String {
        assert!(said.is_error && said.text.contains("secret-needed"), "{said:?}");
        let at = said.text.find("cotty answer q").unwrap_or_else(|| panic!("{said:?}"));
        let card: String = said.text[at + 13..].chars().take_while(char::is_ascii_alphanumeric).collect();
        self.look(&card);
        card
    }

    /// A person's command, into which this is typed once it asks.
    fn typed(&mut self, order: &[&str], asks: &str, word: &str) {
        let mut tty = self.desk.home.tty(order);
        tty.wait_text(asks);
        tty.line(word);
        let code = tty.wait_exit().code();
        self.said += &tty.rest();
        assert_eq!(code, Some(0), "{order:?}: {}", tty.rest());
    }

    /// The same from a file.
    fn piped(&mut self, order: &str, word: &str) {
        let file = private(&self.vault, "piped", word, 0o600);
        let mut sh = self.desk.home.program("sh");
        sh.args(["-c", &format!("exec {} {order} <{file}", cotty_testkit::home::binary().display())]);
        let mut tty = Tty::start(&sh);
        assert_eq!(tty.wait_exit().code(), Some(0), "{order}: {}", tty.rest());
        self.said += &tty.rest();
    }

    fn person(&mut self, order: &[&str]) -> String {
        let (_, text) = self.desk.home.run_as_person(order);
        text
    }

    fn http(&self) -> impl Fn(&str, &str, &str) -> http::Answer + use<> {
        // It has no home of its own: only the port counts here.
        let door = Door { home: Home::new(), port: self.door };
        move |path, bearer, body| {
            if body.is_empty() { door.get(path, bearer) } else { door.post(path, bearer, body) }
        }
    }

    /// No process of the home shows any of them, in its environment or its arguments; but for the client's own block.
    fn look(&self, when: &str) {
        let client = self.desk.agent.pid();
        for pid in self.desk.home.processes() {
            for file in ["environ", "cmdline"] {
                let shown = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                let shown = String::from_utf8_lossy(&shown).replace('\0', " ");
                let own = pid == client && file == "environ";
                assert!(own || !shown.contains(CANARY), "{when}: {file} of {pid}: {shown}");
            }
        }
    }

    fn by_configuration(&mut self) {
        for way in CONFIGURED {
            self.opens(way);
            self.is_open(match way {
                // A device that a variable makes is named in small letters, and one without a name as its host.
                "pw-env-file" => "pw_env_file",
                "pw-single-file" => "127.0.0.1",
                way => way,
            });
        }
        for way in &LOCKED[..4] {
            self.plant(way);
            self.is_open(way);
        }
        for way in LATER {
            self.plant(way);
        }

        // What is alone asks nobody, and has what the config names.
        self.opens("pw-alone");
        let order = json!({"target": "pw-alone", "command": "env", "isolated": true, "wait_s": 25});
        let said = self.tool("ssh_run", order);
        assert_eq!(said.exit(), Some(0), "{said:?}");
        self.look("alone");
    }

    fn by_a_person(&mut self) {
        let word = self.opens("pw-piped");
        let card = self.asks("pw-piped");
        self.piped(&format!("answer {card}"), &word);
        self.is_open("pw-piped");

        let word = self.opens("pw-typed");
        let card = self.asks("pw-typed");
        self.typed(&["answer", &card], "Password of", &word);
        self.is_open("pw-typed");

        let (wrong, right) = (self.plant("pw-wrong"), self.opens("pw-right"));
        let card = self.asks("pw-right");
        self.typed(&["answer", &card], "Password of", &wrong);
        let next = until("it is asked again", || {
            let said = self.person(&["ls", "--json"]);
            let list: Value = serde_json::from_str(said.trim()).unwrap();
            let next = list["cards"][0]["id"].as_str().filter(|it| *it != card).map(str::to_owned);
            next.inspect(|_| self.said += &said)
        });
        self.typed(&["answer", &next], "That was not accepted", &right);
        self.is_open("pw-right");

        let word = self.opens("pw-up");
        self.typed(&["up", "pw-up", "-d"], "Password of", &word);
        self.is_open("pw-up");

        // One account, on the way and at its end.
        let word = self.opens("pw-hop");
        let mut tty = self.desk.home.tty(&["up", "behind", "-d"]);
        for asked in 1..=2 {
            tty.wait_for("the next question", |text| text.matches("Password of").count() >= asked);
            tty.line(&word);
        }
        assert_eq!(tty.wait_exit().code(), Some(0), "{}", tty.rest());
        self.said += &tty.rest();
        self.is_open("behind");

        let word = self.opens("challenge");
        let card = self.asks("challenge");
        self.typed(&["answer", &card], "Password:", &word);
        self.is_open("challenge");
    }

    fn of_keys_and_kept(&mut self) {
        let word = self.opens("pw-kept");
        self.piped("secret set pw-kept", &word);
        self.is_open("pw-kept");
        let word = self.plant("key-typed");
        let card = self.asks("key-typed");
        self.typed(&["answer", &card], "assphrase", &word);
        self.is_open("key-typed");
        let word = self.plant("key-kept");
        self.piped("secret set key-kept --for passphrase", &word);
        self.is_open("key-kept");
    }

    fn by_the_users_ssh(&mut self) {
        let word = self.opens("pw-openssh");
        let card = self.asks("pw-openssh");
        self.typed(&["answer", &card], "password:", &word);
        self.is_open("pw-openssh");
        let word = self.plant("key-openssh");
        let card = self.asks("key-openssh");
        self.typed(&["answer", &card], "passphrase for key", &word);
        self.is_open("key-openssh");
    }

    fn by_http_and_beside_a_login(&mut self) {
        let http = self.http();
        let token = self.person(&["token", "new", "--role", "operator", "--json"]);
        let token: Value = serde_json::from_str(token.trim()).unwrap();
        let token = token["token"].as_str().unwrap().to_owned();
        let url = self.person(&["viewer", "link", "--json"]);
        let url: Value = serde_json::from_str(url.trim()).unwrap();
        let code = url["url"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        let login = http("/login", "", &format!("{{\"code\":\"{code}\"}}")).json();
        let bearer = login["bearer"].as_str().unwrap().to_owned();
        let word = self.opens("pw-page");
        let card = self.asks("pw-page");
        let answer = http(
            &format!("/api/v1/cards/{card}/answer"),
            &bearer,
            &json!({"answer_hex": hex(&word)}).to_string(),
        );
        assert_eq!(answer.status, 204, "{}", answer.text);
        self.is_open("pw-page");
        for purpose in ["sudo", "enable"] {
            let word = self.plant(purpose);
            self.piped(&format!("secret set pw-page --for {purpose}"), &word);
        }
        for path in ["/metrics", "/api/v1/sessions", "/api/v1/me", "/api/v1/cards", "/openapi.json", "/"] {
            self.said += &http(path, &token, "").text;
        }
        self.planted.extend([token, bearer, code]);
    }

    /// What a person types where it does not show is no secret of ours, and is kept no more.
    fn in_a_session(&mut self) {
        let word = self.plant("typed-in-session");
        let said = self.desk.run("pw-typed", "read -s x; echo got-${#x}");
        said.needs("secret");
        let mut tty = self.desk.home.tty(&["attach", "pw-typed"]);
        // The reply that said so has shown the terminal to be without an echo.
        tty.wait_text("pen");
        tty.line(&word);
        tty.wait_text(&format!("got-{}", word.len()));
        tty.send([29]);
        tty.wait_exit();
        self.said += &tty.rest();
    }

    /// Looks through all that anybody may ask for afterwards, and through all that is kept.
    fn looks_everywhere(mut self, count: usize) {
        self.ask_about_everything();
        self.look("at the end");
        assert_eq!(self.planted.len(), count);
        assert!(self.said.contains("logged in to"), "it does say something");
        // All begin alike but those that are made for a login by HTTP.
        let others = self.planted.iter().map(String::as_str).filter(|it| !it.starts_with(CANARY));
        for word in others.chain([CANARY]) {
            let at = self.said.find(word);
            assert!(at.is_none(), "{word}: {}", self.said.split_at(at.unwrap_or(0)).1);
            let kept = holds(self.desk.home.path(), word);
            assert!(kept.is_empty(), "{word}: {kept:?}");
        }
    }

    fn ask_about_everything(&mut self) {
        let devices: Vec<_> = self.relays.iter().map(|it| it.0).collect();
        let devices = devices.into_iter().filter(|it| self.planted.contains(&word(it))).collect::<Vec<_>>();
        for device in &devices {
            self.tool("ssh_status", json!({"target": device}));
            self.tool("ssh_read", json!({"session": device, "view": "history"}));
        }
        self.tool("ssh_run", json!({"session": devices[0], "command": "env; true"}));
        self.tool("ssh_list", json!({"detail": true}));
        self.tool("ssh_connect", json!({"target": "local", "name": "near"}));
        let all = "env; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; true";
        self.tool("ssh_run", json!({"session": "near", "command": all, "max_chars": 2_000_000}));
        for order in [
            &["ls", "--json"][..],
            &["status", "--json"],
            &["config", "show"],
            &["device", "list", "--json"],
            &["secret", "list", "--json"],
            &["token", "list", "--json"],
        ] {
            let text = self.person(order);
            self.said += &text;
        }
        // What programs that told secrets were given to live with.
        self.said += &fs::read_to_string(self.vault.path().join("given")).unwrap_or_default();
    }
}

/// One device for each way that has one.
fn config(account: &Account, sshd: &Sshd, vault: &TempDir, relays: &[(&str, Relay)]) -> String {
    let mut text = "listen = \"127.0.0.1:0\"\n".to_owned();
    for (way, relay) in relays {
        if ["pw-env-file", "pw-single-file"].contains(way) {
            continue;
        }
        let key = || format!("key = \"{}\"\n", sshd.file(way).display());
        let auth = match *way {
            "pw-variable" => "password_env = \"SHOP_PASSWORD\"\n".to_owned(),
            "pw-file" => format!("password_file = \"{}\"\n", private(vault, way, &word(way), 0o600)),
            "pw-command" | "pw-alone" => format!("password_command = [\"{}\"]\n", teller(vault, way)),
            "pw-keyring" => format!("password_keyring = \"{}\"\n", teller(vault, way)),
            "key-variable" => key() + "passphrase_env = \"SHOP_PASSPHRASE\"\n",
            "key-file" => {
                key()
                    + &format!(
                        "passphrase_file = \"{}\"\n",
                        private(vault, "key-file.word", &word(way), 0o600)
                    )
            }
            "key-command" => key() + &format!("passphrase_command = [\"{}\"]\n", teller(vault, way)),
            "key-keyring" => key() + &format!("passphrase_keyring = \"{}\"\n", teller(vault, way)),
            way if way.starts_with("key-") => key(),
            _ => String::new(),
        };
        let engine = if way.ends_with("-openssh") { "engine = \"openssh\"\n" } else { "" };
        text += &format!(
            "[devices.{way}]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\n{engine}",
            relay.port(),
            account.name()
        );
        if *way == "behind" {
            let hop = relays.iter().find(|(way, _)| *way == "pw-hop").unwrap().1.port();
            text += &format!("[devices.{way}.options]\nProxyJump = \"{}@127.0.0.1:{hop}\"\n", account.name());
        }
        if !auth.is_empty() {
            text += &format!("[devices.{way}.auth]\n{auth}");
        }
    }
    text
}

/// A client that starts the daemon, with more in its environment than is anybody's business.
fn started(home: &Home, account: &Account, vault: &TempDir, relays: &[(&str, Relay)]) -> Command {
    let port = |way: &str| relays.iter().find(|it| it.0 == way).unwrap().1.port().to_string();
    let env_file = format!(
        "COTTY_DEVICE_PW_ENV_FILE_HOST=127.0.0.1\nCOTTY_DEVICE_PW_ENV_FILE_PORT={}\nCOTTY_DEVICE_PW_ENV_FILE_USER={}\n\
         COTTY_DEVICE_PW_ENV_FILE_PASSWORD={}\n",
        port("pw-env-file"),
        account.name(),
        word("pw-env-file")
    );
    let env_file = private(vault, ".env", &env_file, 0o600);
    let mut command = home.cotty(&["--env-file", &env_file, "mcp"]);
    command.env("SHOP_PASSWORD", word("pw-variable")).env("SHOP_PASSPHRASE", word("key-variable"));
    // What looks like one of ours and what does not.
    command.env("COTTY_SHOP_PASSWORD", word("pw-variable")).env("OTHER", word("pw-variable"));
    command.env("COTTY_DEVICE_PW_STARTER_PASSWORD", word("pw-starter"));
    for (variable, way) in [
        ("COTTY_DEVICE_PW_STARTER_FILE_PASSWORD_FILE", "pw-starter-file"),
        ("COTTY_DEVICE_PW_FILE_SUDO_PASSWORD_FILE", "sudo-starter-file"),
        ("COTTY_DEVICE_PW_FILE_ENABLE_PASSWORD_FILE", "enable-starter-file"),
        ("COTTY_PASSWORD_FILE", "pw-single-file"),
    ] {
        command.env(variable, private(vault, &format!("{way}.starter"), &word(way), 0o600));
    }
    command.env("COTTY_DEVICE_PW_PIPED_SUDO_PASSWORD", word("sudo-starter"));
    command.env("COTTY_DEVICE_PW_PIPED_ENABLE_PASSWORD", word("enable-starter"));
    command.env("COTTY_HOST", "127.0.0.1").env("COTTY_USER", account.name());
    command.env("COTTY_PORT", port("pw-single-file")).stderr(Stdio::null());
    command
}

#[test]
fn of_seventeen_secrets_that_are_configured_none_is_found_anywhere_afterwards() {
    let Some(mut field) = Field::lay_out("of_seventeen_secrets_that_are_configured") else { return };
    field.by_configuration();
    field.looks_everywhere(17);
}

#[test]
fn of_eight_secrets_that_a_person_gives_at_a_terminal_none_is_found_anywhere_afterwards() {
    let Some(mut field) = Field::lay_out("of_eight_secrets_that_a_person_gives") else { return };
    field.by_a_person();
    field.in_a_session();
    field.looks_everywhere(8);
}

#[test]
fn of_eleven_secrets_that_are_kept_or_go_to_the_users_ssh_or_come_by_http_none_is_found_anywhere_afterwards()
{
    let Some(mut field) = Field::lay_out("of_eleven_secrets_that_are_kept") else { return };
    field.of_keys_and_kept();
    field.by_the_users_ssh();
    field.by_http_and_beside_a_login();
    field.looks_everywhere(11);
}
