//! What the engine is told once, at its start.

use std::time::Duration;

use cotty_host::holder::client::HolderProgram;
use cotty_host::state_dir::StateDir;

use crate::hosts::workspace::Workspaces;
use crate::hosts::{HostsSettings, Look};

/// What a new session gets where nothing else is asked for.
#[derive(Clone, Debug)]
pub struct SessionDefaults {
    /// What `connect` without a target means.
    pub default_target: Option<String>,
    /// The shell, by name or path.
    pub shell: Option<String>,
    /// `TERM`.
    pub term: String,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// Closes a session that nobody uses.
    pub idle_timeout: Option<Duration>,
    /// After so much quiet an unsent line may be put aside for an agent's command, and is put back after it.
    pub park_drafts: Option<Duration>,
    /// Words for people.
    pub label: Option<String>,
    /// A command that is run at the first prompt.
    pub startup: Option<String>,
    /// What is kept of a session's output.
    pub quota_bytes: u64,
    /// How many sessions may be open.
    pub sessions_max: usize,
}

/// What a hub is made of.
pub struct HubSettings {
    /// Where everything is kept.
    pub state_dir: StateDir,
    /// How a holder is started.
    pub holder: HolderProgram,
    /// What new sessions get.
    pub defaults: SessionDefaults,
    /// Which hosts can be named.
    pub hosts: HostsSettings,
    /// Looks whether the configuration of hosts is another by now.
    pub look: Look,
    /// Finds what a project says to whoever stands in it.
    pub workspaces: Workspaces,
}
