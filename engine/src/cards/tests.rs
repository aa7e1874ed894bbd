use super::*;

fn cards() -> (tempfile::TempDir, Cards) {
    let folder = tempfile::tempdir().unwrap();
    let cards = Cards::new(StateDir::open(folder.path().join("state")).unwrap());
    (folder, cards)
}

fn attempt(label: &str, role: Role) -> Attempt {
    let who = Principal { role, label: label.to_owned() };
    Attempt { session: "web1".to_owned(), target: "web1".to_owned(), who }
}

fn asking(purpose: &str) -> Asking {
    Asking { account: "me@web1:22".to_owned(), key: "SHA256:abc".to_owned(), purpose: purpose.to_owned() }
}

fn password() -> Question {
    Question::Password { account: "me@web1".to_owned(), failed: 0 }
}

fn ask(cards: &Cards, label: &str, purpose: &str) -> Result<Waiting, Refusal> {
    cards.ask(&attempt(label, Role::Agent), asking(purpose), password(), 0, None, LIFE)
}

fn me() -> Principal {
    Principal { role: Role::Operator, label: "pts/3".to_owned() }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn who_asks_for_the_same_shares_a_card_and_the_first_answer_wins() {
    let (_folder, cards) = cards();
    let (mut one, mut two) = (ask(&cards, "a", "password").unwrap(), ask(&cards, "b", "password").unwrap());
    let id = cards.find(None).unwrap().id;
    assert_eq!(cards.list().len(), 1);
    cards.answer(id, secret("sesame"), &me()).unwrap();
    for waiting in [&mut one, &mut two] {
        assert!(matches!(waiting.reply().await, Reply::Answer(it) if it.reveal() == "sesame"));
    }
    let late = cards.answer(id, secret("late"), &me()).unwrap_err();
    assert_eq!(late.to_string(), "there is no open card q1: operator pts/3 answered it");
    assert_eq!(cards.find(None).unwrap_err().to_string(), "no card is open: nobody waits for a person");
}

#[tokio::test(start_paused = true)]
async fn a_denial_holds_ten_minutes_for_agents_and_not_for_a_person() {
    let (_folder, cards) = cards();
    let mut waiting = ask(&cards, "a", "password").unwrap();
    let id = cards.find(None).unwrap().id;
    cards.deny(id, &me()).unwrap();
    assert!(matches!(waiting.reply().await, Reply::Denied(who) if who == "operator pts/3"));
    let refused = ask(&cards, "another", "password").map(drop).unwrap_err();
    assert_eq!(refused.kind().to_string(), "policy-blocked");
    assert!(ask(&cards, "a", "passphrase /k").is_ok(), "it is of another thing");
    assert!(
        cards.ask(&attempt("pts/3", Role::Operator), asking("password"), password(), 0, None, LIFE).is_ok()
    );
    tokio::time::sleep(DENIAL).await;
    assert!(ask(&cards, "a", "password").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_card_ends_with_its_time_and_with_its_attempt() {
    let (_folder, cards) = cards();
    let mut waiting = ask(&cards, "a", "password").unwrap();
    assert!(matches!(waiting.reply().await, Reply::Expired));
    assert!(cards.list().is_empty());
    let one = ask(&cards, "a", "password").unwrap();
    let two = ask(&cards, "b", "password").unwrap();
    let id = cards.find(None).unwrap().id;
    drop(one);
    assert_eq!(cards.list().len(), 1, "another waits for it");
    drop(two);
    let gone = cards.answer(id, secret("x"), &me()).unwrap_err();
    assert_eq!(gone.to_string(), "there is no open card q2: its attempt ended");
}

#[tokio::test]
async fn a_principal_has_four_cards_and_numbers_are_never_given_twice() {
    let (folder, cards) = cards();
    let open: Vec<Waiting> = (0..4).map(|it| ask(&cards, "a", &it.to_string()).unwrap()).collect();
    assert_eq!(ask(&cards, "a", "5").map(drop).unwrap_err().kind().to_string(), "limit");
    let other = ask(&cards, "b", "5").unwrap();
    assert!(cards.find(None).unwrap_err().to_string().contains("q1 of web1, q2 of web1, q3 of web1"));
    drop((open, other));
    let again = Cards::new(StateDir::open(folder.path().join("state")).unwrap());
    let _waiting = ask(&again, "a", "password").unwrap();
    assert_eq!(again.find(None).unwrap().id, CardId(6));
}

#[tokio::test]
async fn a_key_is_accepted_by_a_clear_word_only() {
    let (_folder, cards) = cards();
    let shown = Fingerprint { hash: "SHA256:abc".to_owned(), algorithm: "ssh-ed25519".to_owned() };
    let question = Question::HostKey { name: "web1".into(), shown: shown.clone(), file: "/f".into() };
    let agent = attempt("a", Role::Agent);
    let mut waiting = cards.ask(&agent, asking("key"), question, 0, None, LIFE).unwrap();
    let id = cards.find(None).unwrap().id;
    for unclear in ["", "y", "yes please", "ok"] {
        let refused = cards.answer(id, secret(unclear), &me()).unwrap_err();
        assert_eq!(refused.kind().to_string(), "invalid-argument", "{unclear}");
    }
    cards.trusted("web2", &shown, &me());
    assert_eq!(cards.list().len(), 1);
    cards.trusted("web1", &shown, &me());
    assert!(matches!(waiting.reply().await, Reply::Answer(it) if it.reveal() == "yes"));
}
