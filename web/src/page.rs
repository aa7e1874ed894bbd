//! The page: its files stand in the binary. It names no session, and is the same whatever its address says.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use crate::logins::secret;

/// One file of the page.
struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

/// The page itself. Where it says `BUILD`, the build stands.
const PAGE: &str = include_str!("../viewer/dist/index.html");

const ICON: &[u8] = include_bytes!("../viewer/dist/favicon.svg");

/// What it loads.
const FILES: &[File] = &[
    script("theme.js", include_bytes!("../viewer/dist/theme.js")),
    script("app.js", include_bytes!("../viewer/dist/app.js")),
    script("addon-search.js", include_bytes!("../viewer/dist/addon-search.js")),
    script("addon-webgl.js", include_bytes!("../viewer/dist/addon-webgl.js")),
    File {
        name: "app.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../viewer/dist/app.css"),
    },
];

const fn script(name: &'static str, bytes: &'static [u8]) -> File {
    File { name, kind: "text/javascript; charset=utf-8", bytes }
}

/// The first digits of the hash of all files, and the page that loads them under it.
static BUILT: LazyLock<(String, String)> = LazyLock::new(|| {
    let mut all = PAGE.as_bytes().to_vec();
    FILES.iter().for_each(|it| all.extend_from_slice(it.bytes));
    let build = secret::hex(&secret::hash_of(&all)[..6]);
    // Whatever is loaded is what stands here: not what another program at this port gives out in its place.
    let hashed =
        |page: String, file: &File| page.replace(&format!("HASH {}", file.name), &integrity(file.bytes));
    let page = FILES.iter().fold(PAGE.replace("BUILD", &build), hashed);
    (build, page)
});

/// A hash as `integrity` has it.
fn integrity(bytes: &[u8]) -> String {
    let hash = secret::hash_of(bytes);
    format!("sha256-{}", base64(&hash))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at > three.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

/// A file of a build never changes.
const FOR_GOOD: (HeaderName, &str) = (CACHE_CONTROL, "public, max-age=31536000, immutable");

/// Returns which build of the page this is.
pub(crate) fn build() -> &'static str {
    &BUILT.0
}

/// Serves the page.
pub(crate) async fn page() -> Html<&'static str> {
    Html(&BUILT.1)
}

/// Serves the icon.
pub(crate) async fn icon() -> Response {
    ([(CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}

/// Serves a file of this build.
pub(crate) async fn asset(Path((build, name)): Path<(String, String)>) -> Response {
    match FILES.iter().find(|it| it.name == name && build == BUILT.0) {
        Some(file) => ([(CONTENT_TYPE, file.kind), FOR_GOOD], file.bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
