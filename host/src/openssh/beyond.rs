//! What ssh's configuration asks for that our own engine does not have: what it needs, apart from what it merely allows.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::openssh::OpenSsh;
use crate::openssh::said::Said;

/// A look for a ticket takes milliseconds.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// What only the user's own ssh can do for a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// The words that are needed, as they are written.
    pub needs: Vec<&'static str>,
    /// Where a master of the user's would be.
    pub control_path: Option<PathBuf>,
    /// A login by a ticket is allowed; many systems say so for every host.
    pub gssapi: bool,
    /// The words that ssh is to pass over where it does not know them, as it lists them.
    pub ignored: Option<String>,
}

impl Beyond {
    /// Finds it in what holds for a host.
    pub(super) fn of(ssh: &OpenSsh, said: &Said) -> Self {
        let is_set = |word: &str| said.first(word).is_some_and(|it| !it.is_empty() && it != "none");
        let other_keys =
            is_set("securitykeyprovider") && said.first("securitykeyprovider") != Some("internal");
        let needs = [
            ("PKCS11Provider", is_set("pkcs11provider")),
            ("SecurityKeyProvider", other_keys),
            ("ProxyUseFdpass", said.is_on("proxyusefdpass")),
        ];
        let control_path = said.first("controlpath").filter(|_| is_set("controlpath"));
        Self {
            needs: needs.into_iter().filter_map(|(word, is_so)| is_so.then_some(word)).collect(),
            // Where there is a % left nobody has put anything in.
            control_path: control_path.filter(|it| !it.contains('%')).map(|it| ssh.expanded(Path::new(it))),
            gssapi: said.is_on("gssapiauthentication"),
            ignored: said.first("ignoreunknown").filter(|it| is_a_list(it)).map(str::to_owned),
        }
    }
}

/// Names and patterns, and nothing that would have to be quoted.
fn is_a_list(words: &str) -> bool {
    !words.is_empty() && words.bytes().all(|it| it.is_ascii_alphanumeric() || b",*?!-_".contains(&it))
}

/// Says whether there is a ticket that is good now, as `klist -s` says it, in this environment.
pub async fn has_ticket(ssh: &OpenSsh, env: &[(std::ffi::OsString, std::ffi::OsString)]) -> bool {
    let Some(klist) = OpenSsh::found(&ssh.path, "klist") else { return false };
    let mut command = Command::new(klist);
    command.arg("-s").env_clear().envs(env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.current_dir("/").kill_on_drop(true);
    timeout(LOOK_LIMIT, command.status()).await.is_ok_and(|it| it.is_ok_and(|it| it.success()))
}
