//! `summary.json`.

use std::io::{self, Write};

use super::compare::CompareSummary;
use super::study::StudySummary;
use super::summary::Summary;

/// The summary as JSON: keys in a fixed order, numbers by their shortest form that reads back the
/// same, no time of day. The same journal gives the same bytes.
///
/// # Errors
/// When writing fails.
pub fn write(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, summary).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// As [`write()`], to a string.
///
/// # Errors
/// When the summary holds what JSON cannot, which no summary does.
pub fn render(summary: &Summary) -> io::Result<String> {
    let mut bytes = Vec::new();
    write(summary, &mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// The scanner study as JSON, by the same rules.
///
/// # Errors
/// When it holds what JSON cannot, which no study does.
pub fn render_study(study: &StudySummary) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(study).map_err(io::Error::from)?;
    text.push('\n');
    Ok(text)
}

/// A comparison as JSON, by the same rules.
///
/// # Errors
/// When it holds what JSON cannot, which no comparison does.
pub fn render_compare(summary: &CompareSummary) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(summary).map_err(io::Error::from)?;
    text.push('\n');
    Ok(text)
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// When it is no summary, or one of another version; the message names both versions.
pub fn read(text: &[u8]) -> Result<Summary, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let known = crate::base::version::SUMMARY;
    let Version { version } = serde_json::from_slice(text)
        .map_err(|error| format!("this is no summary of a run: {error}"))?;
    if version != known {
        return Err(format!(
            "this summary has format {version}, this fumehood reads {known}; make it again with \
             `fumehood report`"
        ));
    }
    serde_json::from_slice(text).map_err(|error| format!("the summary cannot be read: {error}"))
}
