//! Credentials as the state directory keeps them: hashes, never secrets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::secret::{hex, unhex};
use super::{CALLS_MAX, Credential, Kind, SOCKETS_MAX, Table, places, since_1970};
use crate::grant::Only;

#[derive(Default, Serialize, Deserialize)]
struct File {
    number: u64,
    credentials: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    id: String,
    hash: String,
    browser: bool,
    role: String,
    session: Option<(String, u64)>,
    label: String,
    made_at_ms: u64,
    used_at_ms: u64,
    expires_at_ms: Option<u64>,
}

/// Reads the file. What cannot be read lets nobody in.
pub(super) fn read(bytes: &[u8]) -> Table {
    let file: File = serde_json::from_slice(bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "nobody is logged in any more: the file of logins cannot be read");
        File::default()
    });
    let credentials = file.credentials.iter().filter_map(credential).map(|it| (it.hash, it)).collect();
    Table { number: file.number, credentials, ..Table::default() }
}

/// Writes it.
pub(super) fn write(table: &Table) -> Vec<u8> {
    let file = File { number: table.number, credentials: table.credentials.values().map(row).collect() };
    serde_json::to_vec(&file).unwrap_or_default()
}

fn row(credential: &Credential) -> Row {
    Row {
        id: credential.id.clone(),
        hash: hex(&credential.hash),
        browser: credential.kind == Kind::Browser,
        role: credential.grant.to_string(),
        session: credential.only.as_ref().map(|it| (it.session.clone(), since_1970(it.opened_at))),
        label: credential.label.clone(),
        made_at_ms: since_1970(credential.made_at),
        used_at_ms: since_1970(credential.used_at),
        expires_at_ms: credential.expires_at.map(since_1970),
    }
}

fn credential(row: &Row) -> Option<Credential> {
    let only = row.session.clone().map(|(session, at)| Only { session, opened_at: moment(at) });
    Some(Credential {
        id: row.id.clone(),
        kind: if row.browser { Kind::Browser } else { Kind::Program },
        grant: row.role.parse().ok()?,
        only,
        label: row.label.clone(),
        made_at: moment(row.made_at_ms),
        used_at: moment(row.used_at_ms),
        expires_at: row.expires_at_ms.map(moment),
        hash: unhex(&row.hash)?,
        ended: CancellationToken::new(),
        sockets: places(SOCKETS_MAX),
        calls: places(CALLS_MAX),
    })
}

fn moment(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}
