//! Commands beside the terminals: a process group or a channel of their own, two streams, one exact end.

use std::time::Duration;

use cotty_testkit::home::Home;
use cotty_testkit::wait::{until, until_within};
use cotty_testkit::{Relay, Sshd, Ticket};
use serde_json::{Value, json};

use crate::daemon::{kill, pid};
use crate::desk::{Desk, Said};

/// A desk, and where its commands run.
struct Lane {
    desk: Desk,
    target: String,
    server: Option<Sshd>,
}

/// Tells a story on this machine and over a real sshd.
fn everywhere(test: &str, story: impl Fn(&mut Lane)) {
    story(&mut Lane { desk: Desk::new(), target: "local".to_owned(), server: None });
    if let Some(mut lane) = Lane::far(test) {
        story(&mut lane);
    }
}

impl Lane {
    fn here() -> Self {
        Self { desk: Desk::new(), target: "local".to_owned(), server: None }
    }

    fn far(test: &str) -> Option<Self> {
        let server = Sshd::start(test)?;
        let port = server.port();
        Some(Self::at(server, port))
    }

    /// A desk that reaches a server by this port.
    fn at(server: Sshd, port: u16) -> Self {
        let (home, target) = (account(&server, port), format!("{}@127.0.0.1:{port}", server.user()));
        Self { desk: Desk::at(home), target, server: Some(server) }
    }

    /// Runs a command, with what else is said of it.
    fn run_with(&mut self, command: &str, more: Value) -> Said {
        let order = self.order(command, more);
        self.desk.tool("ssh_run", order)
    }

    fn run(&mut self, command: &str) -> Said {
        self.run_with(command, json!({}))
    }

    fn begin(&mut self, command: &str, more: Value) -> Ticket {
        let order = self.order(command, more);
        self.desk.agent.start_call("ssh_run", order)
    }

    fn order(&self, command: &str, more: Value) -> Value {
        let mut order = json!({"target": self.target, "command": command, "isolated": true, "wait_s": 25});
        let more = more.as_object().unwrap().clone();
        order.as_object_mut().unwrap().extend(more);
        order
    }
}

/// A home whose account can log in at a server, as ssh would: by its known hosts and its key.
fn account(server: &Sshd, port: u16) -> Home {
    let home = Home::new();
    let ssh = home.path().join("account/.ssh");
    std::fs::create_dir_all(&ssh).unwrap();
    let known = server.known_line(&format!("[127.0.0.1]:{port}"));
    std::fs::write(ssh.join("known_hosts"), known).unwrap();
    std::fs::copy(server.file("user_ed25519"), ssh.join("id_ed25519")).unwrap();
    home
}

