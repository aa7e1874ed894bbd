//! Links, logins and tokens: who gets them, how long they hold, and how they end.

use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;

use cotty_testkit::home::Home;
use cotty_testkit::wait::until;
use serde_json::{Value, json};

use crate::http::{Door, port};

#[test]
fn a_link_lets_one_browser_in_once() {
    let door = Door::open();
    let link = door.person(&["viewer", "link"]);
    let url = link["url"].as_str().unwrap();
    assert!(url.contains(".localhost:") && url.contains("/#"), "{link}");
    assert!(!link["plain"].as_str().unwrap().contains('#'), "{link}");
    let body = json!({"code": url.split('#').nth(1).unwrap()}).to_string();
    // Whoever posts it from nowhere, or from another page, does not use it up.
    let host = door.host();
    let bare = format!("Host: {host}\r\nContent-Type: application/json\r\n");
    assert_eq!(door.ask("POST", "/login", &bare, &body).status, 403);
    let foreign = format!("{bare}Origin: http://localhost:1\r\n");
    assert_eq!(door.ask("POST", "/login", &foreign, &body).status, 403);
    let first = door.post("/login", "", &body);
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(door.post("/login", "", &body).status, 401);
    let logged_in = first.json();
    assert_eq!(logged_in["port"], door.port);
    let me = door.get("/api/v1/me", logged_in["bearer"].as_str().unwrap()).json();
    assert_eq!(me["role"], "operator");
    assert!(door.person(&["viewer", "link", "web1"])["url"].as_str().unwrap().contains("/s/web1#"));
    assert_eq!(door.log_in(&["web1"])["role"], "viewer_write");
    // What it cannot keep in is said to whoever gives it away.
    for (role, warns) in [("viewer_write", true), ("viewer_read", false)] {
        let (_, said) = door.home.run_as_person(&["viewer", "link", "web1", "--role", role]);
        assert_eq!(said.contains("can run cotty there"), warns, "{said}");
    }
}

#[test]
fn from_inside_a_session_nobody_gets_a_link_or_a_token() {
    let door = Door::open();
    for order in [&["viewer", "link"][..], &["token", "new"], &["token", "list"], &["token", "revoke", "all"]]
    {
        let output = door.home.run(order);
        assert_eq!(output.status.code(), Some(77), "{order:?}: {output:?}");
        let command = format!(
            "env COTTY_STATE_DIR={} {} {}; echo ended-$?",
            door.home.state().display(),
            cotty_testkit::binary().display(),
            order.join(" ")
        );
        let said = door.home.run(&["run", "web1", "--", &command]);
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(text.contains("ended-77"), "{text}");
    }
}

#[test]
fn a_login_and_its_port_outlive_the_daemon() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    let (code, text) = home.run_as_person(&["viewer", "link", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let door = Door { port: port(&home), home };
    let login = door.log_in(&[]);
    let bearer = login["bearer"].as_str().unwrap();
    assert_eq!(door.get("/api/v1/me", bearer).status, 200);
    assert_eq!(door.home.run_as_person(&["restart"]).0, Some(0));
    // The daemon that anybody starts listens again: a page may be waiting.
    assert!(door.home.run(&["ls"]).status.success());
    assert_eq!(port(&door.home), door.port);
    assert_eq!(door.get("/api/v1/me", bearer).status, 200);
    assert!(door.get("/api/v1/sessions", bearer).text.contains("web1"));
}

#[test]
fn a_daemon_proves_that_it_knows_a_login_and_another_program_cannot() {
    let door = Door::open();
    let login = door.log_in(&[]);
    let asked = |login: &Value, nonce: &str| {
        door.post("/login", "", &json!({"prove": {"login": login, "nonce": nonce}}).to_string())
    };
    let proof = asked(&login["login"], "n1").json();
    assert_eq!(proof["proof"].as_str().unwrap().len(), 64);
    assert_ne!(proof, asked(&login["login"], "n2").json());
    assert_eq!(asked(&json!("b99"), "n1").status, 401);
    assert_eq!(door.post("/api/v1/logout", login["bearer"].as_str().unwrap(), "{}").status, 200);
    assert_eq!(asked(&login["login"], "n1").status, 401);
}

#[test]
fn a_revoked_token_ends_what_is_under_way() {
    let door = Door::open();
    let token = door.token(&[]);
    let headers = format!(
        "Host: {}\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n",
        door.host()
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let order = r#"{"session":"web1","command":"sleep 60","wait_ms":60000}"#;
            door.ask("POST", "/api/v1/run", &headers, order)
        });
        until("it runs", || {
            let list = door.home.run(&["ls", "--json"]);
            String::from_utf8_lossy(&list.stdout).contains("\"state\":\"running\"").then_some(())
        });
        door.person(&["token", "revoke", "t1"]);
        let answer = waiting.join().unwrap();
        assert_eq!(answer.status, 401, "{}", answer.text);
        // The answer has waited for nothing else.
        let list = door.home.run(&["ls", "--json"]);
        assert!(String::from_utf8_lossy(&list.stdout).contains("\"state\":\"running\""), "{list:?}");
    });
}

