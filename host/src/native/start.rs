//! How a shell begins that is not just the account's own: another program, another directory, variables.
//!
//! All of it is one line for the account's shell, in which nothing is unquoted; the process stays the same from the
//! first to the last of the programs that it names.

use cotty_core::dialect::Shell;
use cotty_core::names::is_variable;

use crate::native::exec::{ExecError, quoted};

/// The exit code of a shell whose directory could not be entered; its output says why.
pub const EXIT_NO_DIRECTORY: i32 = 125;

/// What is different from a plain login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The shell, by name or path; the account's own without it.
    pub shell: Option<String>,
    /// The directory; the account's home without it.
    pub cwd: Option<String>,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// What the account's shell reads in place of being one for its user; where a shell is named, that counts.
    pub command: Option<String>,
}

impl Start {
    /// Returns the line for the account's shell; nothing for a plain login.
    pub fn line(&self) -> Result<Option<String>, ExecError> {
        if *self == Self::default() {
            return Ok(None);
        }
        if let Self { shell: None, cwd: None, env, command: Some(command) } = self
            && env.is_empty()
        {
            return Ok(Some(command.clone()));
        }
        let mut script = String::new();
        if let Some(cwd) = &self.cwd {
            script += &format!("cd -- {} || exit {EXIT_NO_DIRECTORY}\n", quoted(cwd, "cwd")?);
        }
        for (name, value) in &self.env {
            if !is_variable(name) {
                return Err(ExecError::Name(name.clone()));
            }
            script += &format!("export {name}={}\n", quoted(value, "the value of a variable")?);
        }
        script += &match (&self.shell, &self.command) {
            (Some(shell), _) => {
                let applet = Shell::applet(shell).map(|it| format!(" {it}")).unwrap_or_default();
                format!("exec {}{applet} -l", quoted(shell, "the shell")?)
            }
            (None, Some(command)) => {
                format!("exec \"${{SHELL:-/bin/sh}}\" -c {}", quoted(command, "the command")?)
            }
            (None, None) => r#"exec "${SHELL:-/bin/sh}" -l"#.to_owned(),
        };
        // Whatever the account's shell speaks, it hands this on as it is.
        Ok(Some(format!("exec /bin/sh -c {}", quoted(&script, "the start")?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_login_has_no_line_and_all_else_is_quoted_twice() {
        assert_eq!(Start::default().line().unwrap(), None);
        let start = Start {
            shell: Some("z'sh".into()),
            cwd: Some("-a $(b)".into()),
            env: vec![("A".into(), "x; y".into())],
            command: Some("never".into()),
        };
        let script = "cd -- '-a $(b)' || exit 125\nexport A='x; y'\nexec 'z'\\''sh' -l";
        let line = start.line().unwrap().unwrap();
        assert_eq!(line, format!("exec /bin/sh -c '{}'", script.replace('\'', r"'\''")));
        let start = Start { command: Some("tmux 'a'".into()), ..Start::default() };
        assert_eq!(start.line().unwrap().as_deref(), Some("tmux 'a'"));
        let start = Start { cwd: Some("/x".into()), ..start };
        assert!(start.line().unwrap().unwrap().contains("-c"), "{start:?}");
        assert!(Start { env: vec![("A B".into(), String::new())], ..Start::default() }.line().is_err());
    }
}