/// The standard error of a reply.
fn errors(said: &Said) -> String {
    let mut lines = said.text.lines().skip_while(|line| !line.ends_with(" stderr ---"));
    let Some(mark) = lines.next() else { return String::new() };
    lines.take_while(|line| *line != mark).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn is(said: &Said, exit: i32, output: &str, error: &str) {
    let told = (said.exit(), said.output(), errors(said));
    assert_eq!(told, (Some(exit), output.to_owned(), error.to_owned()), "{said:?}");
}

#[test]
fn streams_stay_apart_and_the_exit_is_exact() {
    everywhere("streams_stay_apart_and_the_exit_is_exact", |lane| {
        let said = lane.run("echo one; echo two >&2; echo three; echo four >&2; exit 3");
        is(&said, 3, "one\nthree", "two\nfour");
        is(&lane.run("echo only >&2"), 0, "", "only");
        is(&lane.run("true"), 0, "", "");
        is(&lane.run("printf 'no newline'"), 0, "no newline", "");
        is(&lane.run("no-such-program-anywhere 2>/dev/null"), 127, "", "");
        let said = lane.run("kill -SEGV $$");
        assert_eq!(said.exit(), Some(139), "{said:?}");
        assert!(said.notes()[0].contains("signal 11 ended it"), "{said:?}");
        // No session was opened for any of it.
        let listed = lane.desk.tool("ssh_list", json!({}));
        assert!(listed.text.starts_with("0 sessions") || listed.text.contains("no session"), "{listed:?}");
        let listed = lane.desk.tool("ssh_list", json!({"kind": "commands"}));
        assert!(listed.text.contains("exit 3"), "{listed:?}");
    });
}

#[test]
fn nothing_that_is_said_is_read_by_another_shell() {
    let long = "y".repeat(64 * 1024 - 20);
    let table = [
        ("echo 'it'\\''s' \"$HOME\" | sed \"s,$HOME,home,\"".to_owned(), "it's home".to_owned()),
        (
            "printf '%s|' \"a  b\" '$x' \"`echo tick`\" \\' \\\" '\\'".to_owned(),
            "a  b|$x|tick|'|\"|\\|".to_owned(),
        ),
        ("cat <<'E'\n$x `y` \\ ! \"'\nE\necho two".to_owned(), "$x `y` \\ ! \"'\ntwo".to_owned()),
        ("echo a; # don't\necho \"b!c\"".to_owned(), "a\nb!c".to_owned()),
        ("printf 'tab\\there %s' '\t'".to_owned(), "tab\there \t".to_owned()),
        (format!("x={long}; echo ${{#x}}"), long.len().to_string()),
        ("echo äöü € 😀".to_owned(), "äöü € 😀".to_owned()),
        (
            "printf '\\033[1mbold\\033[0m\\nnext\\rNEXT\\n'; echo plain".to_owned(),
            "bold\nNEXT\nplain".to_owned(),
        ),
    ];
    everywhere("nothing_that_is_said_is_read_by_another_shell", |lane| {
        for (command, output) in &table {
            is(&lane.run(command), 0, output, "");
        }
        let env = json!({"env": {"ODD": "it's \"$HOME\"\n`id` ; rm -rf / \\", "_a1": ""}, "cwd": "/usr/lib"});
        let said = lane.run_with("printf '%s' \"$ODD\"; echo; echo \"[$_a1]\"; pwd", env);
        is(&said, 0, "it's \"$HOME\"\n`id` ; rm -rf / \\\n[]\n/usr/lib", "");
        lane.run("echo a\0b").refuses("invalid-argument", &["command", "U+0000"]);
        for name in ["", "1A", "A=B", "A;id", "Ä"] {
            let env = json!({"env": {name: "x"}});
            lane.run_with("true", env).refuses("invalid-argument", &["env", "letters, digits and _"]);
        }
        lane.run_with("true", json!({"env": {"A": "x\0"}})).refuses("invalid-argument", &["env", "NUL"]);
        let long = "y".repeat(130_000);
        lane.run(&format!(": {long}")).refuses("limit", &["122880", "Write it to a file"]);
    });
}

#[test]
fn a_pager_waits_for_nobody_and_there_is_no_terminal() {
    everywhere("a_pager_waits_for_nobody_and_there_is_no_terminal", |lane| {
        let said = lane.run("tty; : </dev/tty");
        assert_eq!((said.exit(), said.output().as_str()), (Some(1), "not a tty"), "{said:?}");
        assert!(errors(&said).contains("/dev/tty"), "{said:?}");
        let pagers = lane.run("echo $PAGER $GIT_PAGER $SYSTEMD_PAGER").output();
        // On a host the environment is the account's own.
        assert_eq!(pagers, if lane.server.is_none() { "cat cat cat" } else { "" });
        // Where anything is set for a command, they are set as well.
        let pagers =
            lane.run_with("echo $PAGER $GIT_PAGER $SYSTEMD_PAGER", json!({"env": {"PAGER": "more"}}));
        assert_eq!(pagers.output(), "more cat cat");
    });
}

#[test]
fn a_megabyte_goes_in_and_nothing_is_typed() {
    everywhere("a_megabyte_goes_in_and_nothing_is_typed", |lane| {
        let stdin = "0123456789abcde\n".repeat(65_536);
        is(&lane.run_with("wc -c; echo done", json!({"stdin": stdin})), 0, "1048576\ndone", "");
        is(&lane.run_with("exit 4", json!({"stdin": stdin})), 4, "", "");
        is(&lane.run("cat"), 0, "", "");
        let said = lane.run_with("cat", json!({"stdin": "x".repeat(4_194_305)}));
        said.refuses("limit", &["stdin", "4194304"]);
    });
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let mut lane = Lane::here();
    lane.run_with("true", json!({"cwd": "/no where"})).refuses("invalid-argument", &["cwd", "/no where"]);
    if let Some(mut lane) = Lane::far("a_directory_that_is_not_there_is_named") {
        let said = lane.run_with("echo never", json!({"cwd": "/no where"}));
        assert_eq!((said.exit(), said.output().as_str()), (Some(125), ""), "{said:?}");
        assert!(errors(&said).contains("/no where"), "{said:?}");
        is(
            &lane.run_with(
                "pwd | sed \"s,^$(getent passwd $(id -un) | cut -d: -f6)$,home,\"",
                json!({"cwd": "~"}),
            ),
            0,
            "home",
            "",
        );
    }
}

#[test]
fn what_takes_longer_is_handed_over_and_found_again() {
    everywhere("what_takes_longer_is_handed_over_and_found_again", |lane| {
        let command = "echo w; echo e >&2; sleep 2; echo x; exit 3";
        let said = lane.run_with(command, json!({"wait_s": 1}));
        assert!(said.state().starts_with("running for 1"), "{said:?}");
        assert!(said.head().ends_with(&format!("Next: ssh_wait command={}", said.handle())), "{said:?}");
        assert_eq!((said.output().as_str(), errors(&said).as_str()), ("w", "e"), "{said:?}");
        let handle = said.handle();
        let seen = lane
            .desk
            .tool("ssh_wait", json!({"command": handle, "until": "output", "wait_s": 25, "offset": "1:2"}));
        assert!(seen.text.contains("it printed") && seen.output() == "x", "{seen:?}");
        let found = lane.desk.tool("ssh_wait", json!({"command": handle, "wait_s": 25}));
        is(&found, 3, "w\nx", "e");
        let again = lane.desk.tool("ssh_read", json!({"command": handle}));
        is(&again, 3, "w\nx", "e");
        let alone = lane.desk.tool("ssh_read", json!({"command": handle, "view": "stderr"}));
        assert_eq!((alone.output().as_str(), errors(&alone).as_str()), ("e", ""), "{alone:?}");
        let met = lane.begin("sleep 0.3; echo listening on port 8080; sleep 30", json!({"background": true}));
        let met = lane.desk.finish(met).handle();
        let pattern = json!({"command": met, "pattern": "port \\d+", "wait_s": 25});
        let said = lane.desk.tool("ssh_wait", pattern);
        assert!(said.head().contains("the pattern was seen"), "{said:?}");
        let said = lane.desk.tool("ssh_close", json!({"id": met}));
        assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
    });
}

#[test]
fn time_that_is_up_and_a_close_end_it_and_name_what_is_left() {
    everywhere("time_that_is_up_and_a_close_end_it", |lane| {
        let said = lane.run_with("echo begun; sleep 4731", json!({"kill_after_s": 1}));
        assert!(said.state().starts_with("interrupted by SIGINT after 1"), "{said:?}");
        assert_eq!(said.output(), "begun", "{said:?}");
        let deaf =
            "trap '' INT TERM; setsid sleep 4732 >/dev/null 2>&1 & echo $!; while :; do sleep 0.1; done";
        let said = lane.run_with(deaf, json!({"wait_s": 2}));
        let away = said.output();
        let handle = said.handle();
        let said = lane.desk.tool("ssh_close", json!({"id": handle}));
        assert!(said.state().starts_with("interrupted by SIGKILL"), "{said:?}");
        assert!(said.text.contains(&format!("still alive: {away} sleep")), "{said:?}");
        // Twice does no harm.
        let said = lane.desk.tool("ssh_close", json!({"id": handle}));
        assert!(said.state().starts_with("interrupted by SIGKILL"), "{said:?}");
        is(&lane.run(&format!("kill -KILL {away}")), 0, "", "");
    });
}

#[test]
fn fifty_megabytes_are_all_readable_afterwards() {
    everywhere("isolated::fifty_megabytes_are_all_readable_afterwards", |lane| {
        const LINES: u64 = 6_800_000;
        let mut said = lane.run_with(&format!("seq {LINES}; seq 20000 >&2"), json!({"wait_s": 50}));
        let handle = said.handle();
        while said.state().starts_with("running") {
            said = lane.desk.tool("ssh_wait", json!({"command": handle, "wait_s": 50}));
        }
        assert_eq!(said.exit(), Some(0), "{}", said.head());
        assert!(
            said.output().starts_with("1\n2\n") && said.output().ends_with(&format!("\n{LINES}")),
            "{}",
            said.head()
        );
        assert!(errors(&said).ends_with("\n20000"), "{}", said.head());
        assert!(
            said.text.contains(&format!("of stderr hidden: ssh_read command={handle} view=stderr")),
            "{}",
            said.head()
        );
        for from in [1, 1_000_000, LINES - 4] {
            let page = lane.desk.tool("ssh_read", json!({"command": handle, "from_line": from, "lines": 5}));
            let wanted: Vec<_> = (from..from + 5).map(|it| it.to_string()).collect();
            assert_eq!(page.output(), wanted.join("\n"), "{page:?}");
        }
        let page = json!({"command": handle, "view": "stderr", "from_line": 19_998, "lines": 5});
        assert_eq!(lane.desk.tool("ssh_read", page).output(), "19998\n19999\n20000");
    });
}

#[test]
fn several_run_at_once_and_the_shared_terminal_knows_nothing_of_it() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let shared = desk.begin("web1", "read line; echo got $line");
    until("it waits for a line", || {
        let said = desk.tool("ssh_wait", json!({"session": "web1", "until": "input", "wait_s": 1}));
        said.state().starts_with("needs input").then_some(())
    });
    let order =
        |command: &str| json!({"session": "web1", "command": command, "isolated": true, "wait_s": 25});
    let tickets: Vec<_> = (0..8)
        .map(|number| {
            desk.agent.start_call("ssh_run", order(&format!("sleep 0.3; echo {number}; exit {number}")))
        })
        .collect();
    for (number, ticket) in tickets.into_iter().enumerate() {
        let said = desk.finish(ticket);
        assert!(said.head().starts_with("[web1 c"), "{said:?}");
        is(&said, i32::try_from(number).unwrap(), &number.to_string(), "");
    }
    desk.finish(shared);
    desk.send("web1", "hello");
    let said = desk.tool("ssh_read", json!({"session": "web1", "view": "tail"}));
    assert!(said.output().contains("got hello") && !said.output().contains("sleep 0.3"), "{said:?}");
    desk.is_exact("web1");
}

