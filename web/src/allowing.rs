//! The files of projects that a person has allowed, each as it was then.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use cotty_core::refusal::Refusal;
use cotty_wire::api::{AllowOrder, Allowed};

use crate::answer::{Answer, Order};
use crate::house::House;
use crate::served::Served;

/// Where that is kept, in the state directory.
pub const FILE: &str = "allowed.json";

/// So many are kept; the one with the first name goes, for none is older than another.
const PROJECTS_MAX: usize = 1000;

/// Allows a project's file as it is, or forgets that it was allowed.
pub(crate) async fn allow(State(served): State<Served>, Order(order): Order<AllowOrder>) -> Answer<Allowed> {
    let AllowOrder { path, sha256 } = order;
    let mut all = allowed(&*served.house);
    match &sha256 {
        Some(sha256) => drop(all.insert(path.clone(), sha256.clone())),
        None => drop(all.remove(&path)),
    }
    while all.len() > PROJECTS_MAX {
        all.pop_first();
    }
    let json = serde_json::to_vec(&all).map_err(|error| Refusal::Internal { what: error.to_string() })?;
    served.house.keep(FILE, &json)?;
    tracing::info!(path, sha256, "what a project's file says was allowed, or is no more");
    Ok(Json(Allowed { path, sha256 }))
}

fn allowed(house: &dyn House) -> BTreeMap<String, String> {
    house.kept(FILE).as_deref().map_or_else(BTreeMap::new, parsed)
}

/// Reads what is kept; nothing is allowed where it cannot be read.
#[must_use]
pub fn parsed(json: &[u8]) -> BTreeMap<String, String> {
    serde_json::from_slice(json).unwrap_or_default()
}
