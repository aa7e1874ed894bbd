//! What a tool said, taken apart.

use crate::mcp::ToolReply;

/// What a tool said, taken apart.
#[derive(Debug)]
pub struct Said {
    /// The whole of it.
    pub text: String,
    /// It was not done.
    pub is_error: bool,
}

impl From<ToolReply> for Said {
    fn from(reply: ToolReply) -> Self {
        Self { is_error: reply.is_error, text: reply.text }
    }
}

impl Said {
    /// The line that says where things stand.
    pub fn head(&self) -> &str {
        self.text.lines().find(|line| !line.starts_with('(')).unwrap_or_default()
    }

    /// What the agent is told first.
    pub fn notes(&self) -> Vec<&str> {
        self.text.lines().take_while(|line| line.starts_with('(')).collect()
    }

    /// The handle in the head line, as `c7`.
    #[track_caller]
    pub fn handle(&self) -> String {
        let inner = self.head().strip_prefix('[').and_then(|it| it.split_once(']'));
        let handle = inner.and_then(|(inner, _)| inner.split_once(' ')).map(|(_, handle)| handle.to_owned());
        handle.unwrap_or_else(|| panic!("no handle: {self:?}"))
    }

    /// What stands after the handle.
    pub fn state(&self) -> &str {
        self.head().split_once("] ").map_or("", |(_, state)| state)
    }

    /// The exit code, where the command is proven to have ended with one.
    pub fn exit(&self) -> Option<i32> {
        let (code, rest) = self.state().strip_prefix("exit ")?.split_once(' ')?;
        rest.starts_with("in ").then_some(())?;
        code.parse().ok()
    }

    /// The output, without the two lines around it.
    pub fn output(&self) -> String {
        let mut lines = self.text.lines().skip_while(|line| !is_boundary(line));
        let Some(boundary) = lines.next() else { return String::new() };
        let hidden = boundary.replace(" ---", ":");
        let shown = lines.take_while(|line| *line != boundary).filter(|line| !line.starts_with(&hidden));
        shown.collect::<Vec<_>>().join("\n")
    }

    /// Asserts that this is an error of this kind that says all of these.
    #[track_caller]
    pub fn refuses(&self, kind: &str, says: &[&str]) {
        assert!(self.is_error, "{self:?}");
        assert!(self.text.starts_with(&format!("{kind}: ")), "{kind}: {self:?}");
        says.iter().for_each(|it| assert!(self.text.contains(it), "{it}: {self:?}"));
    }

    /// Asserts that the command needs this.
    #[track_caller]
    pub fn needs(&self, kind: &str) {
        assert!(self.state().starts_with(&format!("needs input ({kind})")), "{kind}: {self:?}");
    }
}

fn is_boundary(line: &str) -> bool {
    line.strip_prefix("--- ").and_then(|it| it.strip_suffix(" ---")).is_some_and(|word| word.len() == 6)
}
