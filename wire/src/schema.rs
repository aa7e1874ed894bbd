//! The published types as JSON Schema, for the description of the API.

use schemars::generate::SchemaSettings;
pub use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// Makes what collects the schemas of types, each under its own name.
#[must_use]
pub fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12();
    settings.with(|it| it.definitions_path = "/components/schemas".into()).into_generator()
}

/// Returns a reference to a type's schema, which is collected.
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Returns what was collected, by name.
#[must_use]
pub fn collected(mut generator: SchemaGenerator) -> Map<String, Value> {
    generator.take_definitions(true)
}
