//! What a host that was tried on purpose came to.

use cotty_core::refusal::Refusal;

use super::HostStatus;

/// The answer to a test of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// What is known of it here: its account, its way, what a login has at hand.
    pub status: HostStatus,
    /// The steps that were begun, of the host and of those on its way, in their order.
    pub steps: Vec<TestStep>,
    /// A login was tried: whether it was let in.
    pub logged_in: Option<bool>,
    /// Why it came no further.
    pub failure: Option<Refusal>,
    /// Commands to copy that would help, the most certain first.
    pub fixes: Vec<String>,
}

/// A step on the way to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStep {
    /// The host, as it is named.
    pub host: String,
    /// What is done there, in words.
    pub step: &'static str,
    /// It came to its end.
    pub done: bool,
}
