//! The files of projects that a person has allowed, each as it was then.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use cotty_core::refusal::Refusal;
use cotty_wire::api::{AllowOrder, Allowed};

use crate::answer::{Answer, Order};
use crate::house::House;
use crate::served::Served;

/// Where that is kept, in the state directory.
pub const FILE: &str = "allowed.json";

/// Of two at once neither is lost.
static WRITES: Mutex<()> = Mutex::new(());

/// So many are kept; the one with the first name goes, for none is older than another.
const PROJECTS_MAX: usize = 1000;

/// Allows a project's file as it is, or forgets that it was allowed.
pub(crate) async fn allow(State(served): State<Served>, Order(order): Order<AllowOrder>) -> Answer<Allowed> {
    let AllowOrder { path, sha256 } = order;
    {
        let _one_at_a_time = WRITES.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = allowed(&*served.house);
        change(&mut all, &path, sha256.as_deref());
        let json = serde_json::to_vec(&all).map_err(|error| Refusal::Internal { what: error.to_string() })?;
        served.house.keep(FILE, &json)?;
    }
    tracing::info!(path, sha256, "what a project's file says was allowed, or is no more");
    Ok(Json(Allowed { path, sha256 }))
}

/// Makes room for a new one, which is not the one that goes.
fn change(all: &mut BTreeMap<String, String>, path: &str, sha256: Option<&str>) {
    all.remove(path);
    let Some(sha256) = sha256 else { return };
    while all.len() >= PROJECTS_MAX {
        all.pop_first();
    }
    all.insert(path.to_owned(), sha256.to_owned());
}

fn allowed(house: &dyn House) -> BTreeMap<String, String> {
    house.kept(FILE).as_deref().map_or_else(BTreeMap::new, parsed)
}

/// Reads what is kept; nothing is allowed where it cannot be read.
#[must_use]
pub fn parsed(json: &[u8]) -> BTreeMap<String, String> {
    serde_json::from_slice(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_allowed_last_is_kept_whatever_its_name() {
        let mut all = BTreeMap::new();
        for number in 0..PROJECTS_MAX {
            change(&mut all, &format!("/p{number}"), Some("old"));
        }
        change(&mut all, "/a", Some("new"));
        assert_eq!((all.len(), all.get("/a").map(String::as_str)), (PROJECTS_MAX, Some("new")));
        change(&mut all, "/a", Some("newer"));
        assert_eq!((all.len(), all.get("/a").map(String::as_str)), (PROJECTS_MAX, Some("newer")));
        change(&mut all, "/a", None);
        assert_eq!((all.len(), all.get("/a")), (PROJECTS_MAX - 1, None));
    }
}
