//! Stories of names that become settings.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cotty_core::names::{Principal, Role};
use cotty_core::refusal::FailureKind;
use cotty_core::target::Target;
use cotty_host::native::error::{Denied, Trouble};
use cotty_host::native::known_hosts::Names;
use cotty_host::native::secret::Bound;
use cotty_host::native::settings::NoSecret;

use super::device::{Auth, Keep, SecretFrom};
use super::*;
use crate::report::{Opens, Secret};

pub(super) fn caller(role: Role) -> Caller {
    Caller {
        principal: Principal { role, label: "a test".to_owned() },
        because: "the test says so".to_owned(),
        cwd: None,
        env: vec![("SSH_AUTH_SOCK".into(), "/run/agent".into())],
        secrets: vec![("SHOP".to_owned(), Secret::new("hunter2".to_owned()))],
        whole_env: None,
        opens: Opens::Everywhere,
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
            keep: Keep::default(),
        }),
        defaults: Defaults { cols: Some(99), ..Defaults::default() },
        ..Device::default()
    };
    let ssh = OpenSsh { program: None, ..OpenSsh::of(Path::new("/home/me"), "me", None) };
    let devices = BTreeMap::from([("shop".to_owned(), shop), ("web1".to_owned(), Device::default())]);
    Hosts::new(settings(ssh, devices, targets))
}

/// All that is not asked for is as it is where nothing is configured.
fn settings(ssh: OpenSsh, devices: BTreeMap<String, Device>, targets: Targets) -> HostsSettings {
    HostsSettings {
        user: Some("me".to_owned()),
        ssh,
        limits: Limits::default(),
        devices,
        targets,
        engine: Choice::Auto,
        driving: None,
        wrong: None,
        idle_max: None,
        notes: Vec::new(),
    }
}

async fn resolved(text: &str) -> Resolved {
    hosts(Targets::Any).resolve(&remote(text), &caller(Role::Agent)).await.unwrap()
}

#[tokio::test]
async fn a_plain_name_is_the_host_with_what_ssh_does_by_itself() {
    let it = resolved("Web9").await;
    assert_eq!((it.target.as_str(), it.identity.as_str()), ("me@web9:22", "me@web9:22"));
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
    assert_eq!(it.settings.password.unwrap()(&Bound::default()).unwrap().reveal(), "hunter2");
    let missing = it.settings.passphrase.unwrap()(&Bound::default()).unwrap_err();
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
    assert!(resolved("root@shop").await.notes.iter().any(|it| it.contains("password of shop")));
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

/// A home with a configuration of ssh's, and a program that answers in its place and counts how often.
struct Asked {
    home: tempfile::TempDir,
    hosts: Hosts,
}

impl Asked {
    fn new(config: &str, answer: &str, targets: Targets) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".ssh")).unwrap();
        fs::write(home.path().join(".ssh/config"), config).unwrap();
        let program = home.path().join("ssh");
        let script = format!(
            "#!/bin/sh\nfor it; do :; done\necho \"$it\" >> {}/asked\n{answer}\n",
            home.path().display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let config = Some(home.path().join(".ssh/config"));
        let ssh = OpenSsh { program: Some(program), ..OpenSsh::of(home.path(), "me", config) };
        let devices = BTreeMap::from([("shop".to_owned(), Device::default())]);
        let hosts = Hosts::new(settings(ssh, devices, targets));
        Self { home, hosts }
    }

    /// Which hosts were asked about. Each is asked twice: as configured, and without configuration.
    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.path().join("asked")).unwrap_or_default();
        text.lines().step_by(2).map(str::to_owned).collect()
    }

    async fn resolve(&self, text: &str, role: Role) -> Result<Resolved, Refusal> {
        self.hosts.resolve(&remote(text), &caller(role)).await
    }
}

const ANSWER: &str = "echo hostname 10.0.0.9; echo user bob; echo port 2200; echo hashknownhosts yes\n\
                      echo serveraliveinterval 60; echo serveralivecountmax 4; echo connecttimeout 7\n\
                      case $* in *none*) ;; *) echo forwardagent yes;; esac";

#[tokio::test]
async fn ssh_is_asked_about_familiar_names_only_and_a_models_word_is_none() {
    let it = Asked::new("Host web db\n", ANSWER, Targets::Any);
    let known = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    fs::write(it.home.path().join(".ssh/known_hosts"), format!("seen {known}\n[odd]:2222 {known}\n"))
        .unwrap();
    for text in ["evil", "root@evil", "evil:2222", "odd"] {
        let resolved = it.resolve(text, Role::Agent).await.unwrap();
        assert!(resolved.notes[0].contains("was not asked"), "{text} {:?}", resolved.notes);
        assert!(resolved.identity.contains(remote(text).name()));
    }
    assert_eq!(it.asked(), [""; 0]);
    for text in ["web", "root@db", "shop", "seen", "odd:2222"] {
        let resolved = it.resolve(text, Role::Agent).await.unwrap();
        assert_eq!(resolved.settings.host, "10.0.0.9", "{text}");
        assert_eq!(
            resolved.notes,
            [format!(
                "ssh's configuration sets for {}, and it is not honoured: ForwardAgent",
                remote(text).name()
            )]
        );
    }
    it.resolve("evil", Role::Operator).await.unwrap();
    assert_eq!(it.asked(), ["web", "db", "shop", "seen", "odd", "evil"]);
}

