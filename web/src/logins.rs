//! Who has logged in: browsers by a link, programs by a token. Each is known by the hash of its secret, here and on disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cotty_core::refusal::Refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::grant::{Grant, Only};
use crate::house::House;
use secret::Hash;

mod kept;

pub(crate) mod secret;

/// A code is good for this long.
pub const CODE_LIFE: Duration = Duration::from_secs(60);

/// A browser that does nothing for this long is logged out.
pub const IDLE_MAX: Duration = Duration::from_secs(12 * 3600);

/// More codes at once are not handed out; the oldest goes.
const CODES_MAX: usize = 64;

/// More credentials there are not.
const CREDENTIALS_MAX: usize = 1000;

/// So many sockets one credential may have open.
pub(crate) const SOCKETS_MAX: usize = 64;

/// So many requests of MCP one credential may have under way.
pub(crate) const CALLS_MAX: usize = 256;

/// That wrong credentials were shown is logged this often.
const WRONG_TOLD_EVERY: Duration = Duration::from_secs(60);

/// That one was used is written down this often: the disk need not hear of every request.
const NOTED_EVERY: Duration = Duration::from_secs(300);

/// A clock that was set while somebody waits for an expiry is noticed after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The file that keeps them, in the state directory.
const FILE: &str = "logins.json";

/// What a credential was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A browser, by a link.
    Browser,
    /// A program, by a token.
    Program,
}

/// Somebody who may come in.
#[derive(Clone, Debug)]
pub struct Credential {
    /// By which it is named: `b3`, `t4`. No secret.
    pub id: String,
    /// What it was made for.
    pub kind: Kind,
    /// What it may do.
    pub grant: Grant,
    /// The only session that it may see, where it is bound to one.
    pub only: Option<Only>,
    /// Words for people.
    pub label: String,
    /// Since when it is there.
    pub made_at: SystemTime,
    /// When it was last used.
    pub used_at: SystemTime,
    /// When it ends whatever happens.
    pub expires_at: Option<SystemTime>,
    hash: Hash,
    ended: CancellationToken,
    sockets: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What it may do.
    pub grant: Grant,
    /// The only session that it may see.
    pub only: Option<Only>,
    /// Words for people.
    pub label: String,
    /// When it ends whatever happens.
    pub expires_at: Option<SystemTime>,
}

struct Code {
    made: Instant,
    wanted: Wanted,
}

#[derive(Default)]
struct Table {
    codes: BTreeMap<Hash, Code>,
    credentials: BTreeMap<Hash, Credential>,
    /// The last number that was given.
    number: u64,
    noted: Option<Instant>,
    /// That somebody was logged out is not written yet.
    owed: bool,
    /// When wrong credentials were told of, and how many came since.
    wrong: (Option<Instant>, u64),
}

/// What is wrong with what was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// There is nothing.
    Nothing,
    /// Nobody has it, or no longer.
    Wrong,
}

/// All who have logged in.
pub struct Logins {
    table: Mutex<Table>,
    house: Arc<dyn House>,
    /// Who everybody is taken for.
    #[cfg(feature = "testkit")]
    everybody: Option<Hash>,
}

impl Logins {
    /// Reads who has logged in before.
    #[must_use]
    pub fn open(house: Arc<dyn House>) -> Self {
        let table = house.kept(FILE).map(|it| kept::read(&it)).unwrap_or_default();
        let logins = Self {
            table: Mutex::new(table),
            house,
            #[cfg(feature = "testkit")]
            everybody: None,
        };
        logins.table().forget(SystemTime::now());
        logins
    }

    /// Takes everybody for one agent, whatever they show.
    ///
    /// # Errors
    ///
    /// Passes on what the house could not keep.
    #[cfg(feature = "testkit")]
    pub fn for_an_agent(house: Arc<dyn House>) -> Result<Self, Refusal> {
        let mut logins = Self::open(house);
        let wanted = Wanted { grant: Grant::Agent, only: None, label: String::new(), expires_at: None };
        logins.everybody = Some(logins.make(Kind::Program, wanted)?.1.hash);
        Ok(logins)
    }

