//! Who calls, and what a person alone may do.

use cotty_core::names::Role;
use cotty_core::refusal::Refusal;

use crate::report::{Caller, Opens};

impl Caller {
    /// Refuses all but a person.
    pub(crate) fn is_person_for(&self, what: &'static str) -> Result<(), Refusal> {
        if self.principal.role == Role::Operator {
            return Ok(());
        }
        Err(Refusal::PersonOnly { what, because: self.because.clone() })
    }

    /// Refuses whoever may start nothing on this machine.
    pub(crate) fn opens_here(&self) -> Result<(), Refusal> {
        if self.opens == Opens::Everywhere {
            return Ok(());
        }
        let because = format!("{}, and by TCP it takes session_admin", self.because);
        Err(Refusal::PersonOnly { what: "starting a shell on this machine", because })
    }
}
