use cotty_core::names::Role;

use super::*;
use crate::diary::Diary;

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
    let question =
        Question::HostKey { name: "web1".into(), shown: shown.clone(), file: "/f".into(), about: Vec::new() };
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

#[tokio::test]
async fn a_no_to_a_key_holds_for_its_name_and_key_whatever_the_account() {
    let (_folder, cards) = cards();
    let shown = Fingerprint { hash: "SHA256:abc".to_owned(), algorithm: "ssh-ed25519".to_owned() };
    let ask = |name: &str, account: &str, shown: &Fingerprint| {
        let about = Asking { account: account.to_owned(), ..asking("host key") };
        let question = Question::HostKey {
            name: name.to_owned(),
            shown: shown.clone(),
            file: "/f".to_owned(),
            about: Vec::new(),
        };
        cards.ask(&attempt("a", Role::Agent), about, question, 0, None, LIFE)
    };
    for no in ["no", "SHA256:another"] {
        let _waiting = ask("web1", "me@web1:22", &shown).unwrap();
        cards.answer(cards.find(None).unwrap().id, secret(no), &me()).unwrap();
        let refused = ask("web1", "you@10.0.0.1:22", &shown).map(drop).unwrap_err();
        assert_eq!(refused.kind().to_string(), "policy-blocked", "{no}");
        assert!(ask("web2", "me@web1:22", &shown).is_ok(), "it is of another name");
        let other = Fingerprint { hash: "SHA256:other".to_owned(), ..shown.clone() };
        assert!(ask("web1", "me@web1:22", &other).is_ok(), "it is of another key");
        // A person is asked all the same, and a yes ends the no.
        let question = Question::HostKey {
            name: "web1".into(),
            shown: shown.clone(),
            file: "/f".into(),
            about: Vec::new(),
        };
        let person = attempt("pts/3", Role::Operator);
        let _waiting = cards.ask(&person, asking("host key"), question, 0, None, LIFE).unwrap();
        cards.answer(cards.find(None).unwrap().id, secret("yes"), &me()).unwrap();
    }
    assert!(ask("web1", "me@web1:22", &shown).is_ok());
}

#[tokio::test]
async fn a_denied_question_of_the_server_is_denied_in_other_words_and_for_another_session_too() {
    let (_folder, cards) = cards();
    let ask = |session: &str, account: &str, words: &str| {
        let about =
            Asking { account: account.to_owned(), ..asking(&format!("challenge of {session}: {words}")) };
        let (words, account) = (words.to_owned(), account.to_owned());
        let question = Question::Challenge { account, words, echo: false, failed: 0 };
        let attempt = Attempt { session: session.to_owned(), ..attempt("a", Role::Agent) };
        cards.ask(&attempt, about, question, 0, None, LIFE)
    };
    let _waiting = ask("web1", "me@web1:22", "Code 1:").unwrap();
    cards.deny(cards.find(None).unwrap().id, &me()).unwrap();
    let refused = ask("other", "me@web1:22", "Code 2:").map(drop).unwrap_err();
    assert_eq!(refused.kind().to_string(), "policy-blocked");
    assert!(ask("web1", "me@web2:22", "Code 1:").is_ok());
}

#[tokio::test]
async fn a_shared_card_is_of_each_that_waits_for_it() {
    let (_folder, cards) = cards();
    let mine = Attempt { session: "mine".to_owned(), ..attempt("pts/3", Role::Operator) };
    let (mut one, waits) = (ask(&cards, "a", "password").unwrap(), LIFE);
    assert!(cards.of_session("mine").is_none());
    let mut two = cards.ask(&mine, asking("password"), password(), 0, None, waits).unwrap();
    let card = cards.of_session("mine").unwrap();
    assert_eq!(cards.of_session("web1"), Some(card.clone()));
    let heading = card.heading();
    assert!(
        heading.starts_with(
            "q1: agent a opens session web1 on web1; operator pts/3 opens session mine on web1."
        )
    );
    // Who has no answer at one terminal takes it from no other.
    cards.skip(card.id, "mine");
    assert!(matches!(two.reply().await, Reply::Skipped));
    assert!(cards.of_session("mine").is_none() && cards.of_session("web1").is_some());
    let mut three = cards.ask(&mine, asking("password"), password(), 0, None, waits).unwrap();
    cards.skip(card.id, "web1");
    assert!(matches!(one.reply().await, Reply::Skipped));
    drop(one);
    let left = cards.find(None).unwrap();
    assert_eq!((left.session.as_str(), left.who, left.others.len()), ("mine", me(), 0));
    cards.answer(card.id, secret("sesame"), &me()).unwrap();
    assert!(matches!(three.reply().await, Reply::Answer(_)));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_tried_again_with_what_is_new_only_and_by_no_agent_where_a_person_began_it() {
    let (_folder, cards) = cards();
    let agent = attempt("a", Role::Agent);
    let began = cards.begin(&agent, Brought::from([1, 2]), Diary::none());
    let takes = |who: &Principal, brought: &[u64]| {
        cards.takes("web1", who, &brought.iter().copied().collect::<Brought>())
    };
    assert!(!takes(&agent.who, &[1, 2]) && !takes(&me(), &[]), "it was tried");
    assert!(takes(&agent.who, &[1, 3]));
    assert!(!takes(&me(), &[4]), "it is too early");
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(!takes(&me(), &[1, 2, 3]) && takes(&me(), &[4]));
    drop(began);
    assert!(!takes(&me(), &[5]));
    let _began = cards.begin(&attempt("pts/3", Role::Operator), Brought::from([1]), Diary::none());
    assert!(!takes(&agent.who, &[2]) && takes(&me(), &[2]));
}
