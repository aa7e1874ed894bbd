//! Places where a test ends the daemon as a crash would, in debug builds only.
//!
//! They are live where `COTTY_FAIL_POINTS` is set, and the one whose name stands in the file `fail-point` of the
//! state directory strikes. The file goes first: the next daemon passes.

use cotty_host::state_dir::StateDir;

/// Ends the daemon here, if a test wants it.
#[cfg(debug_assertions)]
pub(crate) fn fail_point(state: &StateDir, name: &str) {
    if std::env::var_os("COTTY_FAIL_POINTS").is_none() {
        return;
    }
    let file = state.path().join("fail-point");
    if std::fs::read_to_string(&file).is_ok_and(|wanted| wanted == name)
        && std::fs::remove_file(&file).is_ok()
    {
        tracing::error!("fail point {name}");
        std::process::abort();
    }
}

/// Ends nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn fail_point(_: &StateDir, _: &str) {}
