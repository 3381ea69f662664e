//! JSON Schemas (draft 2020-12) of what the reports print as JSON, made from the very types that are printed: names,
//! types and descriptions are those of the code.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde::Deserialize as _;
use serde_json::Value;

use super::compare::CompareSummary;
use super::study::StudySummary;
use super::summary::Summary;
use crate::base::version::{COMPARE, STUDY, SUMMARY};
use crate::metrics::Metric;

/// A document that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `summary.json`, and what `fumehood report --json` prints.
    Summary,
    /// What `fumehood compare --json` prints.
    Compare,
    /// What `fumehood report --scanners --json` prints.
    Scanners,
}

impl Document {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Summary, Self::Compare, Self::Scanners];

    /// Its name on the command line, and that of its file in `docs/schemas/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Compare => "compare",
            Self::Scanners => "scanners",
        }
    }

    /// Its schema as JSON, the same bytes each time.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which does not happen.
    pub fn schema(self) -> std::io::Result<String> {
        let (mut schema, version) = match self {
            Self::Summary => (of::<Summary>(), SUMMARY),
            Self::Compare => (of::<CompareSummary>(), COMPARE),
            Self::Scanners => (of::<StudySummary>(), STUDY),
        };
        let title = format!("fumehood {}, format {version}", self.name());
        schema.insert("title".to_owned(), title.into());
        // The schema is that of one version, and a document of another is not to pass for it.
        set(&mut schema, "/properties/version", "const", version.into());
        for (place, text) in DURATION {
            let place = format!("/$defs/Duration{place}");
            set(&mut schema, &place, "description", text.into());
        }
        if let Some(Value::Array(metrics)) = schema.pointer_mut("/$defs/Metric/oneOf") {
            metrics.iter_mut().for_each(explain);
        }
        let mut text = serde_json::to_string_pretty(&schema)?;
        text.push('\n');
        Ok(text)
    }
}

/// The schema of what is written, not of what is read: whatever is always written is required.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(Plain)
        .into_generator()
        .into_root_schema_for::<T>()
}

/// What is said of times, whose type is not ours.
const DURATION: [(&str, &str); 3] = [
    ("", "A time: the sum of both fields."),
    ("/properties/secs", "Whole seconds."),
    (
        "/properties/nanos",
        "Nanoseconds besides, less than a second.",
    ),
];

/// Sets a keyword of the schema at this place, if there is one.
fn set(schema: &mut Schema, place: &str, keyword: &str, value: Value) {
    if let Some(Value::Object(found)) = schema.pointer_mut(place) {
        found.insert(keyword.to_owned(), value);
    }
}

/// Describes a metric by what the reports say it means.
fn explain(schema: &mut Value) {
    let name = schema.get("const").cloned().unwrap_or_default();
    if let (Ok(metric), Some(found)) = (Metric::deserialize(name), schema.as_object_mut()) {
        let text = format!("{}: {}.", metric.family(), metric.meaning());
        found.insert("description".to_owned(), text.into());
    }
}

/// Turns descriptions from comments in code into text about JSON.
#[derive(Clone, Debug)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::String(text)) = schema.get_mut("description") {
            let plain = text
                .replace(
                    "[`Metric::meaning`] says",
                    "the description of `metric` says",
                )
                .replace("[`super::", "`")
                .replace("[`", "`")
                .replace("`]", "`")
                .replace("`None`", "null");
            // What is said of functions is of no use here.
            let words: Vec<&str> = plain.split_whitespace().collect();
            let text_in_line = words.join(" ");
            let sentences = text_in_line.split_inclusive(". ");
            let kept: String = sentences.filter(|one| !one.contains("::")).collect();
            kept.trim_end().clone_into(text);
        }
        transform_subschemas(self, schema);
    }
}
