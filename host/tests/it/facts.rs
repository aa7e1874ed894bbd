//! What the kernel says of programs that wait, work, or hide behind another terminal.

use cotty_core::facts::{Blocked, Facts, Inner, Member};
use cotty_host::holder::frame::{Event, Exit, Order, Process, SignalTo};

use crate::world::{BASH, Client, DASH, Start, World, block_on, not_run, until};

fn member<'facts>(facts: &'facts Facts, comm: &str) -> Option<&'facts Member> {
    facts.members.iter().find(|it| it.program.comm == comm)
}

fn reads(facts: &Facts, comm: &str) -> bool {
    member(facts, comm).is_some_and(|it| {
        it.state == 'S' && matches!(it.blocked, Blocked::OnTerminal | Blocked::OnTerminalByte)
    })
}

fn works(facts: &Facts, comm: &str) -> bool {
    member(facts, comm).is_some_and(|it| it.blocked == Blocked::Elsewhere)
}

fn at_prompt(facts: &Facts) -> bool {
    facts.foreground == facts.shell.pid
        && facts.members.iter().any(|it| matches!(it.blocked, Blocked::OnTerminal | Blocked::OnTerminalByte))
}

async fn bash(world: &World) -> Client {
    let mut bash = world.open("s", BASH).await;
    bash.facts("bash at its prompt", at_prompt).await;
    bash
}

/// Types a command, waits for the facts that are claimed, interrupts it and waits for the prompt.
async fn claim(bash: &mut Client, command: &str, what: impl Fn(&Facts) -> bool) -> Facts {
    bash.send(&format!("{command}\r")).await;
    let facts = bash.facts(command, what).await;
    bash.tell(Order::Signal { to: SignalTo::Foreground, signal: 2 }).await;
    bash.facts(&format!("the prompt after {command}"), at_prompt).await;
    facts
}

fn has_python(test: &str) -> bool {
    let found = std::path::Path::new("/usr/bin/python3").exists();
    if !found {
        not_run(test, "there is no /usr/bin/python3");
    }
    found
}

#[test]
fn a_program_that_reads_its_terminal_is_seen() {
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        let facts = claim(&mut bash, "cat", |it| reads(it, "cat")).await;
        assert!(facts.echo && facts.canonical && facts.inner == Inner::None);
        assert_ne!(facts.foreground, facts.shell.pid);
        assert_eq!(member(&facts, "cat").unwrap().argv, ["cat"]);
        assert!(!member(&facts, "cat").unwrap().foreign);
        assert_eq!(facts.shell.comm, "bash");
        let secret = |it: &Facts| reads(it, "bash") && !it.echo && it.canonical;
        claim(&mut bash, "read -s x", secret).await;
        claim(&mut bash, "bash -c 'cat;:'", |it| reads(it, "cat") && member(it, "bash").is_some()).await;
        claim(&mut bash, "cat </dev/tty", |it| reads(it, "cat")).await;
    });
}

#[test]
fn a_program_that_works_or_waits_elsewhere_is_not_reading() {
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        claim(&mut bash, "sleep 1000", |it| works(it, "sleep")).await;
        // While its line editor works the terminal is raw.
        let runs = |it: &Facts| member(it, "bash").is_some_and(|it| it.state == 'R');
        let busy = |it: &Facts| works(it, "bash") && it.canonical && runs(it);
        claim(&mut bash, "while :; do :; done", busy).await;
        claim(&mut bash, "sleep 1000 | cat", |it| works(it, "cat") && works(it, "sleep")).await;
    });
}

#[test]
fn a_pager_behind_a_pipe_is_seen_though_its_leader_is_dead() {
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        bash.send("seq 99999 | less\r").await;
        let pager = |it: &Facts| reads(it, "less") && !it.canonical && member(it, "seq").is_none();
        bash.send("G").await;
        bash.facts("less at the end", pager).await;
        bash.send("q").await;
        bash.facts("the prompt", at_prompt).await;
    });
}

#[test]
fn every_way_of_waiting_for_a_descriptor_is_seen() {
    if !has_python("every_way_of_waiting_for_a_descriptor_is_seen") {
        return;
    }
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        let reading = |it: &Facts| {
            it.members.iter().any(|it| matches!(it.blocked, Blocked::OnTerminal | Blocked::OnTerminalByte))
        };
        let python = |it: &Facts| it.foreground != it.shell.pid && reading(it);
        for program in [
            "import select; select.select([0],[],[])",
            "import select; p=select.poll(); p.register(0, select.POLLIN); p.poll()",
            "import select; e=select.epoll(); e.register(0, select.EPOLLIN); e.poll()",
            "import threading,time; threading.Thread(target=input,daemon=True).start(); time.sleep(1000)",
        ] {
            claim(&mut bash, &format!("/usr/bin/python3 -c '{program}'"), python).await;
            bash.send("\r").await;
        }
        let listens =
            "import socket; s=socket.socket(); s.bind((\"127.0.0.1\",0)); s.listen(); print(1); s.accept()";
        bash.seen.clear();
        bash.send(&format!("/usr/bin/python3 -c '{listens}'\r")).await;
        bash.expect("\r1\r\n").await;
        let facts = bash.facts("a server", |it| it.members.iter().any(|it| it.state == 'S')).await;
        assert!(!reading(&facts), "{facts:#?}");
    });
}