#[test]
fn a_session_that_is_closed_to_agents_is_so_beside_it_too() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    let (code, text) = desk.home.run_as_person(&["mode", "web1", "human-only"]);
    assert_eq!(code, Some(0), "{text}");
    let said = desk.tool("ssh_run", json!({"session": "web1", "command": "true", "isolated": true}));
    said.refuses("input-locked", &["web1", "human-only"]);
}

#[test]
fn too_many_at_once_are_refused() {
    let mut lane = Lane::here();
    let handles: Vec<_> =
        (0..32).map(|_| lane.run_with("sleep 1000", json!({"background": true})).handle()).collect();
    lane.run("true").refuses("limit", &["32", "ssh_close"]);
    lane.desk.tool("ssh_close", json!({"id": handles[0]}));
    is(&lane.run("true"), 0, "", "");
}

#[test]
fn a_daemon_that_dies_says_lost_of_it_and_leaves_nothing_running() {
    let mut lane = Lane::here();
    let mark = lane.desk.home.work().join("begun");
    let ticket =
        lane.begin(&format!("echo kept; touch {}; sleep 4733; echo never", mark.display()), json!({}));
    until("it has begun", || mark.exists().then_some(()));
    until("its output is kept", || {
        let read = lane.desk.home.run(&["read", "--run", "c1"]);
        String::from_utf8_lossy(&read.stdout).contains("kept").then_some(())
    });
    kill(pid(&lane.desk.home));
    let said = lane.desk.finish(ticket);
    assert!(said.state().starts_with("lost: the daemon ended while it ran"), "{said:?}");
    assert!(said.head().ends_with("look before you run it again"), "{said:?}");
    assert_eq!(said.output(), "kept", "{said:?}");
    until("what it ran is gone", || {
        let found = lane.desk.home.processes().into_iter().any(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("4733"))
        });
        (!found).then_some(())
    });
    is(&lane.run("echo again"), 0, "again", "");
}

