//! The types of the page are made from the published ones: `COTTY_GOLDEN=write` writes them anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what fails there fails the test")]

use std::fmt::Write;
use std::path::PathBuf;

use cotty_wire::api;
use cotty_wire::socket::{FromClient, FromServer};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// What the page reads and says.
fn types() -> String {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.subschema_for::<FromServer>();
    generator.subschema_for::<FromClient>();
    generator.subschema_for::<api::Sessions>();
    generator.subschema_for::<api::Connected>();
    generator.subschema_for::<api::Devices>();
    generator.subschema_for::<api::Evidence>();
    generator.subschema_for::<api::Me>();
    generator.subschema_for::<api::LoggedIn>();
    generator.subschema_for::<api::RenameOrder>();
    let mut out = String::from(
        "// Made from wire/src by `COTTY_GOLDEN=write cargo test -p cotty-wire --test page`: change it there.\n",
    );
    for (name, schema) in generator.take_definitions(true) {
        let says = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        let kind = type_of(&schema);
        let gap = if kind.starts_with('\n') { "" } else { " " };
        write!(out, "\n/** {says} */\nexport type {name} ={gap}{kind};\n").unwrap();
    }
    out
}

/// Writes a schema as a type; what it cannot write is a mistake that the test names.
fn type_of(schema: &Value) -> String {
    if let Some(to) = schema["$ref"].as_str() {
        return to.rsplit('/').next().unwrap().to_owned();
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    for several in ["oneOf", "anyOf", "enum"] {
        if let Some(list) = schema[several].as_array() {
            let kinds = list.iter().map(|it| if several == "enum" { it.to_string() } else { type_of(it) });
            let own = schema["properties"].as_object().map(|it| format!(" & {}", object(it, schema)));
            let kinds = kinds.collect::<Vec<_>>();
            let tagged = several == "oneOf" && kinds.iter().all(|it| it.starts_with('{'));
            return match own {
                None if tagged => format!("\n  | {}", kinds.join("\n  | ")),
                own => format!("({}){}", kinds.join(" | "), own.unwrap_or_default()),
            };
        }
    }
    match &schema["type"] {
        Value::Array(kinds) => {
            let one = |kind: &Value| {
                let mut alone = schema.clone();
                alone["type"] = kind.clone();
                type_of(&alone)
            };
            kinds.iter().map(one).collect::<Vec<_>>().join(" | ")
        }
        Value::String(kind) => simple(kind, schema),
        other => panic!("no type: {other} in {schema}"),
    }
}

fn simple(kind: &str, schema: &Value) -> String {
    match kind {
        "string" => "string".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "boolean".to_owned(),
        "null" => "null".to_owned(),
        "array" => format!("({})[]", type_of(&schema["items"])).replace("(string)[]", "string[]"),
        "object" if schema["properties"].is_object() => {
            object(schema["properties"].as_object().unwrap(), schema)
        }
        "object" => format!("Record<string, {}>", type_of(&schema["additionalProperties"])),
        other => panic!("no type: {other} in {schema}"),
    }
}

fn object(properties: &Map<String, Value>, schema: &Value) -> String {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let fields = properties.iter().map(|(name, it)| {
        let may_miss = if required.iter().any(|it| it == name) { "" } else { "?" };
        let kind = type_of(it);
        // What is left out where there is none is never null.
        let bare = kind.strip_suffix(" | null").map(str::to_owned);
        let inner = || kind.strip_prefix('(')?.strip_suffix(" | null)").map(str::to_owned);
        let kind = if may_miss.is_empty() { kind } else { bare.or_else(inner).unwrap_or(kind) };
        format!("{name}{may_miss}: {kind}")
    });
    format!("{{ {} }}", fields.collect::<Vec<_>>().join("; "))
}

#[test]
fn the_page_has_the_types_that_are_published() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../web/viewer/src/types.ts");
    let now = types();
    if std::env::var_os("COTTY_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        now,
        "web/viewer/src/types.ts differs; COTTY_GOLDEN=write writes it anew"
    );
}
