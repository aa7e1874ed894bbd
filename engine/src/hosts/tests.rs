//! Stories of names that become settings.

use std::path::Path;

use cotty_core::names::Principal;
use cotty_core::refusal::FailureKind;
use cotty_core::target::Target;
use cotty_host::native::error::{Denied, Trouble};
use cotty_host::native::settings::NoSecret;

use super::*;
use crate::report::Secret;

pub(super) fn caller(role: Role) -> Caller {
    Caller {
        principal: Principal { role, label: "a test".to_owned() },
        because: "the test says so".to_owned(),
        cwd: None,
        env: vec![("SSH_AUTH_SOCK".into(), "/run/agent".into())],
        secrets: vec![("SHOP".to_owned(), Secret::new("hunter2".to_owned()))],
        whole_env: None,
    }
}

pub(super) fn remote(text: &str) -> Remote {
    match text.parse().unwrap() {
        Target::Remote(remote) => remote,
        Target::Local => panic!("{text} is this machine"),
    }
}

fn hosts(targets: Targets) -> Hosts {
    let shop = Device {
        host: Some("10.0.0.5".to_owned()),
        port: Some(2222),
        user: Some("deploy".to_owned()),
        auth: Some(Auth {
            key: Some("~/.ssh/shop".into()),
            passphrase: Some(SecretFrom::Variable("NOWHERE".to_owned())),
            password: Some(SecretFrom::Variable("SHOP".to_owned())),
        }),
        defaults: Defaults { cols: Some(99), ..Defaults::default() },
    };
    Hosts::new(HostsSettings {
        user: Some("me".to_owned()),
        ssh_files: SshFiles::of_home(Path::new("/home/me")),
        limits: Limits::default(),
        devices: BTreeMap::from([("shop".to_owned(), shop), ("web1".to_owned(), Device::default())]),
        targets,
    })
}

async fn resolved(text: &str) -> Resolved {
    hosts(Targets::Any).resolve(&remote(text), &caller(Role::Agent)).await.unwrap()
}

#[tokio::test]
async fn a_plain_name_is_the_host_with_what_ssh_does_by_itself() {
    let it = resolved("Web9").await;
    assert_eq!((it.target.as_str(), it.identity.as_str()), ("me@Web9:22", "me@web9:22"));
    assert_eq!(it.settings.known_hosts[0], Path::new("/home/me/.ssh/known_hosts"));
    assert_eq!(it.settings.agent.as_deref(), Some(Path::new("/run/agent")));
    assert!(it.settings.identity_files.contains(&"/home/me/.ssh/id_ed25519".into()));
    let it = resolved("root@[::1]:2200").await;
    assert_eq!((it.identity.as_str(), it.settings.host.as_str()), ("root@[::1]:2200", "::1"));
}

#[tokio::test]
async fn a_device_brings_its_own_login_and_what_its_sessions_are_like() {
    let it = resolved("shop").await;
    assert_eq!((it.target.as_str(), it.defaults.cols), ("shop", Some(99)));
    assert_eq!(it.identity, "deploy@10.0.0.5:2222 as shop");
    assert_eq!(it.settings.identity_files, [Path::new("/home/me/.ssh/shop")]);
    assert!(it.settings.identities_only);
    assert_eq!(it.settings.password.unwrap()().unwrap().reveal(), "hunter2");
    let missing = it.settings.passphrase.unwrap()().unwrap_err();
    assert_eq!(missing, NoSecret::Variable("NOWHERE".to_owned()));
    // A device that says nothing is a host of its name.
    assert_eq!(resolved("web1").await.identity, "me@web1:22");
}

#[tokio::test]
async fn a_password_is_for_the_account_it_was_given_for() {
    for text in ["root@shop", "shop:23", "deploy@10.0.0.5:2222"] {
        let it = resolved(text).await;
        assert!(it.settings.password.is_none(), "{text}");
        assert_ne!(it.identity, "deploy@10.0.0.5:2222 as shop");
    }
    assert!(resolved("root@shop").await.notes[0].contains("password of shop"));
}

#[tokio::test]
async fn what_agents_may_name_is_a_persons_choice() {
    let hosts = hosts(Targets::Configured);
    for (text, allowed) in
        [("shop", true), ("web1", true), ("web9", false), ("root@shop", false), ("shop:23", false)]
    {
        let asked = hosts.resolve(&remote(text), &caller(Role::Agent)).await;
        assert_eq!(asked.is_ok(), allowed, "{text}");
        if let Err(refusal) = asked {
            assert_eq!(refusal.kind(), FailureKind::PolicyBlocked, "{refusal}");
        }
        assert!(hosts.resolve(&remote(text), &caller(Role::Operator)).await.is_ok(), "{text}");
    }
}

#[tokio::test]
async fn what_a_name_came_to_is_remembered_without_the_callers_secrets() {
    let hosts = hosts(Targets::Any);
    assert!(hosts.last_resolution(&remote("shop")).is_none());
    hosts.resolve(&remote("shop"), &caller(Role::Agent)).await.unwrap();
    let known = hosts.last_resolution(&remote("shop")).unwrap().resolved;
    assert_eq!(known.settings.host, "10.0.0.5");
    assert!(known.settings.password.is_none() && known.settings.agent.is_none());
    for number in 0..=NAMES_MAX {
        hosts.resolve(&remote(&format!("h{number}")), &caller(Role::Agent)).await.unwrap();
    }
    assert!(hosts.last_resolution(&remote("shop")).is_none());
    assert_eq!(hosts.known.lock().unwrap().len(), NAMES_MAX);
}

#[tokio::test]
async fn a_login_that_failed_for_want_of_a_variable_names_the_variable() {
    let denied = Denied { troubles: vec![Trouble::NoVariable("SHOP".to_owned())], ..Denied::default() };
    let refusal = refused(&resolved("shop").await, &ConnectError::Denied(Box::new(denied)));
    assert_eq!(refusal.kind(), FailureKind::EnvironmentMissing);
    assert!(refusal.to_string().contains("SHOP") && refusal.next_step().contains("shop"));
}

#[tokio::test]
async fn a_connection_lost_while_logging_in_is_no_wrong_password() {
    let lost = ConnectError::Lost { user: "me".to_owned(), why: "the server closed it".to_owned() };
    let refusal = refused(&resolved("web9").await, &lost);
    assert_eq!(refusal.kind(), FailureKind::ConnectionFailure);
    assert!(refusal.next_step().contains("says nothing of keys or passwords"));
    let late = ConnectError::HandshakeTimeout {
        address: "web9 port 22".to_owned(),
        after: Limits::default().handshake,
    };
    assert!(refused(&resolved("web9").await, &late).next_step().contains("timeouts.handshake"));
}
