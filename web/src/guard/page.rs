//! What the guard asks of a request that came by TCP: that it means this daemon, and that no other page sent it.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Its Host is none of ours.
    Host,
    /// Another page sent it.
    Foreign,
    /// It would stay in the browser and answer in our place.
    ServiceWorker,
    /// Its body is not JSON.
    ContentType,
    /// It has no credential.
    NoCredential,
    /// Its credential is wrong, expired or revoked.
    WrongCredential,
    /// Its credential does not reach this.
    Role,
}

impl Shut {
    /// Returns the status, the kind of failure, what is wrong, and what to do.
    pub(crate) const fn words(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "policy-blocked",
                "the Host of this request is not this daemon",
                "Use the address that cotty viewer link prints",
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "policy-blocked",
                "another page sent this request",
                "Open the address that cotty viewer link prints",
            ),
            Self::ServiceWorker => (
                StatusCode::FORBIDDEN,
                "policy-blocked",
                "there is no service worker here",
                "Remove the service worker that another program left at this address",
            ),
            Self::ContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid-argument",
                "a body is JSON here",
                "Send Content-Type: application/json",
            ),
            Self::NoCredential => (
                StatusCode::UNAUTHORIZED,
                "auth-failure",
                "this needs a login or a token",
                "Run cotty viewer link, or cotty token new",
            ),
            Self::WrongCredential => (
                StatusCode::UNAUTHORIZED,
                "auth-failure",
                "this login or token is wrong, expired or revoked",
                "Run cotty viewer link, or cotty token new",
            ),
            Self::Role => (
                StatusCode::FORBIDDEN,
                "policy-blocked",
                "this login or token does not reach that",
                "Ask a person for cotty viewer link --role or cotty token new --role",
            ),
        }
    }
}

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const WORKER: HeaderName = HeaderName::from_static("service-worker");

/// What is loaded: a page may be opened from anywhere, all else only by our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loads {
    /// The page itself.
    Page,
    /// Anything else.
    Other,
}

/// Checks who sent a request, before its credential is looked at.
pub(crate) fn check(parts: &Parts, loads: Loads) -> Result<(), Shut> {
    let headers = &parts.headers;
    let host = one(headers, &HOST).filter(|it| is_ours(it)).ok_or(Shut::Host)?;
    // In a request's absolute form the address says it once more.
    if parts.uri.authority().is_some_and(|it| it.as_str() != host) {
        return Err(Shut::Host);
    }
    if headers.contains_key(WORKER) {
        return Err(Shut::ServiceWorker);
    }
    if headers.contains_key(ORIGIN) {
        // `null` is nobody's.
        if one(headers, &ORIGIN) != Some(&format!("http://{host}")) {
            return Err(Shut::Foreign);
        }
    } else if is_browsers_upgrade(headers) {
        return Err(Shut::Foreign);
    } else if headers.contains_key(SITE) && one(headers, &SITE) != Some("same-origin") {
        let opens = loads == Loads::Page
            && parts.method == Method::GET
            && one(headers, &DEST).is_none_or(|it| it == "document");
        if !opens {
            return Err(Shut::Foreign);
        }
    }
    if parts.method == Method::POST && !is_json(headers) {
        return Err(Shut::ContentType);
    }
    Ok(())
}

/// Returns the bearer of a request: from `Authorization`, or from the subprotocols of a WebSocket.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    if let Some(said) = one(headers, &AUTHORIZATION) {
        return said.strip_prefix("Bearer ").map(str::trim);
    }
    offered(headers).find_map(|it| it.strip_prefix("bearer."))
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|it| it.to_str().ok());
    values.flat_map(|it| it.split(',')).map(str::trim)
}

/// A browser cannot set `Authorization` on an upgrade: whoever comes with the subprotocol alone is taken for one.
fn is_browsers_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE) && (headers.contains_key(SITE) || !headers.contains_key(AUTHORIZATION))
}

fn is_json(headers: &HeaderMap) -> bool {
    let said = one(headers, &CONTENT_TYPE).and_then(|it| it.split(';').next());
    said.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"))
}

