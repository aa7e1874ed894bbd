//! Who calls, and what a person alone may do.

use cotty_core::names::Role;
use cotty_core::refusal::Refusal;

use crate::report::Caller;

impl Caller {
    /// Refuses all but a person.
    pub(crate) fn is_person_for(&self, what: &'static str) -> Result<(), Refusal> {
        if self.principal.role == Role::Operator {
            return Ok(());
        }
        Err(Refusal::PersonOnly { what, because: self.because.clone() })
    }
}
