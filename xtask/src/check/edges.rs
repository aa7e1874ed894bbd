//! Who may use whom. A new line here is a decision: it comes with its reason in the commit.

use serde_json::Value;

/// What a crate may use to do its work. For its tests it may use testkit and any library besides.
struct Room {
    name: &'static str,
    crates: &'static [&'static str],
    libraries: Libraries,
}

enum Libraries {
    Only(&'static [&'static str]),
    Any,
}

/// The table of ARCHITECTURE.md.
const HOUSE: &[Room] = &[
    Room {
        name: "core",
        crates: &[],
        libraries: Libraries::Only(&[
            "alacritty_terminal",
            "bytes",
            "memchr",
            "regex",
            "shuck-ast",
            "shuck-parser",
            "thiserror",
            "unicode-width",
            "zeroize",
        ]),
    },
    Room {
        name: "wire",
        crates: &["core"],
        libraries: Libraries::Only(&["schemars", "serde", "serde_json", "zeroize"]),
    },
    Room {
        name: "host",
        crates: &["core"],
        libraries: Libraries::Only(&[
            "bytes",
            "data-encoding",
            "nix",
            "ring",
            "russh",
            "russh-sftp",
            "rustix",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
            "zeroize",
        ]),
    },
    Room {
        name: "engine",
        crates: &["core", "host"],
        libraries: Libraries::Only(&[
            "bytes",
            "getrandom",
            "memchr",
            "redis",
            "regex",
            "rusqlite",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
        ]),
    },
    Room {
        name: "mcp",
        crates: &["core", "wire", "engine"],
        libraries: Libraries::Only(&[
            "bytes",
            "getrandom",
            "http",
            "http-body-util",
            "regex",
            "rmcp",
            "schemars",
            "serde",
            "serde_json",
            "tokio",
            "tokio-util",
            "tracing",
        ]),
    },
    Room {
        name: "web",
        crates: &["core", "wire", "engine"],
        libraries: Libraries::Only(&[
            "axum",
            "bytes",
            "futures-util",
            "hyper",
            "hyper-util",
            "ring",
            "serde",
            "serde_json",
            "tokio",
            "tokio-util",
            "tower",
            "tracing",
            "zeroize",
        ]),
    },
    Room {
        name: "app",
        crates: &["core", "wire", "host", "engine", "mcp", "web"],
        libraries: Libraries::Any,
    },
    Room {
        name: "testkit",
        crates: &["core", "wire", "host", "engine", "mcp", "web"],
        libraries: Libraries::Any,
    },
    Room { name: "xtask", crates: &[], libraries: Libraries::Only(&["regex", "serde", "serde_json"]) },
];

/// Lists the edges that the table does not know.
#[must_use]
pub fn broken(metadata: &Value) -> Vec<String> {
    let members = list(&metadata["workspace_members"]);
    let packages = list(&metadata["packages"]);
    packages.iter().filter(|package| members.contains(&package["id"])).flat_map(broken_edges).collect()
}

/// The broken edges of one of our packages.
fn broken_edges(package: &Value) -> Vec<String> {
    let name = room_name(text(&package["name"]));
    let Some(room) = HOUSE.iter().find(|room| room.name == name) else {
        return vec![format!("{name} has no line in the table of xtask/src/check/edges.rs")];
    };
    list(&package["dependencies"]).iter().filter_map(|dependency| broken_edge(room, dependency)).collect()
}

/// Says what is wrong with one dependency.
fn broken_edge(room: &Room, dependency: &Value) -> Option<String> {
    let used = text(&dependency["name"]);
    let for_tests = dependency["kind"] == "dev";
    // What makes a guard know one agent alone is no part of what we ship.
    if room.name != "testkit" && list(&dependency["features"]).iter().any(|it| text(it) == "testkit") {
        return Some(format!("{} may not turn on the feature testkit of {used}", room.name));
    }
    let allowed = if dependency["path"].is_string() {
        let used = room_name(used);
        room.crates.contains(&used) || (for_tests && used == "testkit")
    } else {
        for_tests || matches!(room.libraries, Libraries::Any) || room.allows(used)
    };
    (!allowed).then(|| format!("{} may not use {used}", room.name))
}

impl Room {
    fn allows(&self, library: &str) -> bool {
        matches!(self.libraries, Libraries::Only(libraries) if libraries.contains(&library))
    }
}

/// `cotty-core` stands in the folder `core`; the binary's package is `cotty` and stands in `app`.
fn room_name(package: &str) -> &str {
    if package == "cotty" { "app" } else { package.strip_prefix("cotty-").unwrap_or(package) }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(package: &str, dependency: &Value) -> Vec<String> {
        broken(&json!({
            "workspace_members": ["it"],
            "packages": [{"id": "it", "name": package, "dependencies": [dependency]}],
        }))
    }

    #[test]
    fn core_may_not_await() {
        let tokio = json!({"name": "tokio", "kind": null});
        assert_eq!(findings("cotty-core", &tokio), ["core may not use tokio"]);
        assert!(findings("cotty-host", &tokio).is_empty());
    }

    #[test]
    fn the_faces_never_meet() {
        let web = json!({"name": "cotty-web", "kind": null, "path": "web"});
        assert_eq!(findings("cotty-mcp", &web), ["mcp may not use cotty-web"]);
        assert!(findings("cotty", &web).is_empty());
    }

    #[test]
    fn testkit_is_for_tests() {
        let mut testkit = json!({"name": "cotty-testkit", "kind": "dev", "path": "testkit"});
        assert!(findings("cotty-host", &testkit).is_empty());
        testkit["kind"] = Value::Null;
        assert_eq!(findings("cotty-host", &testkit).len(), 1);
    }

    #[test]
    fn a_crate_without_a_line_is_named() {
        assert_eq!(findings("cotty-attic", &json!({})).len(), 1);
    }
}
