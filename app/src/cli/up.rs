//! `cotty up`: opens or finds a session, says how an agent gets to it, and attaches the terminal.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;

use cotty_wire::api::{Connect, Connected, Failure};

use crate::cli::client::Client;
use crate::cli::{attach, print};

/// How long a shell has for its first prompt before we go on without it: attaching works meanwhile.
const FIRST_PROMPT_MS: u64 = 2000;

/// What `up` takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Up {
    pub(crate) name: Option<String>,
    pub(crate) shell: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) detached: bool,
}

/// Opens or finds a session and attaches the terminal, where there is one.
pub(crate) async fn up(client: Client, order: Up, json: bool) -> Result<ExitCode, Failure> {
    let at_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let connect = Connect {
        name: order.name,
        shell: order.shell,
        label: order.label,
        wait_ms: if at_terminal { 0 } else { FIRST_PROMPT_MS },
        // A person's own shell is what they know from their terminal.
        whole_env: at_terminal.then(whole_environment),
        ..Connect::default()
    };
    let connected: Connected = client.post("sessions", &connect).await?;
    if json {
        print::document(&connected)?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = connected.session.name.clone();
    let how = if connected.created { "is open" } else { "was open already" };
    print::line(&format!("Session {name} {how}."));
    connected.notes.iter().for_each(|note| print::line(note));
    if connected.created {
        print::line(&snippets());
    }
    if at_terminal && !order.detached {
        return attach::attach(client, &name).await;
    }
    print::line(&format!("Attach with: cotty attach {name}"));
    Ok(ExitCode::SUCCESS)
}

fn whole_environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| !name.starts_with("COTTY_")).collect()
}

/// Returns what makes each client start us.
pub(crate) fn snippets() -> String {
    let path = std::env::current_exe().map_or_else(|_| "cotty".to_owned(), |it| it.display().to_string());
    let json = serde_json::Value::from(path.as_str()).to_string();
    let shell = if path.bytes().all(|it| it.is_ascii_alphanumeric() || b"/._-+".contains(&it)) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    };
    [
        "Give an agent the same terminal:".to_owned(),
        format!("  Claude Code   claude mcp add cotty -- {shell} mcp"),
        // Codex gives a server no environment of its own accord; without this one no key of the agent can be used.
        format!("  Codex         ~/.codex/config.toml:\n    [mcp_servers.cotty]\n    command = {json}\n    args = [\"mcp\"]\n    env_vars = [\"SSH_AUTH_SOCK\"]\n    tool_timeout_sec = 600"),
        format!("  OpenCode      opencode.json: {{\"mcp\":{{\"cotty\":{{\"type\":\"local\",\"command\":[{json},\"mcp\"]}}}}}}"),
        format!("  VS Code       .vscode/mcp.json: {{\"servers\":{{\"cotty\":{{\"type\":\"stdio\",\"command\":{json},\"args\":[\"mcp\"]}}}}}}"),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_copied_is_whole_and_absolute() {
        let text = snippets();
        let clients = text.lines().filter(|it| it.starts_with("  ") && !it.starts_with("   "));
        assert_eq!(clients.count(), 4);
        let path = std::env::current_exe().unwrap().display().to_string();
        assert_eq!(text.matches(&path).count(), 4, "{text}");
        for line in text.lines() {
            if let Some((_, json)) = line.split_once(".json: ") {
                serde_json::from_str::<serde_json::Value>(json).unwrap();
            }
        }
    }
}
