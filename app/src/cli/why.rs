//! `cotty why`: what the verdict on a command rests on, step by step.

use cotty_wire::api::Evidence;

use crate::cli::print::{clean, line, stands};

/// Prints the command, how it stands and how surely, and what was seen of it.
pub(crate) fn print(proof: &Evidence) {
    let Evidence { run, who, evidence, .. } = proof;
    line(&format!("command   {}: {}", run.id, clean(&run.command)));
    line(&format!("session   {}, output {} to {}", clean(&run.session), run.from, run.to));
    line(&format!("by        {} {}", who.role, clean(&who.label)));
    line(&format!("stands    {} ({})", clean(&stands(run)), run.boundary));
    for step in evidence {
        let place = format!("+{} ms at {}", step.after_ms, step.at);
        line(&format!("{place:22} {:8} {}", step.kind, clean(&step.words)));
    }
}
