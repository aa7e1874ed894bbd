//! What `cotty mcp` may be told: by arguments, and by variables where a client passes those on.

use std::ffi::OsString;

use cotty_mcp::chosen::{Chosen, Wish};

use crate::instance::Flags;

/// What stands for `--read-only`, `--toolsets` and `--tools`.
const READ_ONLY: &str = "COTTY_MCP_READ_ONLY";
const TOOLSETS: &str = "COTTY_MCP_TOOLSETS";
const TOOLS: &str = "COTTY_MCP_TOOLS";

/// What it was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Where cotty's own files are.
    pub(super) flags: Flags,
    /// The tools that are offered, where these are not all.
    pub(super) chosen: Option<Chosen>,
}

/// Reads them; an argument wins over its variable.
pub(super) fn read(
    arguments: Vec<OsString>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Options, String> {
    let variable = |name: &str| variable(name).filter(|it| !it.is_empty());
    let read_only = match variable(READ_ONLY).as_deref() {
        None | Some("0" | "false") => false,
        Some("1" | "true") => true,
        Some(other) => return Err(format!("{READ_ONLY} is {other:?}, neither 1 nor 0")),
    };
    let mut wish = Wish { read_only, toolsets: variable(TOOLSETS), tools: variable(TOOLS) };
    let mut flags = Flags::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let argument = text(argument)?;
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (argument.as_str(), None),
        };
        let mut value = || match value.clone() {
            Some(value) => Ok(value),
            None => arguments.next().ok_or_else(|| format!("{name} needs a value")),
        };
        match name {
            "--instance" => flags.instance = Some(text(value()?)?),
            "--config" => flags.config = Some(value()?.into()),
            "--env-file" => flags.env_file = Some(value()?.into()),
            "--toolsets" => wish.toolsets = Some(text(value()?)?),
            "--tools" => wish.tools = Some(text(value()?)?),
            "--read-only" if argument == name => wish.read_only = true,
            _ => {
                let known = "--instance NAME, --config FILE, --env-file FILE, --read-only, --toolsets SETS, --tools TOOLS";
                return Err(format!("{argument} is not understood; it takes {known}"));
            }
        }
    }
    Ok(Options { flags, chosen: Chosen::of(&wish)? })
}

fn text(argument: OsString) -> Result<String, String> {
    argument.into_string().map_err(|it| format!("{} is not UTF-8", it.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Options, String> {
        let of = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        read(arguments.iter().map(OsString::from).collect(), of)
    }

    #[test]
    fn nothing_said_is_all_tools_of_the_default_instance() {
        assert_eq!(told(&[], &[]), Ok(Options::default()));
        assert_eq!(told(&["--toolsets", "all"], &[(READ_ONLY, "0"), (TOOLS, "")]), Ok(Options::default()));
        assert_eq!(told(&["--instance=work"], &[]).unwrap().flags.instance.as_deref(), Some("work"));
    }

    #[test]
    fn a_variable_says_what_its_argument_says_and_the_argument_wins() {
        let read_only = told(&["--read-only"], &[]).unwrap();
        assert!(read_only.chosen.is_some());
        assert_eq!(told(&[], &[(READ_ONLY, "1")]).unwrap(), read_only);
        let two = told(&["--tools", "ssh_run,ssh_read"], &[]).unwrap();
        assert_eq!(told(&[], &[(TOOLS, "ssh_run,ssh_read")]).unwrap(), two);
        assert_eq!(told(&["--tools=ssh_run,ssh_read"], &[(TOOLS, "ssh_list")]).unwrap(), two);
    }

    #[test]
    fn what_is_not_understood_says_what_would_be() {
        for (arguments, word) in [
            (&["--fast"][..], "--read-only"),
            (&["--read-only=yes"], "--toolsets"),
            (&["--tools"], "needs a value"),
            (&["--tools", "ssh_rum"], "ssh_run"),
            (&["--toolsets=fleet"], "core"),
        ] {
            let why = told(arguments, &[]).unwrap_err();
            assert!(why.contains(word), "{arguments:?}: {why}");
        }
        assert!(told(&[], &[(READ_ONLY, "maybe")]).unwrap_err().contains("neither 1 nor 0"));
    }
}
