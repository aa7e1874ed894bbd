//! What a project says to whoever stands in it, with what a person has allowed of it.

use std::sync::Arc;

use cotty_engine::hosts::workspace::Workspaces;
use cotty_host::state_dir::StateDir;
use cotty_web::allowing::{FILE, parsed};

use crate::config::workspace::{self, Found};

/// Makes what finds it. The file is looked for and read whenever somebody names a host: it may be another by then.
pub(crate) fn workspaces(state: StateDir) -> Workspaces {
    Workspaces(Arc::new(move |directory| {
        let found = workspace::find(directory)?;
        let is_allowed = is_allowed(&state, &found);
        Some(workspace::holds(&found, is_allowed))
    }))
}

/// Says whether a person has allowed this file as it is.
pub(crate) fn is_allowed(state: &StateDir, found: &Found) -> bool {
    let Ok(Some(json)) = state.read(FILE) else { return false };
    found.path.to_str().is_some_and(|path| parsed(&json).get(path) == Some(&found.sha256()))
}
