//! The description of the API, made of the route table and the published types.

use cotty_wire::api;
use cotty_wire::schema::{self, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::grant::Grant;
use crate::route::{Gives, Route, Takes};
use crate::rule::Shows;

/// What is described here; MCP and the socket have pages of their own.
const DESCRIBED: [&str; 6] = ["/api/v1/", "/livez", "/readyz", "/health", "/metrics", "/openapi.json"];

/// Makes the document.
pub(crate) fn made(table: &[Route]) -> Value {
    let mut generator = schema::generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in table.iter().filter(|it| DESCRIBED.iter().any(|prefix| it.path.starts_with(prefix))) {
        let operation = operation(route, &mut generator);
        paths.entry(route.path).or_insert_with(|| json!({}))[route.method.as_str().to_lowercase()] =
            operation;
    }
    let failed = schema::of::<api::Failed>(&mut generator);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "cotty", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": schema::collected(generator),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "responses": {"failed": {"description": "Why not, and what to do about it", "content": {"application/json": {"schema": failed}}}},
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let name = route
        .path
        .trim_start_matches("/api/v1/")
        .trim_matches('/')
        .replace(['/', '.', '-'], "_")
        .replace(['{', '}'], "");
    let mut operation = json!({
        "operationId": format!("{}_{name}", route.method.as_str().to_lowercase()),
        "responses": {"default": {"$ref": "#/components/responses/failed"}},
        "x-cotty-unix": roles(route.unix),
        "x-cotty-tcp": roles(route.tcp),
    });
    if route.tcp.is_some() && route.shows == Shows::Credential {
        operation["security"] = json!([{"bearer": []}]);
    }
    match route.takes {
        Takes::Nothing => {}
        Takes::Query => operation["parameters"] = query(generator),
        Takes::Document(of) => {
            let content = json!({"application/json": {"schema": of(generator)}});
            operation["requestBody"] = json!({"required": true, "content": content});
        }
    }
    let places = route.path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    for name in places {
        let place = json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(place),
            None => operation["parameters"] = json!([place]),
        }
    }
    let (status, kind, schema) = match route.gives {
        Gives::Socket | Gives::Other => ("101", None, json!({})),
        Gives::Nothing => ("204", None, json!({})),
        Gives::Text => ("200", Some("text/plain"), json!({"type": "string"})),
        Gives::Json => ("200", Some("application/json"), json!({"type": "object"})),
        Gives::Bytes => ("200", Some("application/octet-stream"), json!({})),
        Gives::Document(of) => ("200", Some("application/json"), json!(of(generator))),
    };
    let response = match kind {
        Some(kind) => json!({"description": "Done", "content": {kind: {"schema": schema}}}),
        None if status == "204" => json!({"description": "Done"}),
        None => json!({"description": "A WebSocket of the subprotocol cotty.1"}),
    };
    operation["responses"][status] = response;
    operation
}

/// What may stand in a query: the fields of the type that reads it.
fn query(generator: &mut SchemaGenerator) -> Value {
    // Only its fields are of use: it is no document by itself.
    let whole = json!(generator.root_schema_for::<api::Query>());
    let fields = whole["properties"].as_object().cloned().unwrap_or_default();
    let parameter =
        |(name, schema)| json!({"name": name, "in": "query", "required": false, "schema": schema});
    fields.into_iter().map(parameter).collect()
}

fn roles(roles: Option<&'static [Grant]>) -> Value {
    roles.map_or(Value::Null, |it| it.iter().map(|it| it.word()).collect())
}