#[test]
fn what_a_command_leaves_behind_does_not_hold_it_up_and_is_an_agent() {
    everywhere("what_a_command_leaves_behind_does_not_hold_it_up", |lane| {
        let said = lane.run("(sleep 3; echo late) & echo now; exit 5");
        is(&said, 5, "now", "");
        assert!(said.notes()[0].contains("still has its streams"), "{said:?}");
    });
    // Orphaned, and with a terminal that is nobody's of ours: it is no person.
    let mut lane = Lane::here();
    let cotty = cotty_testkit::binary();
    let script =
        format!("setsid script -qec '{} mode local human-only' out >/dev/null 2>&1 &", cotty.display());
    lane.desk.open("local", "bash");
    let work = lane.desk.home.work();
    let environment = json!({
        "COTTY_STATE_DIR": lane.desk.home.state(), "COTTY_CONFIG": lane.desk.home.config()
    });
    is(&lane.run_with(&script, json!({"env": environment, "cwd": work})), 0, "", "");
    let told = until_within(Duration::from_secs(30), "it was told", || {
        let text = std::fs::read_to_string(work.join("out")).unwrap_or_default();
        text.contains("COMMAND_EXIT_CODE").then_some(text)
    });
    assert!(told.contains("a person's to do"), "{told}");
}