#[tokio::test]
async fn an_answer_is_kept_until_a_file_changes() {
    let it = Asked::new("Host web\n", ANSWER, Targets::Any);
    for _ in 0..3 {
        let resolved = it.resolve("web", Role::Agent).await.unwrap();
        let hashes = resolved.settings.keeps.as_ref().is_some_and(|it| it.names == Names::Hashed);
        assert_eq!((resolved.identity.as_str(), hashes), ("bob@10.0.0.9:2200", true));
        let limits = resolved.settings.limits;
        assert_eq!((limits.connect.as_secs(), limits.handshake.as_secs()), (7, 7));
        assert_eq!((limits.keepalive.as_secs(), limits.keepalives_max), (60, 4));
    }
    it.hosts.last_resolution(&remote("web")).unwrap();
    assert_eq!(it.asked().len(), 1);
    it.resolve("root@web", Role::Agent).await.unwrap();
    fs::write(it.home.path().join(".ssh/config"), "Host web web2\n").unwrap();
    it.resolve("web", Role::Agent).await.unwrap();
    assert_eq!(it.asked().len(), 3);
    // What may run programs may differ each time.
    fs::write(it.home.path().join(".ssh/config"), "Host web\nMatch exec \"true\"\n").unwrap();
    it.resolve("web", Role::Agent).await.unwrap();
    it.resolve("web", Role::Agent).await.unwrap();
    assert_eq!(it.asked().len(), 5);
}

#[tokio::test]
async fn under_ssh_config_an_agent_names_devices_and_hosts_of_it() {
    let it = Asked::new("Host web *.lan\n", ANSWER, Targets::SshConfig);
    for (text, allowed) in [
        ("web", true),
        ("shop", true),
        ("a.lan", false),
        ("evil", false),
        ("root@web", false),
        ("web:23", false),
    ] {
        assert_eq!(it.resolve(text, Role::Agent).await.is_ok(), allowed, "{text}");
    }
    assert_eq!(it.asked(), ["web", "shop"]);
}

#[tokio::test]
async fn what_a_name_came_to_is_judged_too() {
    // A pattern moves a device to another machine than the one that is written in it.
    let answer = "case $it in shop.lan) echo hostname shop.lan.example;; *) echo hostname 10.0.0.9;; esac; echo user bob; echo port 22";
    for (host, targets, allowed) in [
        ("10.0.0.5", Targets::Configured, false),
        ("10.0.0.5", Targets::SshConfig, false),
        ("10.0.0.5", Targets::Any, true),
        ("10.0.0.9", Targets::Configured, true),
        // Spelled out in ssh's configuration, or completed by its domain.
        ("alias", Targets::Configured, true),
        ("shop.lan", Targets::Configured, true),
    ] {
        let it = Asked::new("Host alias\nHost 10.*\n", answer, targets);
        let device = Device { host: Some(host.to_owned()), ..Device::default() };
        Arc::make_mut(&mut it.hosts.settings.lock().unwrap()).devices.insert("shop".to_owned(), device);
        let asked = it.resolve("shop", Role::Agent).await;
        assert_eq!(asked.is_ok(), allowed, "{host} {targets} {asked:?}");
        if let Err(refusal) = asked {
            assert_eq!(refusal.kind(), FailureKind::PolicyBlocked);
            assert!(refusal.to_string().contains("leads it to bob@10.0.0.9:22"), "{refusal}");
            assert!(it.hosts.last_resolution(&remote("shop")).is_none());
        }
        assert!(it.resolve("shop", Role::Operator).await.is_ok(), "{host}");
    }
}

