//! What the second channel sees of a shell.

use cotty_core::facts::{Blocked, Facts, Inner};
use cotty_host::holder::frame::{Attached, Event, Order, SignalTo};
use cotty_host::native::shell::{self, OpenShell};
use cotty_host::native::start::Start;
use cotty_testkit::Sshd;

use super::{client, connect, open_shell, settings, with_shell};
use crate::world::{Client, EPOCH, block_on};

fn reads(facts: &Facts, comm: &str) -> bool {
    let member = facts.members.iter().find(|it| it.program.comm == comm);
    member.is_some_and(|it| it.blocked == Blocked::OnTerminal)
}

fn is_at_prompt(facts: &Facts) -> bool {
    // A line editor may wait in a poll, whose descriptors are not seen from here.
    facts.foreground == facts.shell.pid
        && !facts.canonical
        && facts.members.iter().any(|it| match &it.blocked {
            Blocked::OnTerminal => true,
            Blocked::Unseen { terminal, socket, .. } => *terminal && !*socket,
            Blocked::OnTerminalByte | Blocked::Elsewhere => false,
        })
}

/// Asks the shell itself.
async fn own_pid(shell: &mut Client) -> u32 {
    shell.send("echo p\"\"id=$$,\r").await;
    shell.expect("pid=").await;
    shell.expect(",").await.trim_end_matches(',').parse().unwrap()
}

#[test]
fn what_a_shell_and_its_programs_wait_for_is_seen() {
    with_shell("what_a_shell_and_its_programs_wait_for_is_seen", async |_, mut shell| {
        let pid = own_pid(&mut shell).await;
        let facts = shell.facts("the prompt", is_at_prompt).await;
        assert_eq!(facts.shell.pid, pid);
        assert_eq!(facts.shell.comm, "bash");
        assert!(facts.shell.executable.is_some() && facts.inner == Inner::None);

        shell.send("cat\r").await;
        let facts = shell.facts("cat reads", |it| reads(it, "cat")).await;
        assert!(facts.canonical && facts.echo);
        assert_eq!(facts.members[0].argv, ["cat"]);
        shell.send("\x04bash -c 'read -s x; echo got'\r").await;
        // Processes and modes are not seen at the same moment: one that begins may have no name yet.
        let secret = |it: &Facts| it.canonical && !it.echo && it.members.iter().any(|it| it.argv.len() == 3);
        let facts = shell.facts("a secret is read", secret).await;
        assert_eq!(facts.members[0].argv, ["bash", "-c", "read -s x; echo got"]);
        shell.send("\rsleep 1000\r").await;
        let sleeps = |it: &Facts| it.members.iter().any(|it| it.program.comm == "sleep");
        let facts = shell.facts("it sleeps", sleeps).await;
        assert_eq!(facts.members[0].blocked, Blocked::Elsewhere);
        shell.tell(Order::Processes).await;
        let listed =
            shell.until(|it| if let Event::Processes(it) = it { Some(it.clone()) } else { None }).await;
        assert_eq!(listed.iter().map(|it| it.argv.join(" ")).collect::<Vec<_>>(), ["sleep 1000"]);
        shell.tell(Order::Signal { to: SignalTo::Foreground, signal: 15 }).await;
        shell.expect("Terminated").await;
        shell.facts("the prompt again", is_at_prompt).await;
    });
}

#[test]
fn shells_of_one_connection_are_told_apart() {
    let Some(sshd) = Sshd::start("shells_of_one_connection_are_told_apart") else { return };
    let scratch: Vec<_> = (0..6).map(|_| tempfile::tempdir().unwrap()).collect();
    block_on(async {
        let connection = connect(&settings(&sshd)).await.unwrap();
        let mut shells: Vec<Client> = Vec::new();
        for folder in &scratch {
            shells.push(client(&connection, folder).await);
        }
        // One that ends at once makes no other one's number wrong.
        shells[2].send("exit\r").await;
        shells[2].ended().await;
        shells.remove(2);
        for shell in &mut shells {
            let pid = own_pid(shell).await;
            assert_eq!(shell.facts("it is found", |it| !it.are_unseen()).await.shell.pid, pid);
        }
    });
}