#[test]
fn logging_out_everywhere_is_an_operators() {
    let door = Door::open();
    let [one, other] = [door.log_in(&[]), door.log_in(&[])];
    let watcher = door.log_in(&["web1", "--role", "viewer_read"]);
    let bearer = |it: &Value| it["bearer"].as_str().unwrap().to_owned();
    let everywhere = r#"{"everywhere":true}"#;
    assert_eq!(door.post("/api/v1/logout", &bearer(&watcher), everywhere).status, 403);
    // What is bound to one session reaches no other page's login.
    for bound in [
        bearer(&door.log_in(&["web1", "--role", "operator"])),
        door.token(&["--role", "operator", "--session", "web1"]),
    ] {
        let answer = door.post("/api/v1/logout", &bound, everywhere);
        assert!(answer.status == 403 && answer.text.contains("in one session alone"), "{}", answer.text);
    }
    let token = door.token(&["--role", "operator"]);
    let link = door.person(&["viewer", "link"])["url"].as_str().unwrap().to_owned();
    let unused = json!({"code": link.split('#').nth(1).unwrap()}).to_string();
    assert_eq!(door.post("/api/v1/logout", &bearer(&one), everywhere).status, 200);
    assert_eq!(door.post("/login", "", &unused).status, 401, "a link that nobody used is over too");
    for ended in [&one, &other, &watcher] {
        assert_eq!(door.get("/api/v1/me", &bearer(ended)).status, 401);
    }
    assert_eq!(door.get("/api/v1/me", &token).status, 200, "a token is no browser");
}

#[test]
fn serving_in_the_foreground_says_where_and_is_alone() {
    let home = Home::new();
    let mut serving = home.cotty(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let mut child = serving.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["listening"]["address"].as_str().unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("ready"), "{answer}");
    let second = home.run(&["serve"]);
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && text.contains(&format!("pid {}", child.id())), "{text}");
    // Other commands find it like any daemon.
    assert!(home.run(&["up", "web1"]).status.success());
    assert_eq!(home.daemon_pid(), Some(child.id()));
    assert_eq!(home.run_as_person(&["stop"]).0, Some(0));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_port_that_another_program_has_is_said_and_costs_no_session() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = Home::new();
    home.write_config(&format!("listen = \"127.0.0.1:{port}\"\n"));
    assert!(home.run(&["up", "web1"]).status.success());
    let (code, text) = home.run_as_person(&["viewer", "link"]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains(&port.to_string()), "{text}");
    drop(taken);
    assert_eq!(home.run_as_person(&["viewer", "link"]).0, Some(0));
}

#[test]
fn nobody_listens_before_a_person_needs_it_or_where_it_is_off() {
    let home = Home::new();
    assert!(home.run(&["up", "web1"]).status.success());
    assert!(!home.state().join("http.json").exists());
    let off = Home::new();
    off.write_config("listen = \"off\"\n");
    let (code, text) = off.run_as_person(&["viewer", "link"]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("listen is off") && text.contains("listen = \"auto\""), "{text}");
}
