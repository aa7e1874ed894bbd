//! Where requests come in.

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The unix socket of the instance.
    Unix,
    /// Loopback TCP, for browsers and programs.
    Tcp,
}