    /// Returns who shows a bearer.
    pub(crate) fn shown(&self, bearer: Option<&str>) -> Result<Credential, Shown> {
        #[cfg(feature = "testkit")]
        if let Some(everybody) = self.everybody.and_then(|it| self.touch(&it)) {
            return Ok(everybody);
        }
        self.find(bearer.ok_or(Shown::Nothing)?).ok_or(Shown::Wrong)
    }

    /// Returns whether anybody may come in: then a page may be waiting for us.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table().credentials.is_empty()
    }

    /// Makes a code that is good once, for a minute.
    pub(crate) fn code(&self, wanted: Wanted) -> Result<String, Refusal> {
        let code = secret::code()?;
        let mut table = self.table();
        table.codes.retain(|_, it| it.made.elapsed() < CODE_LIFE);
        while table.codes.len() >= CODES_MAX {
            let oldest = table.codes.iter().min_by_key(|(_, it)| it.made).map(|(hash, _)| *hash);
            oldest.map(|it| table.codes.remove(&it));
        }
        table.codes.insert(secret::hash(&code), Code { made: Instant::now(), wanted });
        Ok(code)
    }

    /// Exchanges a code for a bearer; nothing where the code is unknown, used or too old.
    pub(crate) fn exchange(&self, code: &str) -> Result<Option<(String, Credential)>, Refusal> {
        let found = self.table().codes.remove(&secret::hash(code));
        match found.filter(|it| it.made.elapsed() < CODE_LIFE) {
            Some(code) => self.make(Kind::Browser, code.wanted).map(Some),
            None => Ok(None),
        }
    }

    /// Makes a credential, and the only copy of its secret.
    pub(crate) fn make(&self, kind: Kind, wanted: Wanted) -> Result<(String, Credential), Refusal> {
        let bearer = secret::bearer()?;
        let now = SystemTime::now();
        let mut table = self.table();
        table.forget(now);
        if table.credentials.len() >= CREDENTIALS_MAX {
            let (what, count) = ("logins and tokens", table.credentials.len());
            return Err(Refusal::TooMany { what, count, count_max: CREDENTIALS_MAX });
        }
        table.number += 1;
        let (letter, what) = match kind {
            Kind::Browser => ('b', "browser"),
            Kind::Program => ('t', "token"),
        };
        let id = format!("{letter}{}", table.number);
        let label = if wanted.label.is_empty() { format!("{what} {id}") } else { wanted.label };
        let credential = Credential {
            id,
            kind,
            grant: wanted.grant,
            only: wanted.only,
            label,
            made_at: now,
            used_at: now,
            expires_at: wanted.expires_at,
            hash: secret::hash(&bearer),
            ended: CancellationToken::new(),
            sockets: places(SOCKETS_MAX),
            calls: places(CALLS_MAX),
        };
        table.credentials.insert(credential.hash, credential.clone());
        if let Err(refusal) = self.keep(&mut table) {
            // Nobody has its secret, and nobody will.
            table.credentials.remove(&credential.hash);
            return Err(refusal);
        }
        Ok((bearer, credential))
    }

    /// Finds whose a bearer is, and notes that it was used.
    pub(crate) fn find(&self, bearer: &str) -> Option<Credential> {
        if !secret::is_a_bearer(bearer) {
            return None;
        }
        let hash = secret::hash(bearer);
        self.touch(&hash)
    }

    /// Proves that a login is known.
    pub(crate) fn proof(&self, id: &str, port: u16, nonce: &str) -> Option<String> {
        let table = self.table();
        let credential = table.credentials.values().find(|it| it.id == id)?;
        credential.left(SystemTime::now()).map(|_| secret::proof(&credential.hash, port, nonce))
    }

    /// Lists them, the oldest first.
    pub(crate) fn list(&self) -> Vec<Credential> {
        let mut table = self.table();
        table.forget(SystemTime::now());
        let mut list: Vec<Credential> = table.credentials.values().cloned().collect();
        list.sort_by_key(|it| it.made_at);
        list
    }

    /// Ends those that are meant: their sockets and streams close. With `and_links` no link that was made before lets
    /// anybody in.
    ///
    /// They are over at once, also where the disk would not take it: then [`Self::settle`] writes it.
    pub(crate) fn revoke(
        &self,
        and_links: bool,
        is_meant: impl Fn(&Credential) -> bool,
    ) -> Result<Vec<String>, Refusal> {
        let mut table = self.table();
        if and_links {
            table.codes.clear();
        }
        let mut ended = Vec::new();
        table.credentials.retain(|_, it| {
            let meant = is_meant(it);
            if meant {
                it.ended.cancel();
                ended.push(it.id.clone());
            }
            !meant
        });
        table.owed |= !ended.is_empty();
        self.pay(&mut table)?;
        Ok(ended)
    }

    /// A session has another name: who is bound to it stays so.
    pub(crate) fn renamed(&self, before: &str, opened_at: SystemTime, now: &str) -> Result<(), Refusal> {
        let mut table = self.table();
        let Table { credentials, codes, .. } = &mut *table;
        let bound = credentials.values_mut().filter_map(|it| it.only.as_mut());
        let coming = codes.values_mut().filter_map(|it| it.wanted.only.as_mut());
        let is_meant =
            |it: &&mut Only| it.session == before && since_1970(it.opened_at) == since_1970(opened_at);
        bound.chain(coming).filter(is_meant).for_each(|it| now.clone_into(&mut it.session));
        self.keep(&mut table)
    }

    /// Writes what the disk would not take before.
    pub(crate) fn settle(&self) -> Result<(), Refusal> {
        self.pay(&mut self.table())
    }

    fn pay(&self, table: &mut Table) -> Result<(), Refusal> {
        if table.owed { self.keep(table) } else { Ok(()) }
    }

    /// Counts a wrong credential; returns how many there were where it is time to tell.
    pub(crate) fn shown_wrong(&self) -> Option<u64> {
        let (told, count) = &mut self.table().wrong;
        *count += 1;
        if told.is_some_and(|it| it.elapsed() < WRONG_TOLD_EVERY) {
            return None;
        }
        *told = Some(Instant::now());
        Some(std::mem::take(count))
    }

    /// Returns when a credential is over: revoked, logged out, expired, unused for too long.
    pub(crate) async fn over(&self, credential: &Credential) {
        loop {
            let now = SystemTime::now();
            let left = self.table().credentials.get(&credential.hash).and_then(|it| it.left(now));
            let Some(left) = left else { return };
            tokio::select! {
                () = credential.ended.cancelled() => return,
                () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    /// Notes that a credential is used; returns it where it is still good.
    pub(crate) fn touch(&self, hash: &Hash) -> Option<Credential> {
        let now = SystemTime::now();
        let mut table = self.table();
        let credential = table.credentials.get_mut(hash).filter(|it| it.left(now).is_some())?;
        credential.used_at = now;
        let found = credential.clone();
        if table.noted.is_none_or(|it| it.elapsed() > NOTED_EVERY)
            && let Err(refusal) = self.keep(&mut table)
        {
            tracing::warn!(%refusal, "that a login was used is not kept");
        }
        Some(found)
    }

    /// The same for one that came in before.
    pub(crate) fn used(&self, credential: &Credential) {
        self.touch(&credential.hash);
    }

    fn keep(&self, table: &mut Table) -> Result<(), Refusal> {
        table.noted = Some(Instant::now());
        self.house.keep(FILE, &kept::write(table))?;
        table.owed = false;
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn forget(&mut self, now: SystemTime) {
        self.credentials.retain(|_, it| it.left(now).is_some());
    }
}

/// The places of a credential's sockets, or of its requests.
fn places(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count))
}

impl Credential {
    /// Takes a place for one more socket, where there is one.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.sockets.clone().try_acquire_owned().ok()
    }

    /// Takes a place for one more request of MCP, where there is one.
    pub(crate) fn call(&self) -> Option<OwnedSemaphorePermit> {
        self.calls.clone().try_acquire_owned().ok()
    }

    /// Returns how long it is still good; nothing where it is over.
    fn left(&self, now: SystemTime) -> Option<Duration> {
        let until = |it: SystemTime| it.duration_since(now).ok().filter(|it| !it.is_zero());
        let idle = match self.kind {
            Kind::Browser => until(self.used_at + IDLE_MAX)?,
            Kind::Program => Duration::MAX,
        };
        match self.expires_at {
            Some(at) => until(at).map(|it| it.min(idle)),
            None => Some(idle),
        }
    }
}

/// Writes a moment as milliseconds since 1970.
pub(crate) fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
