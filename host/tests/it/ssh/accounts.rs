//! Accounts as they come: not root, with each login shell, with none, with a command of the server's choice, and with an rc
//! file that never ends.

use cotty_host::holder::frame::Exit;
use cotty_host::native::exec::{Exec, Kill, Stream};
use cotty_host::native::pool::Pool;
use cotty_host::native::secret::ask_nobody;
use cotty_host::native::settings::Settings;
use cotty_testkit::{Account, Sshd, have};

use super::{client, connect, settings};
use crate::world::block_on;

fn login(sshd: &Sshd, account: &Account) -> Settings {
    Settings { user: account.name().to_owned(), ..settings(sshd) }
}

async fn run(settings: &Settings, exec: Exec) -> (String, Exit) {
    let mut output = Vec::new();
    let (pool, ask) = (Pool::new(settings.clone()), ask_nobody());
    let outcome = pool.exec(&exec, &ask, |stream, bytes| {
        if stream == Stream::Output {
            output.extend_from_slice(bytes);
        }
    });
    let outcome = outcome.await.unwrap();
    assert_eq!(outcome.kill, Kill::None);
    (String::from_utf8(output).unwrap(), outcome.exit)
}

#[test]
fn each_login_shell_gives_a_shell_and_commands_with_directory_and_variables() {
    let test = "each_login_shell_gives_a_shell_and_commands";
    let Some(sshd) = Sshd::start(test) else { return };
    let Some(account) = Account::new(test, &sshd, "/bin/sh") else { return };
    // Else zsh asks a new user what it should write there.
    account.write(".zshrc", "");
    for name in ["bash", "zsh", "dash", "fish", "tcsh"] {
        if !have(name, test) {
            continue;
        }
        account.set_shell(&format!("/usr/bin/{name}"));
        let scratch = tempfile::tempdir().unwrap();
        block_on(async {
            let settings = login(&sshd, &account);
            let connection = connect(&settings).await.unwrap();
            let mut shell = client(&connection, &scratch).await;
            shell.send("echo an\"\"swer\r").await;
            shell.expect("answer").await;
            let facts = shell.facts("the shell is found", |it| it.foreground == it.shell.pid).await;
            assert_eq!(facts.shell.comm, name);
            // No letters beyond ASCII: without a locale fish itself writes those anew.
            let value = "it's !x $HOME;\n`id` \"q\" \\ \\\\ %d";
            let exec = Exec {
                command: "printenv GREETING; pwd; sh -c 'exit 3'".into(),
                cwd: Some("/usr/lib".into()),
                env: vec![("GREETING".into(), value.into())],
                ..Exec::default()
            };
            let (output, exit) = run(&settings, exec).await;
            assert_eq!((output, exit), (format!("{value}\n/usr/lib\n"), Exit::Status(3)), "{name}");
            let plain = Exec { command: "printenv SHELL".into(), ..Exec::default() };
            assert_eq!(run(&settings, plain).await.0, format!("/usr/bin/{name}\n"));
        });
    }
}

#[test]
fn an_account_without_a_shell_ends_at_once_with_what_it_says() {
    let test = "an_account_without_a_shell_ends_at_once";
    let Some(sshd) = Sshd::start(test) else { return };
    let Some(account) = Account::new(test, &sshd, "/usr/sbin/nologin") else { return };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&login(&sshd, &account)).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.expect("not available").await;
        assert_eq!(shell.ended().await, Exit::Status(1));
        let exec = Exec { command: "echo never".into(), ..Exec::default() };
        let (output, exit) = run(&login(&sshd, &account), exec).await;
        assert!(output.contains("not available") && exit == Exit::Status(1), "{output} {exit:?}");
    });
}

#[test]
fn a_command_of_the_servers_choice_is_what_runs_and_nothing_is_guessed_about_it() {
    let test = "a_command_of_the_servers_choice_is_what_runs";
    let Some(sshd) = Sshd::start_with(test, "ForceCommand echo for\"\"ced; sleep 1; exit 5") else { return };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&settings(&sshd)).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.expect("forced").await;
        assert_eq!(shell.ended().await, Exit::Status(5));
        let exec = Exec { command: "echo never".into(), ..Exec::default() };
        assert_eq!(run(&settings(&sshd), exec).await, ("forced\n".to_owned(), Exit::Status(5)));
    });
}

#[test]
fn an_rc_file_that_prints_without_end_is_interrupted_like_any_program() {
    let test = "an_rc_file_that_prints_without_end_is_interrupted";
    let Some(sshd) = Sshd::start(test) else { return };
    let Some(account) = Account::new(test, &sshd, "/bin/bash") else { return };
    account.write(".bash_profile", "yes rc\n");
    account.write(".bashrc", "[ -t 0 ] || yes rc\n");
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&login(&sshd, &account)).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.expect("rc\r\nrc\r\n").await;
        // The probe is drowned too: nobody is said to wait, and the shell is not said to be gone.
        let facts = shell.facts("an answer", |_| true).await;
        assert!(facts.shell.pid != 0 && facts.members.is_empty());
        shell.send("\x03").await;
        shell.send("echo an\"\"swer\r").await;
        shell.expect("answer").await;
    });
}