#[test]
fn keys_are_shown_only_where_the_shell_reads_at_its_prompt() {
    with_shell("keys_are_shown_only_where_the_shell_reads", async |_, mut shell| {
        shell.facts("the prompt", is_at_prompt).await;
        let shown = async |shell: &mut Client, text: &str| {
            let sequence = shell.send(text).await;
            shell
                .until(|it| match it {
                    Event::Applied(it) if it.sequence == sequence => Some(it.shell_reads || it.echo),
                    _ => None,
                })
                .await
        };
        assert!(shown(&mut shell, "read -s x").await);
        assert!(shown(&mut shell, "\r").await);
        shell.facts("a secret is read", |it| it.canonical && !it.echo).await;
        assert!(!shown(&mut shell, "hunter2").await);
        assert!(!shown(&mut shell, "\r").await);
    });
}

#[test]
fn a_server_that_gives_one_channel_gives_a_shell_without_facts() {
    let test = "a_server_that_gives_one_channel_gives_a_shell_without_facts";
    let Some(sshd) = Sshd::start_with(test, "MaxSessions 1") else { return };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&settings(&sshd)).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.send("echo an\"\"swer\r").await;
        shell.expect("answer").await;
        // Nobody is said to wait, and the shell is not said to be gone.
        let facts = shell.facts("an answer", |_| true).await;
        assert!(facts.shell.pid != 0 && facts.members.is_empty());
        shell.tell(Order::Signal { to: SignalTo::Foreground, signal: 15 }).await;
        shell.until(|it| matches!(it, Event::Refused { .. }).then_some(())).await;
    });
}

#[test]
fn a_probe_that_fell_silent_is_started_anew_and_the_shell_is_found_again() {
    with_shell("a_probe_that_fell_silent_is_started_anew", async |_, mut shell| {
        let pid = own_pid(&mut shell).await;
        shell.facts("the prompt", is_at_prompt).await;
        shell.send("pkill -STOP -P $PPID -x sh; echo sil\"\"ent\r").await;
        shell.expect("silent").await;
        // Whichever look met the silence had no answer; it may have been one that nobody asked for.
        assert_eq!(shell.facts("the prompt", is_at_prompt).await.shell.pid, pid);
        shell.send("pkill -CONT -P $PPID -x sh; sleep 1000\r").await;
        let sleeps = |it: &Facts| it.members.iter().any(|it| it.program.comm == "sleep");
        shell.facts("it sleeps", sleeps).await;
        shell.tell(Order::Signal { to: SignalTo::Foreground, signal: 15 }).await;
        shell.expect("Terminated").await;
    });
}

#[test]
fn a_shell_may_begin_as_another_program_in_another_place_and_is_seen_as_what_it_is() {
    let test = "a_shell_may_begin_as_another_program_in_another_place";
    let Some(sshd) = Sshd::start(test) else { return };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&settings(&sshd)).await.unwrap();
        let start = Start {
            shell: Some("/bin/sh".into()),
            cwd: Some("/usr/lib".into()),
            env: vec![("IT".into(), "it's $here".into())],
            ..Start::default()
        };
        let open = OpenShell { start, ..open_shell(&scratch) };
        let terminal = shell::open(&connection, &open).await.unwrap();
        let mut shell = Client::new(Attached { epoch: EPOCH, ..Attached::default() }, terminal, 0);
        shell.send("echo \"[$PWD|$IT|\"\n").await;
        shell.expect("[/usr/lib|it's $here|").await;
        let really = std::fs::canonicalize("/bin/sh").unwrap();
        let name = really.file_name().unwrap().to_str().unwrap();
        let facts = shell.facts("it is found", |it| !it.are_unseen() && it.shell.pid != 0).await;
        assert_eq!(facts.shell.comm, name);
    });
}