#[test]
fn what_belongs_to_isolated_commands_is_refused_in_a_terminal() {
    let mut desk = Desk::new();
    desk.open("web1", "bash");
    for (name, value) in [("cwd", json!("/")), ("stdin", json!("x")), ("env", json!({"A": "b"}))] {
        let said = desk.tool("ssh_run", json!({"session": "web1", "command": "true", name: value}));
        said.refuses("invalid-argument", &[name, "isolated=true"]);
    }
    let handle = desk.run("web1", "true").handle();
    let said = desk.tool("ssh_read", json!({"command": handle, "view": "stderr"}));
    said.refuses("invalid-argument", &["both streams are one"]);
}

#[test]
fn a_host_that_goes_away_under_a_command_says_lost_and_one_that_is_not_there_says_so() {
    let Some(mut lane) = Lane::far("a_host_that_goes_away_under_a_command") else { return };
    let said = lane.run_with("echo begun; sleep 0.5; kill -KILL $PPID; sleep 20", json!({}));
    assert!(said.state().starts_with("lost: "), "{said:?}");
    assert_eq!(said.output(), "begun", "{said:?}");
    is(&lane.run("echo again"), 0, "again", "");
    drop(lane.server.take());
    lane.target = lane.target.replace(':', ":1");
    lane.target.truncate(lane.target.find(':').unwrap());
    lane.target += ":1";
    lane.run("true").refuses("connection-failure", &["127.0.0.1"]);
}

#[test]
fn a_line_that_is_slow_loses_and_freezes_gives_no_wrong_answer() {
    const COUNT: usize = 200;
    const AT_ONCE: usize = 8;
    let Some(server) = Sshd::start("a_line_that_is_slow_loses_and_freezes") else { return };
    let relay = Relay::to(server.port());
    relay.latency(Duration::from_millis(50));
    relay.loss(20);
    let mut lane = Lane::at(server, relay.port());
    let mut under_way = std::collections::VecDeque::new();
    for number in 0..COUNT {
        if number % 80 == 40 {
            // Shorter than what is taken for the end of a line: what is under way comes late, and whole.
            relay.freeze();
        }
        let command = format!("cat; echo error {number} >&2; exit {}", number % 256);
        under_way.push_back((number, lane.begin(&command, json!({"stdin": format!("line {number}\n")}))));
        if number % 80 == 40 {
            std::thread::sleep(Duration::from_secs(6));
            relay.thaw();
        }
        if under_way.len() == AT_ONCE {
            judge(&mut lane, under_way.pop_front());
        }
    }
    under_way.into_iter().for_each(|it| judge(&mut lane, Some(it)));
}

#[track_caller]
fn judge(lane: &mut Lane, asked: Option<(usize, Ticket)>) {
    let (number, ticket) = asked.unwrap();
    let said = lane.desk.finish(ticket);
    let exit = i32::try_from(number % 256).unwrap();
    // An account's rc files may have something to say first, where several read them at once.
    let errors = errors(&said);
    let told = (said.exit(), said.output(), errors.lines().last().map(str::to_owned));
    assert_eq!(told, (Some(exit), format!("line {number}"), Some(format!("error {number}"))), "{said:?}");
}
