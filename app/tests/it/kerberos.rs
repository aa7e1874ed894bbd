//! A login by a ticket, with a realm of its own on loopback.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use cotty_testkit::not_run::have;
use cotty_testkit::{Sshd, until};
use serde_json::json;
use tempfile::TempDir;

use crate::desk::Desk;
use crate::engines::run;
use crate::remote;
use crate::trust::own;

const PASSWORD: &str = "ticket-canary-0815";

/// A realm with its server, which ends with this value.
struct Realm {
    folder: TempDir,
    kdc: Child,
}

impl Realm {
    /// Makes one with a principal of this name, and a key for the host.
    fn start(user: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("krb5-").tempdir_in("/tmp").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = folder.path().display();
        let conf = format!(
            "[libdefaults]\ndefault_realm = COTTY.TEST\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\n\
             dns_canonicalize_hostname = false\nudp_preference_limit = 1\ndefault_keytab_name = FILE:{path}/keytab\n\
             default_ccache_name = FILE:{path}/tickets\n[realms]\nCOTTY.TEST = {{\nkdc = 127.0.0.1:{port}\n}}\n"
        );
        let kdc_conf = format!(
            "[kdcdefaults]\nkdc_listen = \"\"\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\nCOTTY.TEST = {{\n\
             database_name = {path}/principal\nkey_stash_file = {path}/stash\n}}\n[logging]\nkdc = FILE:{path}/log\n"
        );
        fs::write(folder.path().join("krb5.conf"), conf).unwrap();
        fs::write(folder.path().join("kdc.conf"), kdc_conf).unwrap();
        let ask = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(format!("/usr/sbin/{program}"));
            command.env("KRB5_CONFIG", folder.path().join("krb5.conf"));
            command.env("KRB5_KDC_PROFILE", folder.path().join("kdc.conf")).args(arguments);
            command
        };
        run(&mut ask("kdb5_util", &["create", "-s", "-r", "COTTY.TEST", "-P", "master"]));
        let keytab = format!("ktadd -k {path}/keytab host/localhost");
        for order in
            [format!("addprinc -pw {PASSWORD} {user}"), "addprinc -randkey host/localhost".to_owned(), keytab]
        {
            run(&mut ask("kadmin.local", &["-q", &order]));
        }
        let mut kdc = ask("krb5kdc", &["-n"]);
        let kdc = kdc.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("the realm's server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { folder, kdc }
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("krb5.conf")
    }

    /// Fetches a ticket.
    fn ticket(&self, user: &str) {
        let mut kinit = Command::new("kinit")
            .arg(user)
            .env("KRB5_CONFIG", self.conf())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(kinit.stdin.as_mut().unwrap(), format!("{PASSWORD}\n").as_bytes()).unwrap();
        assert!(kinit.wait().unwrap().success());
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        drop(self.kdc.kill());
        drop(self.kdc.wait());
    }
}

#[test]
fn a_ticket_opens_a_host_by_the_users_ssh_where_there_is_nothing_else() {
    let story = "a_ticket_opens_a_host_by_the_users_ssh_where_there_is_nothing_else";
    if !["krb5kdc", "kadmin.local", "klist"].iter().all(|it| have(it, story)) {
        return;
    }
    // sshd finds its realm in its environment, which its namespace brings.
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let realm = Realm::start(user.trim());
    let before = format!("export KRB5_CONFIG={}", realm.conf().display());
    let lines = "GSSAPIAuthentication yes\nGSSAPIStrictAcceptorCheck no\n";
    let Some(sshd) = Sshd::start_in_namespace(story, lines, &before) else { return };
    let home = remote::home(&[&sshd]);
    fs::remove_file(own(&home, "id_ed25519")).unwrap();
    let port = sshd.port();
    fs::write(own(&home, "known_hosts"), sshd.known_line(&format!("[localhost]:{port}"))).unwrap();
    let config = format!(
        "Host web1\nHostName localhost\nPort {port}\nUser {}\nGSSAPIAuthentication yes\n",
        sshd.user()
    );
    fs::write(own(&home, "config"), config).unwrap();
    home.write_config("pass_env = [\"KRB5_CONFIG\"]\n");
    let mut client = home.cotty(&["mcp"]);
    client.env("KRB5_CONFIG", realm.conf());
    let mut agent = cotty_testkit::mcp::Mcp::start(client);
    agent.initialize();
    let mut desk = Desk::of(agent, home);
    // Without a ticket what is allowed is not needed.
    let said = desk.tool("ssh_connect", json!({"target": "web1"}));
    assert!(said.is_error, "{said:?}");
    let said = desk.tool("ssh_status", json!({"target": "web1"}));
    assert!(said.text.contains("engine: native: nothing here needs the user's ssh"), "{said:?}");
    // That attempt waits for a person.
    drop(desk.tool("ssh_close", json!({"id": "web1"})));
    realm.ticket(sshd.user().as_str());
    let said = desk.tool("ssh_connect", json!({"target": "web1"}));
    assert!(said.head().contains("ready"), "{said:?}");
    assert!(said.text.contains("engine openssh: GSSAPIAuthentication is on"), "{said:?}");
    desk.is_exact("web1");
}
