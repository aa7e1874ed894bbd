//! What makes each MCP client start us, to be copied as it stands.

use std::fmt;

use cotty_core::refusal::{Refusal, quoted};
use serde::Serialize;

use crate::instance::{DEFAULT, Flags, Instance};

/// How clients start us: this binary, by its absolute path, for one instance.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snippets {
    /// The program.
    command: String,
    /// What it is given.
    args: Vec<String>,
    /// Our variables that name another place than the usual one: a client's server needs them too.
    env: Vec<String>,
}

impl Snippets {
    /// Returns what starts this binary for an instance.
    pub(crate) fn of(flags: &Flags) -> Result<Self, Refusal> {
        let instance = Some(Instance::name(flags.instance.as_deref())?).filter(|it| it != DEFAULT);
        let further = Flags { instance, ..flags.clone() }.arguments();
        let further = further.into_iter().map(|it| it.to_string_lossy().into_owned());
        let args = std::iter::once("mcp".to_owned()).chain(further).collect();
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|it| !it.is_empty());
        Ok(Self {
            command: std::env::current_exe()
                .map_or_else(|_| "cotty".to_owned(), |it| it.display().to_string()),
            args,
            env: ["COTTY_STATE_DIR", "COTTY_CONFIG"]
                .into_iter()
                .filter(|it| is_set(it))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Returns the program and its arguments, each as a word of JSON.
    fn words(&self) -> impl Iterator<Item = String> {
        let word = |it: &String| serde_json::Value::from(it.as_str()).to_string();
        std::iter::once(&self.command).chain(&self.args).map(word)
    }
}

impl fmt::Display for Snippets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shell = if self.command.bytes().all(|it| it.is_ascii_alphanumeric() || b"/._-+".contains(&it)) {
            self.command.clone()
        } else {
            format!("'{}'", self.command.replace('\'', r"'\''"))
        };
        let words: Vec<String> = self.words().collect();
        let (command, args, all) = (&words[0], words[1..].join(", "), words.join(","));
        writeln!(out, "Give an agent the same terminal:")?;
        writeln!(
            out,
            "  Claude Code   claude mcp add --scope user cotty -- {shell} {}",
            self.args.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(" ")
        )?;
        // Codex gives a server no environment of its own accord; without this one no key of the agent can be used.
        writeln!(
            out,
            "  Codex         ~/.codex/config.toml:\n    [mcp_servers.cotty]\n    command = {command}\n    args = [{args}]\n    env_vars = [\"SSH_AUTH_SOCK\"]\n    tool_timeout_sec = 600"
        )?;
        writeln!(
            out,
            r#"  OpenCode      opencode.json: {{"mcp":{{"cotty":{{"type":"local","command":[{all}],"enabled":true,"timeout":60000}}}}}}"#
        )?;
        let args = words[1..].join(",");
        write!(
            out,
            r#"  VS Code       .vscode/mcp.json: {{"servers":{{"cotty":{{"type":"stdio","command":{command},"args":[{args}]}}}}}}"#
        )?;
        if !self.env.is_empty() {
            write!(
                out,
                "\nThe client's server needs your {} in its environment, too.",
                self.env.join(" and ")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_copied_is_whole_and_absolute() {
        for (instance, args) in [(DEFAULT, "mcp"), ("work", "mcp --instance work")] {
            let flags = Flags { instance: Some(instance.to_owned()), ..Flags::default() };
            let text = Snippets::of(&flags).unwrap().to_string();
            let clients = text.lines().filter(|it| it.starts_with("  ") && !it.starts_with("   "));
            assert_eq!(clients.count(), 4);
            let path = std::env::current_exe().unwrap().display().to_string();
            assert_eq!(text.matches(&path).count(), 4, "{text}");
            assert!(text.contains(&format!("-- {path} {args}\n")), "{text}");
            for line in text.lines() {
                if let Some((_, json)) = line.split_once(".json: ") {
                    serde_json::from_str::<serde_json::Value>(json).unwrap();
                    assert_eq!(json.contains("\"--instance\",\"work\""), instance == "work", "{json}");
                }
            }
        }
    }
}