/// A header that is there once; twice is nothing that anybody means.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// A loopback name or literal, with any port.
fn is_ours(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((inner, "")) => (inner, None),
        // What stands behind an address is its port and nothing else.
        Some((inner, rest)) => (inner, Some(rest.strip_prefix(':').unwrap_or_default())),
        None => host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    if port.is_some_and(|it| it.parse::<u16>().is_err()) {
        return false;
    }
    if name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback()) {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let label = name.strip_suffix("localhost");
    label.is_some_and(|it| it.is_empty() || (it.ends_with('.') && !it.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::counts::REASONS;

    const OURS: &str = "ab.localhost:4680";

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn asked(loads: Loads, method: &str, headers: &[(&str, &str)]) -> Result<(), Shut> {
        check(&parts(method, headers), loads)
    }

    #[test]
    fn each_reason_is_counted_under_its_own_name() {
        assert_eq!(REASONS.len(), Shut::Role as usize + 1);
        for (shut, reason) in [
            (Shut::Host, "host"),
            (Shut::ServiceWorker, "service_worker"),
            (Shut::NoCredential, "no_credential"),
            (Shut::WrongCredential, "wrong_credential"),
            (Shut::Role, "role"),
        ] {
            assert_eq!(REASONS[shut as usize], reason);
        }
    }

    #[test]
    fn a_host_is_a_name_of_this_machine() {
        for good in ["localhost", "a.localhost:1", "LOCALHOST:80", "127.0.0.1:80", "127.1.2.3", "[::1]:9"] {
            assert!(is_ours(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:4680",
            "localhost.evil.example",
            "evillocalhost",
            ".localhost",
            "127.0.0.1.evil.example",
            "127.0.0.1:x",
            "localhost:99999",
            "0.0.0.0:80",
            "[::]:80",
            "[::1].evil.example",
            "[::1]80",
            "[::1]evil.example:80",
            "10.0.0.1",
        ] {
            assert!(!is_ours(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_ours_or_refused() {
        let ours = format!("http://{OURS}");
        assert_eq!(asked(Loads::Other, "GET", &[("host", OURS), ("origin", &ours)]), Ok(()));
        for foreign in ["null", "http://evil.example", "http://ab.localhost", "https://ab.localhost:4680", ""]
        {
            let headers = [("host", OURS), ("origin", foreign)];
            assert_eq!(asked(Loads::Page, "GET", &headers), Err(Shut::Foreign), "{foreign}");
        }
        let twice = [("host", OURS), ("origin", &ours), ("origin", &ours)];
        assert_eq!(asked(Loads::Other, "GET", &twice), Err(Shut::Foreign));
    }

    #[test]
    fn a_page_may_be_opened_from_anywhere_and_nothing_else() {
        for site in ["cross-site", "same-site", "none"] {
            let headers = [("host", OURS), ("sec-fetch-site", site), ("sec-fetch-dest", "document")];
            assert_eq!(asked(Loads::Page, "GET", &headers), Ok(()));
            assert_eq!(asked(Loads::Other, "GET", &headers), Err(Shut::Foreign));
            let framed = [("host", OURS), ("sec-fetch-site", site), ("sec-fetch-dest", "iframe")];
            assert_eq!(asked(Loads::Page, "GET", &framed), Err(Shut::Foreign));
        }
        let own = [("host", OURS), ("sec-fetch-site", "same-origin")];
        assert_eq!(asked(Loads::Other, "GET", &own), Ok(()));
    }

    #[test]
    fn a_browsers_upgrade_has_an_origin() {
        let bare =
            [("host", OURS), ("upgrade", "websocket"), ("sec-websocket-protocol", "cotty.1, bearer.x")];
        assert_eq!(asked(Loads::Other, "GET", &bare), Err(Shut::Foreign));
        let program = [("host", OURS), ("upgrade", "websocket"), ("authorization", "Bearer x")];
        assert_eq!(asked(Loads::Other, "GET", &program), Ok(()));
    }

    #[test]
    fn a_form_of_another_page_is_no_json() {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let headers = [("host", OURS), ("content-type", kind)];
            assert_eq!(asked(Loads::Other, "POST", &headers), Err(Shut::ContentType), "{kind}");
        }
        assert_eq!(asked(Loads::Other, "POST", &[("host", OURS)]), Err(Shut::ContentType));
        let json = [("host", OURS), ("content-type", "application/json; charset=utf-8")];
        assert_eq!(asked(Loads::Other, "POST", &json), Ok(()));
    }

    #[test]
    fn a_service_worker_is_never_given_a_script() {
        let worker = [("host", OURS), ("service-worker", "script"), ("sec-fetch-site", "same-origin")];
        assert_eq!(asked(Loads::Other, "GET", &worker), Err(Shut::ServiceWorker));
    }

    #[test]
    fn a_bearer_comes_in_one_of_two_places() {
        assert_eq!(bearer(&parts("GET", &[("authorization", "Bearer abc")]).headers), Some("abc"));
        let protocols = [("sec-websocket-protocol", "cotty.1, bearer.abc")];
        assert_eq!(bearer(&parts("GET", &protocols).headers), Some("abc"));
        assert_eq!(bearer(&parts("GET", &[("cookie", "bearer=abc")]).headers), None);
        assert_eq!(bearer(&parts("GET", &[("authorization", "Basic abc")]).headers), None);
    }
}
