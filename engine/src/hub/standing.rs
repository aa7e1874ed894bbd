//! How a host stands: what is known of it here, without a packet to it.

use cotty_core::refusal::Refusal;
use cotty_core::target::{Remote, Target};

use super::Hub;
use crate::hosts;
use crate::pools::stage_words;
use crate::pools::{Attempt, Outcome};
use crate::report::{Caller, HostStatus, SessionState, Standing, Which};
use crate::request::Request;
use crate::veils;

impl Hub {
    /// Returns how a session stands or, for a host that is named, how that does. No host is asked.
    ///
    /// # Errors
    ///
    /// Says that it is not there, or may not be named.
    pub async fn standing(&self, caller: &Caller, which: &Which) -> Result<Standing, Refusal> {
        if let (None, Some(target)) = (&which.session, &which.target)
            && let Target::Remote(remote) = target.parse::<Target>()?
        {
            return Ok(Standing::Host(Box::new(self.host_standing(caller, &remote).await?)));
        }
        Ok(Standing::Session(Box::new(self.status(caller, which).await?)))
    }

    async fn host_standing(&self, caller: &Caller, target: &Remote) -> Result<HostStatus, Refusal> {
        let (identity, mut status) = self.0.hosts.standing(target, caller).await?;
        status.sessions = self.sessions_at(&identity).await;
        status.connections = self.0.pools.connections(&identity);
        let attempt = self.0.pools.attempt(&identity);
        if let Some(Attempt { stage, outcome: Outcome::Failed(_), .. }) = &attempt
            && status.via.is_empty()
        {
            status.fixes.extend(hosts::fix_of_attempt(&status.address, *stage));
        }
        let veil = veils::of_target(&status.target);
        status.attempt = attempt.map(|attempt| {
            let stage = stage_words(attempt.stage);
            let words = match attempt.outcome {
                Outcome::UnderWay => format!("under way: {stage}"),
                Outcome::Connected => "connected".to_owned(),
                Outcome::Failed(why) => format!("failed while {stage}: {why}"),
            };
            // In its own words a failure names the account.
            (veil.as_ref().map_or(words.clone(), |it| it.all_in(&words)), attempt.at)
        });
        Ok(match &veil {
            Some(veil) => status.said(|it| veil.host_in(it)),
            None => status,
        })
    }

    async fn sessions_at(&self, identity: &String) -> Vec<(String, SessionState)> {
        let mut found = Vec::new();
        for handle in self.handles().into_iter().filter(|it| it.identity().place.as_ref() == Some(identity)) {
            if let Ok(status) = handle.ask(Request::Status).await {
                found.push((status.name, status.state));
            }
        }
        found
    }
}
