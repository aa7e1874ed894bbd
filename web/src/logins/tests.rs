use std::path::PathBuf;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::Response;
use cotty_engine::report::Caller;
use cotty_wire::api::Daemon;

use super::*;
use crate::house::{AgentAsks, Answering, Ending, Judged, Peer, Stream, Work};

/// A house that keeps files in memory.
#[derive(Default)]
struct Paper(StdMutex<BTreeMap<String, Vec<u8>>>, AtomicBool);

impl House for Paper {
    fn judge(&self, _: Peer) -> Option<Judged> {
        None
    }
    fn serve_agent(&self, _: Box<dyn Stream>, _: Caller, _: String) -> Work {
        Box::pin(async {})
    }
    fn answer_agent(&self, _: AgentAsks) -> Answering {
        Box::pin(async { Response::default() })
    }
    fn agent_socket(&self) -> Option<PathBuf> {
        None
    }
    fn memory_bytes(&self) -> Option<u64> {
        None
    }
    fn about(&self) -> Daemon {
        Daemon::default()
    }
    fn passes(&self, _: &str) -> bool {
        false
    }
    fn holds_a_secret(&self, _: &str) -> bool {
        false
    }
    fn kept(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(name).cloned()
    }
    fn keep(&self, name: &str, content: &[u8]) -> Result<(), Refusal> {
        if self.1.load(Ordering::Relaxed) {
            return Err(Refusal::Internal { what: "the disk is full".to_owned() });
        }
        self.0.lock().unwrap().insert(name.to_owned(), content.to_vec());
        Ok(())
    }
    fn end(&self, _: Ending) {}
}

fn wanted(grant: Grant) -> Wanted {
    Wanted { grant, only: None, label: String::new(), expires_at: None }
}

#[test]
fn a_code_lets_one_browser_in_once() {
    let logins = Logins::open(Arc::new(Paper::default()));
    let code = logins.code(wanted(Grant::Operator)).unwrap();
    assert!(logins.exchange("guess").unwrap().is_none());
    let (bearer, credential) = logins.exchange(&code).unwrap().unwrap();
    assert!(logins.exchange(&code).unwrap().is_none());
    assert_eq!(logins.find(&bearer).unwrap().id, credential.id);
    assert!(logins.find(&secret::bearer().unwrap()).is_none());
}

#[test]
fn a_login_outlives_the_daemon_and_its_secret_is_nowhere() {
    let house = Arc::new(Paper::default());
    let logins = Logins::open(house.clone());
    let only = Some(Only { session: "web1".to_owned(), opened_at: UNIX_EPOCH + Duration::from_millis(7) });
    let wanted = Wanted { only: only.clone(), ..wanted(Grant::ViewerRead) };
    let (bearer, _) = logins.make(Kind::Browser, wanted).unwrap();
    let again = Logins::open(house.clone());
    let found = again.find(&bearer).unwrap();
    assert_eq!((found.grant, found.only), (Grant::ViewerRead, only));
    let file = String::from_utf8(house.kept(FILE).unwrap()).unwrap();
    assert!(!file.contains(&bearer) && !file.contains(&bearer[6..]));
    // Its number is not given again.
    again.revoke(false, |_| true).unwrap();
    assert_eq!(Logins::open(house).make(Kind::Program, self::wanted(Grant::Agent)).unwrap().1.id, "t2");
}

