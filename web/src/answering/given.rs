//! The body of an answer: read into one buffer of its exact size, and wiped, whatever becomes of it.

use axum::body::Body;
use cotty_core::refusal::Refusal;
use cotty_engine::report::Secret;
use cotty_wire::api::CardAnswer;
use futures_util::StreamExt;
use hyper::body::Body as _;
use zeroize::{Zeroize, Zeroizing};

/// A longer body is refused unread.
const BYTES_MAX: usize = 64 * 1024;

/// Returns what was answered; nothing where it is a no.
pub(super) async fn read(body: Body) -> Result<Option<Secret>, Refusal> {
    let length = body.size_hint().exact().and_then(|it| usize::try_from(it).ok());
    let length = length.ok_or_else(|| wrong("its length is not said"))?;
    if length > BYTES_MAX {
        return Err(Refusal::TooLong { what: "body", bytes: length, bytes_max: BYTES_MAX });
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(length));
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| wrong("it was cut off"))?;
        if whole.len() + part.len() > length {
            return Err(wrong("it is longer than it says"));
        }
        whole.extend_from_slice(&part);
        // What the connection has read it into is wiped too, where nothing else stands in it.
        if let Ok(mut part) = part.try_into_mut() {
            part.zeroize();
        }
    }
    understood(&whole)
}

fn understood(body: &[u8]) -> Result<Option<Secret>, Refusal> {
    let read: CardAnswer<'_> = serde_json::from_slice(body).map_err(|_| wrong("it is no answer"))?;
    match (read.deny, read.answer_hex) {
        (true, None) => Ok(None),
        (false, Some(digits)) => Ok(Some(Secret::new(bytes(digits)?))),
        _ => Err(wrong("it is either answer_hex or deny")),
    }
}

fn bytes(digits: &str) -> Result<String, Refusal> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    let mut pairs = digits.as_bytes().chunks_exact(2);
    for pair in &mut pairs {
        let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err(wrong("answer_hex holds more than digits"));
        };
        bytes.push(high << 4 | low);
    }
    if !pairs.remainder().is_empty() {
        return Err(wrong("answer_hex ends in half a byte"));
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
        error.into_bytes().zeroize();
        wrong("the answer is no text")
    })
}

fn wrong(why: &str) -> Refusal {
    Refusal::InvalidArgument { what: "body", why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(body: &str) -> Result<Option<String>, String> {
        let read = read(Body::from(body.to_owned())).await;
        read.map(|it| it.map(|it| it.reveal().to_owned())).map_err(|it| it.to_string())
    }

    #[tokio::test]
    async fn an_answer_is_read_byte_by_byte_and_a_no_is_none() {
        let read = answer(r#"{"answer_hex":"70c3a422"}"#).await;
        assert_eq!(read, Ok(Some("pä\"".to_owned())));
        assert_eq!(answer(r#"{"deny":true}"#).await, Ok(None));
        assert_eq!(answer(r#"{"answer_hex":""}"#).await, Ok(Some(String::new())));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused_without_a_word_of_it() {
        for body in [
            "",
            "{}",
            r#"{"answer_hex":"7"}"#,
            r#"{"answer_hex":"zz"}"#,
            r#"{"answer_hex":"ff"}"#,
            r#"{"answer_hex":"70","deny":true}"#,
            r#"{"answer":"canary"}"#,
            r#"{"answer_hex":"70"}{"canary"}"#,
        ] {
            let refused = answer(body).await.unwrap_err();
            assert!(!refused.contains("canary"), "{refused}");
        }
        let long = format!(r#"{{"answer_hex":"{}"}}"#, "70".repeat(BYTES_MAX / 2));
        assert!(answer(&long).await.unwrap_err().contains("at most 65536 are taken"));
        let endless = Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("{}")]));
        assert!(read(endless).await.is_err());
    }
}
