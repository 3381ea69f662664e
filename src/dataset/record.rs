//! One JSON object of an input file, with fields read by name and errors that name them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::Fault;
use crate::base::text::one_line;

/// Bytes of the name and of the value of a field that is kept for grouping, and how many are.
const OTHER: usize = 64;
const OTHERS: usize = 16;

/// A line made ready for a strict JSON parser: Python writes `NaN`, `Infinity` and `-Infinity`,
/// which are no JSON. They are replaced by a `0` of the same length, so that every other byte keeps
/// its place and the field's own text can be cut from the line as it was written.
pub(super) struct Prepared<'a> {
    original: &'a str,
    masked: Option<String>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self {
            original: line,
            masked: mask_constants(line),
        }
    }

    fn json(&self) -> &str {
        self.masked.as_deref().unwrap_or(self.original)
    }
}

fn mask_constants(line: &str) -> Option<String> {
    const CONSTANTS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let bytes = line.as_bytes();
    let mut masked: Option<Vec<u8>> = None;
    let mut in_string = false;
    let mut place = 0;
    while place < bytes.len() {
        match bytes[place] {
            b'"' => in_string = !in_string,
            b'\\' if in_string => place += 1,
            b'N' | b'I' | b'-' if !in_string => {
                let rest = &bytes[place..];
                if let Some(found) = CONSTANTS.iter().find(|word| rest.starts_with(word)) {
                    let text = masked.get_or_insert_with(|| bytes.to_vec());
                    text[place..place + found.len()].fill(b' ');
                    text[place] = b'0';
                    place += found.len() - 1;
                }
            }
            _ => {}
        }
        place += 1;
    }
    // Only whole ASCII words were replaced by ASCII, so this is still UTF-8.
    masked.and_then(|text| String::from_utf8(text).ok())
}

/// The fields of one JSON object. A repeated name means its last value, as in Python.
#[derive(Debug)]
pub(super) struct Record<'a> {
    original: &'a str,
    json: &'a str,
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Record<'a> {
    pub(super) fn parse(prepared: &'a Prepared<'a>) -> Result<Self, Fault> {
        let json = prepared.json();
        match serde_json::from_str(json) {
            Ok(fields) => Ok(Self {
                original: prepared.original,
                json,
                fields,
            }),
            Err(_) if !json.trim_start().starts_with('{') => Err(Fault::new(
                "the line is no JSON object",
                "write one JSON object a line",
            )),
            Err(error) => {
                let text = error.to_string();
                let cause = text.split(" at line ").next().unwrap_or_default();
                Err(Fault::new(
                    format!("broken JSON: {cause} at column {}", error.column()),
                    "write the line again",
                ))
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The field as it stands in the file; a missing field and `null` are the same.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        let value = self.fields.get(name)?.get();
        // The value borrows from `json`, whose bytes stand at the same places as in `original`.
        let start = (value.as_ptr() as usize).checked_sub(self.json.as_ptr() as usize)?;
        let masked = self.json.get(start..start + value.len())?;
        if masked == "null" {
            return None;
        }
        let text = self.original.get(start..start + value.len())?;
        // A lone masked constant is longer than the `0` that stands for it.
        let rest = self.original.get(start..)?;
        let constant = ["NaN", "Infinity", "-Infinity"]
            .into_iter()
            .find(|word| rest.starts_with(word));
        Some(constant.unwrap_or(text))
    }

    /// The short fields that are not `known`, as text: texts of one line, numbers, truth values; the first few by
    /// name. Anything else is passed over, since nothing depends on it.
    pub(super) fn others(&self, known: &[&str]) -> BTreeMap<String, String> {
        let all = self.fields.keys();
        let others = all.filter(|name| name.len() <= OTHER && !known.contains(&name.as_str()));
        let short = others.filter_map(|name| {
            let raw = self.raw(name).filter(|raw| raw.len() <= OTHER)?;
            let value = match raw.bytes().next()? {
                b'"' => serde_json::from_str(raw).ok()?,
                b'{' | b'[' => return None,
                _ => raw.to_owned(),
            };
            let is_line = !value.is_empty() && !value.contains(char::is_control);
            is_line.then(|| (name.clone(), value))
        });
        short.take(OTHERS).collect()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if !raw.starts_with('"') {
            return Err(wrong_type(name, raw, "text"));
        }
        serde_json::from_str(raw).map(Some).map_err(|error| {
            let text = error.to_string();
            if text.contains("surrogate") || text.contains("hex escape") {
                Fault::new(
                    format!("`{name}` holds half of a surrogate pair (such as \\ud800), which is no text"),
                    "write the text again without it; Python cannot compile it either",
                )
            } else {
                Fault::new(format!("`{name}` is no valid JSON text"), "write the line again")
            }
        })
    }

    pub(super) fn required_text(&self, name: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text or a whole number, as text: names are written both ways.
    pub(super) fn name(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.raw(name) {
            Some(raw) if raw.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(raw.to_owned())),
            Some(raw) if !raw.starts_with('"') => {
                Err(wrong_type(name, raw, "text or a whole number"))
            }
            _ => self.text(name),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Fault> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if raw == "NaN" {
            return Ok(None);
        }
        raw.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(Some)
            .ok_or_else(|| wrong_type(name, raw, "a number"))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        serde_json::from_str(raw)
            .map(Some)
            .map_err(|_| wrong_type(name, raw, "a list of texts"))
    }

    pub(super) fn missing(&self, name: &str) -> Fault {
        let state = if self.has(name) {
            "is null"
        } else {
            "is missing"
        };
        Fault::new(
            format!("`{name}` {state}"),
            "write the record again with it",
        )
    }
}

pub(super) fn wrong_type(name: &str, raw: &str, expected: &str) -> Fault {
    let found = match raw.as_bytes().first() {
        Some(b'"') => "text",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    };
    Fault::new(
        format!(
            "`{name}` is {found} ({}) where {expected} is expected",
            one_line(raw, 40)
        ),
        "write the record again",
    )
}