#[tokio::test]
async fn a_way_through_others_is_settled_host_by_host() {
    let answer = "case $it in\nfar) echo hostname far.lan; echo proxyjump me@one,two:23;;\nround) echo proxyjump round;;\n\
                  odd) echo proxyjump -oProxyCommand=x;;\n*) echo hostname $it.lan;;\nesac\n\
                  case $* in *Port=23*) echo port 23;; esac\ncase $* in *User=me*) echo user me;; *) echo user bob;; esac";
    let it = Asked::new("Host far round odd\n", answer, Targets::Any);
    let far = it.resolve("far", Role::Agent).await.unwrap();
    assert_eq!(far.identity, "bob@far.lan:22 via bob@two.lan:23 via me@one.lan:22");
    let two = far.settings.jump.unwrap();
    assert_eq!(
        (two.typed.as_str(), two.settings.host.as_str(), two.settings.port),
        ("two:23", "two.lan", 23)
    );
    let one = two.settings.jump.unwrap();
    assert_eq!((one.settings.host.as_str(), one.settings.user.as_str()), ("one.lan", "me"));
    assert!(one.settings.jump.is_none());
    for (text, why) in [("round", "circle"), ("odd", "character 1 is `-`")] {
        let refusal = it.resolve(text, Role::Agent).await.unwrap_err();
        assert_eq!(refusal.kind(), FailureKind::ConfigError);
        assert!(refusal.to_string().contains(why), "{refusal}");
    }
    let hop = ConnectError::Unreachable {
        address: "two.lan port 23".into(),
        source: std::io::ErrorKind::NotFound.into(),
    };
    let far = it.resolve("far", Role::Agent).await.unwrap();
    let refusal = refused(&far, &ConnectError::OnTheWay { hop: "two:23".into(), error: Box::new(hop) });
    assert!(refusal.to_string().starts_with("two:23 was not reached (connect)"), "{refusal}");
}

#[tokio::test]
async fn what_must_not_be_left_out_is_refused_and_ssh_is_quoted() {
    let it = Asked::new("Host web\n", "echo proxycommand nc %x", Targets::Any);
    let refusal = it.resolve("web", Role::Agent).await.unwrap_err();
    assert!(refusal.to_string().contains("ProxyCommand has a %"), "{refusal}");
    let it =
        Asked::new("Host web\n", "echo \"config: line 3: Bad\u{1b}[31m option\" >&2; exit 255", Targets::Any);
    let refusal = it.resolve("web", Role::Agent).await.unwrap_err();
    assert_eq!(refusal.kind(), FailureKind::ConfigError);
    assert!(refusal.to_string().contains("config: line 3: Bad [31m option"), "{refusal:?}");
}

#[tokio::test]
async fn an_answer_that_names_the_callers_agent_is_for_that_caller_only() {
    let answer = format!("{ANSWER}; echo identityagent $SSH_AUTH_SOCK");
    let it = Asked::new("Host web\n", &answer, Targets::Any);
    let resolve = async |socket: &str| {
        let env = vec![("SSH_AUTH_SOCK".into(), socket.into())];
        let caller = Caller { env, ..caller(Role::Agent) };
        it.hosts.resolve(&remote("web"), &caller).await.unwrap().settings.agent.unwrap()
    };
    for socket in ["/run/agent", "/run/other", "/run/agent"] {
        assert_eq!(resolve(socket).await, Path::new(socket));
    }
    assert_eq!(it.asked().len(), 2);
}

#[tokio::test]
async fn a_device_with_a_login_of_its_own_uses_no_certificate_of_sshs() {
    let answer = format!("{ANSWER}; echo certificatefile /keys/of-ssh-cert.pub");
    let it = Asked::new("Host web\n", &answer, Targets::Any);
    let plain = it.resolve("shop", Role::Agent).await.unwrap();
    assert_eq!(plain.settings.certificate_files, [Path::new("/keys/of-ssh-cert.pub")]);
    let auth =
        Auth { key: Some("/keys/shop".into()), passphrase: None, password: None, keep: Keep::default() };
    let device = Device { auth: Some(auth), ..Device::default() };
    Arc::make_mut(&mut it.hosts.settings.lock().unwrap()).devices.insert("shop".to_owned(), device);
    let own = it.resolve("shop", Role::Agent).await.unwrap();
    assert_eq!(own.settings.identity_files, [Path::new("/keys/shop")]);
    assert!(own.settings.certificate_files.is_empty());
}

#[tokio::test]
async fn what_agents_may_name_is_widened_at_the_next_start_only_and_narrowed_at_once() {
    let said = Arc::new(Mutex::new(None));
    let next = Arc::clone(&said);
    let look = Look(Arc::new(move || {
        let targets = next.lock().unwrap().take()?;
        Some(Looked { devices: Some(BTreeMap::new()), targets, wrong: None })
    }));
    let hosts = hosts(Targets::SshConfig).looking(look);
    for (written, holds) in [
        (Targets::Any, Targets::SshConfig),
        (Targets::SshConfig, Targets::SshConfig),
        (Targets::Configured, Targets::Configured),
        (Targets::SshConfig, Targets::Configured),
    ] {
        *said.lock().unwrap() = Some(written);
        assert_eq!(hosts.settings().targets, holds, "{written:?}");
        let told = hosts.wrong().is_some_and(|it| it.contains("from the next start of the daemon"));
        assert_eq!(told, written != holds, "{written:?}");
    }
}