#[test]
fn behind_script_the_inner_terminal_is_told() {
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        let inner = |it: &Facts| matches!(&it.inner, Inner::Terminal(inner) if reads(inner, "cat") && inner.canonical);
        bash.send("script -qc cat /dev/null\r").await;
        let facts = bash.facts("cat in script", inner).await;
        assert!(!facts.canonical);
        bash.send("\u{3}").await;
        bash.facts("the prompt", at_prompt).await;
        let sleeps = |it: &Facts| matches!(&it.inner, Inner::Terminal(inner) if works(inner, "sleep"));
        bash.send("script -qc 'sleep 1000' /dev/null\r").await;
        bash.facts("sleep in script", sleeps).await;
        // It would outlive its terminal.
        for process in processes(&mut bash).await {
            bash.tell(Order::Signal { to: SignalTo::Process(process.pid), signal: 9 }).await;
        }
        bash.facts("the prompt", at_prompt).await;
    });
}

#[test]
fn a_nested_shell_is_another_program_in_the_foreground() {
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        bash.send("dash -i\r").await;
        let nested = |it: &Facts| reads(it, "dash") && it.foreground != it.shell.pid;
        let facts = bash.facts("dash in bash", nested).await;
        assert_ne!(member(&facts, "dash").unwrap().program.executable, facts.shell.executable);
        bash.send("exec cat\r").await;
        bash.facts("cat in place of dash", |it| reads(it, "cat")).await;
        let before = facts.shell.executable;
        bash.send("\u{4}exec dash -i\r").await;
        bash.facts("dash in place of bash", |it| it.shell.executable != before && at_prompt(it)).await;
    });
}

#[test]
fn without_the_syscall_file_channel_and_descriptors_are_told() {
    block_on(async {
        let world = World::start(Start { without_syscall: true, ..Start::default() });
        let mut dash = world.open("s", DASH).await;
        dash.send("cat\r").await;
        let unseen = |it: &Facts| {
            matches!(
                member(it, "cat").map(|it| &it.blocked),
                Some(Blocked::Unseen { channel, terminal: true, socket: false }) if channel == "wait_woken" || channel.is_empty()
            )
        };
        dash.facts("cat, unseen", unseen).await;
        dash.send("\u{4}sleep 1000\r").await;
        let sleeps = |it: &Facts| {
            let blocked = member(it, "sleep").map(|it| it.blocked.clone());
            matches!(blocked, Some(Blocked::Unseen { channel, .. }) if channel.contains("nanosleep") || channel.is_empty())
        };
        dash.facts("sleep, unseen", sleeps).await;
    });
}

async fn processes(client: &mut Client) -> Vec<Process> {
    client.tell(Order::Processes).await;
    client.until(|it| if let Event::Processes(list) = it { Some(list.clone()) } else { None }).await
}

#[test]
fn what_left_the_shells_tree_is_still_known_and_can_be_ended() {
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        let mut other = world.open("other", DASH).await;
        bash.send("(setsid sleep 1001 &) ; (setsid nohup sleep 1002 >/dev/null 2>&1 &)\r").await;
        let is_stray = |it: &Process| it.comm == "sleep";
        let strays = loop {
            let strays: Vec<Process> = processes(&mut bash).await.into_iter().filter(is_stray).collect();
            if strays.len() == 2 {
                break strays;
            }
        };
        assert!(strays.iter().any(|it| it.argv == ["sleep", "1001"]));
        assert!(!processes(&mut other).await.iter().any(is_stray), "they are of another session");
        other.tell(Order::Signal { to: SignalTo::Process(strays[0].pid), signal: 9 }).await;
        let refused =
            other.until(|it| if let Event::Refused { text, .. } = it { Some(text.clone()) } else { None });
        assert!(refused.await.contains("is not of this session"));
        bash.send("exit 0\r").await;
        assert_eq!(bash.ended().await, Exit::Status(0));
        for stray in &strays {
            bash.tell(Order::Signal { to: SignalTo::Process(stray.pid), signal: 9 }).await;
        }
        for stray in &strays {
            let gone = || !std::path::Path::new(&format!("/proc/{}", stray.pid)).exists();
            until("the stray is ended and reaped", gone).await;
        }
    });
}

#[test]
fn a_signal_for_all_but_the_shell_reaches_what_stands_in_front_and_never_the_shell() {
    block_on(async {
        let world = World::new();
        let mut bash = bash(&world).await;
        let kill = Order::Signal { to: SignalTo::ForegroundButShell, signal: 9 };
        bash.send("sleep 1000\r").await;
        bash.facts("it sleeps", |it| works(it, "sleep")).await;
        bash.tell(kill.clone()).await;
        bash.facts("the prompt", at_prompt).await;
        // What comes late finds the shell in front.
        bash.tell(kill).await;
        bash.send("echo lived\"\"-on\r").await;
        bash.expect("lived-on").await;
    });
}
