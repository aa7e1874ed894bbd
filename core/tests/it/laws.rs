//! How laws are tried.

use proptest::test_runner::{Config, RngSeed};

/// Tries a law on so many cases, the same in every run. `PROPTEST_CASES=3000` tries so many new ones instead.
///
/// A case that broke a law becomes a story with a name; no file of seeds is kept.
pub(crate) fn tried(cases: u32) -> Config {
    let explores = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config { failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    if explores { config } else { Config { cases, rng_seed: RngSeed::Fixed(1), ..config } }
}
