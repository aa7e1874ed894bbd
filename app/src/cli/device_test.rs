//! `cotty device test`: tries a host, and says how far that came and what would help.

use std::process::ExitCode;

use cotty_wire::api::{DeviceTest, Failure, TestOrder};

use crate::cli::client::Client;
use crate::cli::{exit, print};

/// Tries a host. What is found is told in any case; the exit code is that of the failure.
pub(crate) async fn test(
    client: &Client,
    target: String,
    login: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let tested: DeviceTest = client.post("device-test", &TestOrder { target, login }).await?;
    if json {
        print::document(&tested)?;
    } else {
        lines(&tested).iter().for_each(|(what, words)| {
            print::line(format!("{what:11} {}", print::clean(words)).trim_end());
        });
    }
    Ok(tested.failure.map_or(ExitCode::SUCCESS, |it| ExitCode::from(exit::code(&it.kind))))
}

/// What is told, each with the word for it.
fn lines(tested: &DeviceTest) -> Vec<(&'static str, String)> {
    let account = if tested.account == tested.target { &tested.address } else { &tested.account };
    let mut lines = vec![("target", format!("{} ({account})", tested.target))];
    let mut say = |what, words: &[String]| lines.extend(words.iter().map(|it| (what, it.clone())));
    say("via", &tested.via);
    for step in &tested.steps {
        let how = if step.done { "done" } else { "FAILED" };
        say("step", &[format!("{}: {}: {how}", step.host, step.step)]);
    }
    say("known", &tested.known_hosts);
    say("at hand", &tested.login);
    say("agent", std::slice::from_ref(&tested.agent));
    say("note", &tested.notes);
    let again = format!("cotty device test {} --login", cotty_core::refusal::quoted(&tested.target));
    match (&tested.failure, tested.logged_in) {
        (Some(failure), _) => {
            say("failed", std::slice::from_ref(&failure.what));
            say("next", std::slice::from_ref(&failure.next));
        }
        (None, Some(_)) => say("result", &["logged in, and left again".to_owned()]),
        (None, None) => {
            say("result", &[format!("reached, and its key is known; no login was tried: {again}")])
        }
    }
    say("fix", &tested.fixes);
    lines
}
