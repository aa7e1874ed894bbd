//! `cotty viewer` and `cotty token`: who may come in by TCP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cotty_wire::api::{
    Credential, Credentials, Failure, Link, LinkOrder, Query, RevokeOrder, Revoked, Token, TokenOrder,
};

use crate::cli::arguments::{Tokens, Viewer};
use crate::cli::client::Client;
use crate::cli::{print, shown};

/// The role that types nothing.
const ONLY_WATCHES: &str = "viewer_read";

/// Carries out what was asked about viewers.
pub(crate) async fn viewer(client: &Client, what: Viewer, json: bool) -> Result<(), Failure> {
    let Viewer::Link { session, role } = what;
    let is_bound = session.is_some();
    let link: Link = client.post("viewer-link", &LinkOrder { session, role }).await?;
    shown(&link, json, |link| {
        print::line(&link.url);
        print::aside(&format!(
            "for one browser, as {}, within {} s; afterwards {} is enough there",
            link.role, link.expires_in_s, link.plain
        ));
        if is_bound && link.role != ONLY_WATCHES {
            print::aside(
                "it shows this session alone, but whoever may type into a shell of this machine can run cotty there, as an \
                 agent; --role viewer_read only watches",
            );
        }
        if let Some(line) = forward(&link.address) {
            print::aside(&format!("from your own machine first: {line}"));
        }
    })
}

/// Carries out what was asked about tokens.
pub(crate) async fn token(client: &Client, what: Tokens, json: bool) -> Result<(), Failure> {
    match what {
        Tokens::New { role, session, expires, label } => {
            let order = TokenOrder { role: Some(role), session, expires_s: expires, label };
            let made: Token = client.post("tokens", &order).await?;
            shown(&made, json, |it| {
                print::line(&it.token);
                print::aside(&format!("{}; it is not shown again", line(&it.credential)));
            })
        }
        Tokens::List => {
            let list: Credentials = client.get("tokens", &Query::default()).await?;
            shown(&list, json, |it| it.credentials.iter().for_each(|it| print::line(&line(it))))
        }
        Tokens::Revoke { id } => {
            let revoked: Revoked = client.post("revoke", &RevokeOrder { id }).await?;
            shown(&revoked, json, |it| print::line(&format!("ended: {}", it.revoked.join(", "))))
        }
    }
}

fn line(it: &Credential) -> String {
    let session = it.session.as_ref().map_or_else(String::new, |it| format!(" of {it} alone"));
    let ends = it.expires_at_ms.map_or_else(String::new, |at| format!(", ends in {}", until(at)));
    format!("{}  {}  {}{session}{ends}  {}", it.id, it.kind, it.role, it.label)
}

fn until(at_ms: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = Duration::from_millis(at_ms).saturating_sub(now).as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// Where we were reached by ssh, what brings the port to where the browser is.
fn forward(address: &str) -> Option<String> {
    let connection = std::env::var("SSH_CONNECTION").ok()?;
    let mut words = connection.split(' ').skip(2);
    let (host, port) = (words.next()?, words.next()?);
    let own = address.rsplit_once(':')?.1;
    let port = if port == "22" { String::new() } else { format!("-p {port} ") };
    Some(format!("ssh {port}-L {own}:127.0.0.1:{own} {host}"))
}