#[test]
fn what_is_over_is_over_everywhere() {
    let logins = Logins::open(Arc::new(Paper::default()));
    let past = Some(SystemTime::now() - Duration::from_secs(1));
    let (expired, _) =
        logins.make(Kind::Program, Wanted { expires_at: past, ..wanted(Grant::Agent) }).unwrap();
    assert!(logins.find(&expired).is_none());
    let (idle, credential) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    let long_ago = SystemTime::now() - IDLE_MAX;
    logins.table().credentials.get_mut(&credential.hash).unwrap().used_at = long_ago;
    assert!(logins.find(&idle).is_none());
    assert!(logins.proof(&credential.id, 1, "n").is_none());
    assert!(logins.list().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_revoked_login_is_over_at_once() {
    let logins = Arc::new(Logins::open(Arc::new(Paper::default())));
    let (_, one) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    let (_, other) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    let before = tokio::time::Instant::now();
    let (waiting, id) = (Arc::clone(&logins), one.id.clone());
    let over = async { waiting.over(&one).await };
    let revoking = async { logins.revoke(false, |it| it.id == id).unwrap() };
    let ((), revoked) = tokio::join!(over, revoking);
    assert_eq!(revoked, ["b1"]);
    assert!(before.elapsed() < Duration::from_secs(1));
    let still = tokio::time::timeout(Duration::from_secs(60), logins.over(&other)).await;
    assert!(still.is_err(), "nobody else was logged out");
}

#[test]
fn a_file_that_cannot_be_read_lets_nobody_in() {
    let house = Paper::default();
    house.keep(FILE, b"{\"number\": 3, \"credentials\": [{").unwrap();
    assert!(Logins::open(Arc::new(house)).is_empty());
}

#[test]
fn whoever_ends_all_ends_the_links_that_nobody_used() {
    let logins = Logins::open(Arc::new(Paper::default()));
    let code = logins.code(wanted(Grant::Operator)).unwrap();
    let (_, one) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    logins.revoke(false, |it| it.id == one.id).unwrap();
    let kept = logins.code(wanted(Grant::Operator)).unwrap();
    assert!(logins.exchange(&kept).unwrap().is_some(), "one login is no other's link");
    logins.revoke(true, |_| true).unwrap();
    assert!(logins.exchange(&code).unwrap().is_none());
}

#[test]
fn a_revoked_login_does_not_come_back_where_the_disk_was_full() {
    let house = Arc::new(Paper::default());
    let logins = Logins::open(house.clone());
    let (bearer, one) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    house.1.store(true, Ordering::Relaxed);
    logins.revoke(false, |it| it.id == one.id).unwrap_err();
    assert!(logins.find(&bearer).is_none(), "it is over at once");
    logins.settle().unwrap_err();
    house.1.store(false, Ordering::Relaxed);
    logins.settle().unwrap();
    assert!(Logins::open(house).find(&bearer).is_none());
}

#[test]
fn a_credential_has_a_bounded_number_of_sockets() {
    let logins = Logins::open(Arc::new(Paper::default()));
    let (bearer, one) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    let (_, other) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    let mut places: Vec<_> = (0..SOCKETS_MAX).map(|_| one.place().unwrap()).collect();
    assert!(logins.find(&bearer).unwrap().place().is_none(), "each request counts for the same login");
    assert!(other.place().is_some());
    places.pop();
    assert!(one.place().is_some());
}

#[test]
fn wrong_credentials_are_told_of_once_in_a_while_with_their_number() {
    let logins = Logins::open(Arc::new(Paper::default()));
    assert_eq!(logins.shown_wrong(), Some(1));
    assert_eq!((0..10).find_map(|_| logins.shown_wrong()), None);
    logins.table().wrong.0 = Instant::now().checked_sub(WRONG_TOLD_EVERY);
    assert_eq!(logins.shown_wrong(), Some(11));
}

#[test]
fn what_the_disk_would_not_take_is_no_login_that_nobody_can_use() {
    let house = Arc::new(Paper::default());
    let logins = Logins::open(house.clone());
    house.1.store(true, Ordering::Relaxed);
    assert!(logins.make(Kind::Program, wanted(Grant::Agent)).is_err());
    assert!(logins.list().is_empty());
    house.1.store(false, Ordering::Relaxed);
    assert_eq!(logins.make(Kind::Program, wanted(Grant::Agent)).unwrap().1.id, "t2");
}

#[test]
fn a_clock_that_jumps_lets_nobody_in_for_longer_than_they_were_let_in() {
    let logins = Logins::open(Arc::new(Paper::default()));
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    let token = Wanted { expires_at: Some(now + hour), ..wanted(Grant::Agent) };
    let (_, token) = logins.make(Kind::Program, token).unwrap();
    let (_, browser) = logins.make(Kind::Browser, wanted(Grant::Operator)).unwrap();
    for (at, token_left, browser_left) in [
        (now - hour * 24 * 365, true, true),
        (now + hour - Duration::from_secs(60), true, true),
        (now + hour, false, true),
        (now + IDLE_MAX + hour, false, false),
        (UNIX_EPOCH, true, true),
        (now + hour * 24 * 365 * 200, false, false),
    ] {
        assert_eq!(token.left(at).is_some(), token_left, "{at:?}");
        assert_eq!(browser.left(at).is_some(), browser_left, "{at:?}");
    }
}
