//! Every cell of the route table by TCP: route, credential, role, and who sent it. Only the right ones are open.

use std::collections::BTreeMap;

use cotty_web::grant::Grant;
use cotty_web::routes::{Names, Route, Shows, table};

use crate::http::{Answer, Door};

/// What the guard says to those whom it does not let in.
const SHUT: [&str; 7] = [
    "the Host of this request",
    "another page sent this request",
    "no service worker here",
    "a body is JSON here",
    "this needs a login or a token",
    "wrong, expired or revoked",
    "does not reach that",
];

fn is_shut(answer: &Answer) -> bool {
    assert_ne!(answer.status, 0, "no answer");
    SHUT.iter().any(|it| answer.text.contains(it))
}

/// One way of coming.
struct Way {
    headers: String,
    /// Whether this way alone is enough to be turned away.
    foreign: bool,
}

fn ways(door: &Door, method: &str) -> Vec<Way> {
    let host = door.host();
    let json = if method == "POST" { "Content-Type: application/json\r\n" } else { "" };
    let way = |foreign: bool, headers: String| Way { headers, foreign };
    let mut ways = vec![
        way(false, format!("Host: {host}\r\nOrigin: http://{host}\r\n{json}")),
        way(false, format!("Host: 127.0.0.1:1\r\n{json}")),
        way(true, format!("Host: {host}\r\nOrigin: http://localhost:1\r\n{json}")),
        way(true, format!("Host: {host}\r\nOrigin: null\r\n{json}")),
        way(true, format!("Host: {host}\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Dest: image\r\n{json}")),
        way(true, format!("Host: evil.example:{}\r\n{json}", door.port)),
        way(true, format!("Host: {host}\r\nHost: {host}\r\n{json}")),
        way(true, json.to_owned()),
        way(true, format!("Host: {host}\r\nService-Worker: script\r\nSec-Fetch-Site: same-origin\r\n{json}")),
    ];
    if method == "POST" {
        let form = "Content-Type: text/plain\r\n";
        ways.push(way(true, format!("Host: {host}\r\nOrigin: http://{host}\r\n{form}")));
    }
    ways
}

fn address(door: &Door, row: &Route) -> String {
    match row.path {
        "/s/{*name}" | "/d/{*name}" => row.path.replace("{*name}", "web1"),
        "/assets/{build}/{file}" => {
            let page = door.get("/", "").text;
            let at = page.find("/assets/").unwrap_or_else(|| panic!("{page}"));
            page[at..].split('"').next().unwrap().to_owned()
        }
        path if row.names == Names::InQuery => format!("{path}?session=web1"),
        path => path.to_owned(),
    }
}

#[test]
fn by_tcp_only_the_right_cells_of_the_table_are_open() {
    let door = Door::open();
    let tokens: BTreeMap<Grant, String> =
        Grant::ALL.into_iter().map(|it| (it, door.token(&["--role", it.word()]))).collect();
    for row in table() {
        let (method, path) = (row.method.as_str(), address(&door, &row));
        for Way { headers, foreign } in ways(&door, method) {
            let cell = format!("{method} {path} {headers:?}");
            let bare = door.ask(method, &path, &headers, "{}");
            let Some(roles) = row.tcp else {
                assert!(bare.status == 404 || is_shut(&bare), "{cell}: {}", bare.text);
                continue;
            };
            assert_eq!(is_shut(&bare), foreign || row.shows == Shows::Credential, "{cell}: {}", bare.text);
            // A log-out ends what is shown.
            if row.shows != Shows::Credential || row.path == "/api/v1/logout" {
                continue;
            }
            for (grant, token) in &tokens {
                let shown = format!("{headers}Authorization: Bearer {token}\r\n");
                let answer = door.ask(method, &path, &shown, "{}");
                let open = !foreign && roles.contains(grant);
                assert_eq!(is_shut(&answer), !open, "{cell} as {grant}: {}", answer.text);
            }
        }
    }
}

