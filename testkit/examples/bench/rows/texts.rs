//! Rows about what a model has to read.

use cotty_testkit::Home;
use cotty_testkit::pairs::Pairs;

use super::scene::{RawBash, agent_with_session, run};

/// The list of tools, four characters to a token.
pub fn tools() -> Pairs {
    Pairs::without_floor(1, || {
        let home = Home::new();
        let mut agent = home.mcp();
        agent.initialize();
        let tools = serde_json::to_string(&agent.tools()).expect("it was JSON before");
        count(&tools) / 4.0
    })
}

/// What `ls /etc` prints on a terminal of the same size, without escapes and returns, and the answer to it.
pub fn answer() -> Pairs {
    let (home, mut agent) = agent_with_session();
    let mut bash = RawBash::start(&home);
    let floor = || {
        let shown = bash.run("ls /etc");
        let (_typed, rest) = shown.split_once('\n').expect("the line that was typed");
        count(rest.trim_end().trim_end_matches('$').trim_end())
    };
    Pairs::measure(0, floor, || count(&run(&mut agent, "local", "ls /etc").text))
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn count(text: &str) -> f64 {
    text.chars().count() as f64
}
