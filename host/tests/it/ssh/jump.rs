//! A server behind another: each shows its own key, and each is logged in to.

use cotty_host::native::connect::Connection;
use cotty_host::native::error::{ConnectError, Stage};
use cotty_host::native::known_hosts::Verdict;
use cotty_host::native::secret::ask_nobody;
use cotty_host::native::settings::{Jump, Settings};
use cotty_testkit::Sshd;

use super::{client, connect, settings};
use crate::world::block_on;

fn through(hop: Settings, target: Settings) -> Settings {
    let jump = Jump { typed: "bastion".to_owned(), settings: hop };
    Settings { jump: Some(Box::new(jump)), ..target }
}

#[test]
fn a_shell_runs_behind_two_others() {
    let test = "a_shell_runs_behind_two_others";
    let (Some(near), Some(far)) = (Sshd::start(test), Sshd::start(test)) else { return };
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let way = through(settings(&near), settings(&near));
        let connection = connect(&through(way, settings(&far))).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.send("echo port \"${SSH_CONNECTION##* }\"; seq 1 200000; echo do\"\"ne\r").await;
        shell.expect(&format!("port {}", far.port())).await;
        shell.expect("done").await;
    });
}

#[test]
fn a_key_on_the_way_is_judged_before_any_other_is_asked_for() {
    let test = "a_key_on_the_way_is_judged";
    let (Some(near), Some(far)) = (Sshd::start(test), Sshd::start(test)) else { return };
    let unknown = || Settings { known_hosts: Vec::new(), ..settings(&near) };
    block_on(async {
        let refused = connect(&through(unknown(), settings(&far))).await.unwrap_err();
        let ConnectError::OnTheWay { hop, error } = &refused else { panic!("{refused}") };
        assert_eq!(
            (hop.as_str(), error.stage(), refused.stage()),
            ("bastion", Stage::HostKey, Stage::Connect)
        );
        // Behind one that is known, the last one's key is judged as its own.
        let target = Settings { known_hosts: Vec::new(), ..settings(&far) };
        let refused = connect(&through(settings(&near), target.clone())).await.unwrap_err();
        let ConnectError::HostKey(shown) = &refused else { panic!("{refused}") };
        assert_eq!(shown.name, format!("[127.0.0.1]:{}", far.port()));
        let shown = Connection::show_key(&through(settings(&near), target), &ask_nobody()).await.unwrap();
        assert_eq!(shown.verdict, Verdict::Unknown);
    });
    assert_eq!(std::fs::read_to_string(far.file("sshd.log")).unwrap().matches("Accepted").count(), 0);
}

#[test]
fn a_host_that_forwards_nothing_or_cannot_get_there_is_told() {
    let test = "a_host_that_forwards_nothing_is_told";
    let Some(closed) = Sshd::start_with(test, "AllowTcpForwarding no") else { return };
    let Some(open) = Sshd::start(test) else { return };
    block_on(async {
        let refused = connect(&through(settings(&closed), settings(&open))).await.unwrap_err();
        assert!(refused.to_string().contains("bastion does not get there: it does not forward"), "{refused}");
        let nobody = Settings { port: 1, ..settings(&closed) };
        let refused = connect(&through(settings(&open), nobody)).await.unwrap_err();
        assert!(refused.to_string().contains("it could not connect"), "{refused}");
        let refused = connect(&through(Settings { port: 1, ..settings(&open) }, settings(&open))).await;
        assert!(refused.unwrap_err().to_string().starts_with("on the way, bastion:"));
    });
}

#[test]
fn a_key_is_shown_without_logging_in() {
    let Some(sshd) = Sshd::start("a_key_is_shown_without_logging_in") else { return };
    block_on(async {
        for (known_hosts, known) in [(vec![sshd.known_hosts()], true), (Vec::new(), false)] {
            let target = Settings { known_hosts, ..settings(&sshd) };
            let shown = Connection::show_key(&target, &ask_nobody()).await.unwrap();
            assert_eq!(matches!(shown.verdict, Verdict::Known(_)), known);
            let line = sshd.known_line("x");
            assert!(line.contains(&shown.key.line()), "{line}");
        }
    });
    let log = std::fs::read_to_string(sshd.file("sshd.log")).unwrap();
    assert!(!log.contains("Accepted") && !log.contains("Failed"), "{log}");
}