#[test]
fn a_wrong_credential_opens_nothing() {
    let door = Door::open();
    let expired = door.token(&["--expires", "1s"]);
    let revoked = door.token(&["--role", "operator"]);
    door.person(&["token", "revoke", "t2"]);
    cotty_testkit::wait::until("it has expired", || {
        (door.get("/api/v1/me", &expired).status == 401).then_some(())
    });
    let guessed = "cotty_0000000000000000000000000000000000000000000000000";
    for wrong in [expired.as_str(), &revoked, guessed, "x", ""] {
        let answer = door.get("/api/v1/sessions", wrong);
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
    // Neither a cookie nor the address carries one.
    let good = door.token(&["--role", "operator"]);
    let cookie = format!("Host: {}\r\nCookie: bearer={good}\r\n", door.host());
    let path = format!("/api/v1/sessions?bearer={good}&token={good}");
    assert_eq!(door.ask("GET", &path, &cookie, "").status, 401);
}

#[test]
fn a_credential_of_one_session_reaches_that_one_alone() {
    let door = Door::open();
    assert!(door.home.run(&["up", "web2"]).status.success());
    let bearer = door.log_in(&["web1"])["bearer"].as_str().unwrap().to_owned();
    let admin = door.token(&["--role", "operator", "--session", "web1"]);
    for row in table().into_iter().filter(|it| it.tcp.is_some() && it.shows == Shows::Credential) {
        let (method, path) = (row.method.as_str(), row.path);
        if path == "/api/v1/logout" {
            continue;
        }
        let other = format!("{path}?session=web2");
        for (shown, grant) in [(&bearer, Grant::ViewerWrite), (&admin, Grant::Operator)] {
            let headers = format!(
                "Host: {0}\r\nOrigin: http://{0}\r\nContent-Type: application/json\r\nAuthorization: Bearer {shown}\r\n",
                door.host()
            );
            let answer = door.ask(method, &other, &headers, "{\"session\":\"web2\",\"id\":\"web2\"}");
            let open = matches!(row.names, Names::None | Names::Listed);
            assert_eq!(is_shut(&answer), !open, "{method} {other}: {}", answer.text);
            assert!(!answer.text.contains("\"name\":\"web2\""), "{}", answer.text);
            let own = door.ask(method, &format!("{path}?session=web1"), &headers, "{}");
            let open = row.names != Names::Otherwise && row.tcp.unwrap().contains(&grant);
            assert_eq!(is_shut(&own), !open, "{method} {path}: {}", own.text);
        }
    }
    assert!(door.get("/api/v1/sessions", &bearer).text.contains("\"name\":\"web1\""));
    assert!(is_shut(&door.get("/api/v1/read?session=web1&command=c1", &bearer)));
    // A later session of that name is another one.
    assert!(door.home.run(&["close", "web1"]).status.success());
    assert!(door.home.run(&["up", "web1"]).status.success());
    assert!(is_shut(&door.get("/api/v1/read?session=web1", &bearer)));
    assert!(!door.get("/api/v1/sessions", &bearer).text.contains("\"state\":\"ready\""));
}

#[test]
fn every_reply_tells_the_browser_to_trust_nothing_else() {
    let door = Door::open();
    let token = door.token(&["--role", "operator"]);
    for (path, bearer) in [("/", ""), ("/nothing", ""), ("/api/v1/sessions", ""), ("/api/v1/me", &token)] {
        let text = door.get(path, bearer).text.to_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "cross-origin-opener-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(text.contains(header), "{path} lacks {header}: {text}");
        }
        assert!(!text.contains("access-control"), "{text}");
        assert!(!text.contains("set-cookie"), "{text}");
    }
    let preflight = format!("Host: {0}\r\nOrigin: http://evil.example\r\n", door.host());
    let answer = door.ask("OPTIONS", "/api/v1/sessions", &preflight, "");
    assert!(
        answer.status >= 400 && !answer.text.to_lowercase().contains("access-control"),
        "{}",
        answer.text
    );
}

#[test]
fn the_page_is_the_same_whether_a_name_exists_or_not() {
    let door = Door::open();
    let bodies = ["/", "/s/web1", "/s/nothing", "/d/x/y", "/s/%3Cimg%20src=x%3E"].map(|path| {
        let text = door.get(path, "").text;
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    });
    assert!(bodies.iter().all(|it| *it == bodies[0] && !it.contains("web1")));
    for path in ["/%ff", "/s/%ff", &format!("/{}", "x".repeat(1024 * 1024)), "/../../etc/passwd", "//x"] {
        let status = door.ask("GET", path, &format!("Host: {}\r\n", door.host()), "").status;
        assert!(matches!(status, 200 | 400 | 404 | 414 | 431), "{path:.30}: {status}");
    }
    assert_eq!(door.get("/livez", "").status, 200);
}

