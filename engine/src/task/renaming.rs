//! A session takes another name, or other words for people.

use cotty_core::names::Principal;
use cotty_core::refusal::Refusal;

use super::Owner;
use crate::seats::ViewEvent;

impl Owner {
    /// Takes a name and a label; it is kept before anybody is told.
    pub(super) fn rename(
        &mut self,
        who: &Principal,
        name: Option<String>,
        label: Option<String>,
    ) -> Result<(), Refusal> {
        if let Some(name) = name {
            self.store.rename(&self.row.id, &self.row.name, &name)?;
            let before = std::mem::replace(&mut self.row.name, name.clone());
            self.session.rename(&name);
            self.note(who, &format!("renamed {before} to {name}"));
            self.viewers.tell(&ViewEvent::Renamed { name });
        }
        if let Some(label) = label {
            let said = format!("label {label:?}");
            self.row.label = Some(label).filter(|it| !it.is_empty());
            self.keep_settings();
            self.note(who, &said);
        }
        Ok(())
    }
}
