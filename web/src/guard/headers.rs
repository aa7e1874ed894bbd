//! What every reply to a browser carries.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Only our own files, nothing inline, no frames, and no text that becomes script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Puts them there.
pub(crate) fn put(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (RESOURCE, "same-origin"),
        (OPENER, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Files of a build never change; all else is of this moment.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