#[test]
fn the_socket_upgrades_for_our_own_page_and_for_programs_alone() {
    let door = Door::open();
    let (token, host) = (door.token(&["--role", "operator"]), door.host());
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let own = format!("Host: {host}\r\nOrigin: http://{host}\r\n");
    let page = format!("Sec-WebSocket-Protocol: cotty.1, bearer.{token}\r\n");
    let program = format!("Sec-WebSocket-Protocol: cotty.1\r\nAuthorization: Bearer {token}\r\n");
    let ask =
        |headers: &str| door.ask("GET", "/api/v1/socket?session=web1", &format!("{upgrade}{headers}"), "");
    let open = ask(&format!("{own}{page}"));
    assert_eq!(open.status, 101, "{}", open.text);
    let head = open.text.to_lowercase();
    assert!(head.contains("sec-websocket-protocol: cotty.1\r\n"), "the secret is not repeated: {head}");
    assert_eq!(ask(&format!("Host: {host}\r\n{program}")).status, 101);
    for closed in [
        format!("Host: {host}\r\n{page}"),
        format!("Host: {host}\r\nOrigin: http://localhost:1\r\n{page}"),
        format!("Host: {host}\r\nOrigin: null\r\n{page}"),
        format!("Host: evil.example\r\nOrigin: http://evil.example\r\n{page}"),
        format!("{own}Sec-WebSocket-Protocol: cotty.1\r\nCookie: bearer={token}\r\n"),
        format!("{own}Sec-WebSocket-Protocol: cotty.1, bearer.cotty_x\r\n"),
    ] {
        let answer = ask(&closed);
        assert!(is_shut(&answer), "{closed}: {}", answer.text);
    }
    let nothing = ask(&format!("{own}Authorization: Bearer {token}\r\n"));
    assert_eq!(nothing.status, 400, "without its protocol: {}", nothing.text);
}

#[test]
fn strangers_that_hang_about_keep_nobody_out() {
    let door = Door::open();
    let token = door.token(&["--role", "operator"]);
    let hanging: Vec<_> = (0..100).map(|_| door.connect()).collect();
    assert_eq!(door.get("/api/v1/me", &token).status, 200);
    drop(hanging);
    assert_eq!(door.get("/livez", "").status, 200);
}

#[test]
fn a_path_that_nobody_means_costs_a_status_and_nothing_else() {
    let door = Door::open();
    let pid = crate::daemon::pid(&door.home);
    let token = door.token(&["--role", "operator"]);
    let host = door.host();
    let headers = format!(
        "Host: {host}\r\nOrigin: http://{host}\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
    );
    for row in table().into_iter().filter(|it| it.tcp.is_some() && it.path != "/api/v1/logout") {
        for part in ["%ff", "%00", "%2e%2e%2f", "%", "%zz", "%f0%9f%92%a9"] {
            let path = match row.path.find('{') {
                Some(_) => ["{*name}", "{build}", "{file}", "{card}"]
                    .iter()
                    .fold(row.path.to_owned(), |path, it| path.replace(it, part)),
                None => format!("{}?session={part}&command={part}", row.path),
            };
            let answer = door.ask(row.method.as_str(), &path, &headers, "{}");
            assert!((200..500).contains(&answer.status), "{} {path}: {}", row.method, answer.text);
        }
    }
    let long = "x".repeat(1024 * 1024);
    for path in [format!("/{long}"), format!("/s/{long}"), format!("/api/v1/status?session={long}")] {
        let status = door.ask("GET", &path, &headers, "").status;
        // Who is still talking when the answer comes may not hear it.
        assert!([0, 414, 431].contains(&status), "{status}");
    }
    assert_eq!(crate::daemon::pid(&door.home), pid);
    assert!(door.home.run(&["run", "web1", "--", "true"]).status.success());
}
