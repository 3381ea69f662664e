//! Every sample of a run as a row of a Parquet file, with all that is known of it.
//!
//! `samples` says which columns there are and where their values come from, `column` keeps values until their row group
//! is whole. Rows are written as they come; what is held of them at one time is bounded ([`ROWS`], [`BYTES`]). The same
//! samples give the same bytes.

mod column;
mod samples;

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use thiserror::Error;

use crate::base::digest::Digest;
use crate::base::version::SAMPLES;
use crate::journal::Manifest;
use crate::pipeline::PipelineError;
use crate::pipeline::judged::Judged;
use column::Column;

/// Rows of a row group, at most.
pub const ROWS: usize = 8192;
/// Bytes of values after which a row group ends before that: a sample may have very many findings.
pub const BYTES: usize = 32 << 20;

/// Why there is no file.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A sample cannot be read any more.
    #[error(transparent)]
    Run(#[from] PipelineError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] ParquetError),
}

/// Writes a row for each sample; gives how many there were. `is_finished` is whether the run came to its end.
///
/// # Errors
/// When a sample cannot be read, or `out` not be written.
pub fn write(
    manifest: &Manifest,
    is_finished: bool,
    samples: impl Iterator<Item = Result<Judged, PipelineError>>,
    out: impl Write + Send,
) -> Result<u64, WriteError> {
    let scanners = manifest.identity.scanners.iter();
    let mut columns = samples::columns(scanners.map(|scanner| scanner.name.as_str()));
    let fields = columns.iter().map(Column::schema);
    let schema = Type::group_type_builder("samples")
        .with_fields(fields.collect::<Result<_, _>>()?)
        .build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(about(manifest, is_finished)?))
        .build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    let (mut written, mut rows, mut bytes) = (0, 0, 0);
    for sample in samples {
        let sample = sample?;
        for column in &mut columns {
            bytes += column.push(&sample)?;
        }
        written += 1;
        rows += 1;
        if rows >= ROWS || bytes >= BYTES {
            end_group(&mut writer, &mut columns)?;
            (rows, bytes) = (0, 0);
        }
    }
    if rows > 0 {
        end_group(&mut writer, &mut columns)?;
    }
    writer.close()?;
    Ok(written)
}

/// Writes what the columns hold as a row group.
fn end_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    columns: &mut [Column],
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for column in columns {
        for leaf in 0..column.leaves() {
            let Some(mut writer) = group.next_column()? else {
                let what = "the schema has fewer columns than there are values for".to_owned();
                return Err(ParquetError::General(what));
            };
            column.write(leaf, writer.untyped())?;
            writer.close()?;
        }
    }
    group.close()?;
    Ok(())
}

/// What the file says of itself: no time of day, no path and no machine.
fn about(manifest: &Manifest, is_finished: bool) -> Result<Vec<KeyValue>, ParquetError> {
    let identity = &manifest.identity;
    let json = |value: serde_json::Result<String>| {
        value.map_err(|error| ParquetError::External(Box::new(error)))
    };
    let scanners: Vec<_> = identity
        .scanners
        .iter()
        .map(|scanner| serde_json::json!({"name": scanner.name, "version": scanner.version}))
        .collect();
    let facts = [
        ("schema_version", SAMPLES.to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        (
            "identity",
            Digest::of(json(serde_json::to_string(identity))?).to_string(),
        ),
        ("dataset", identity.dataset.clone()),
        ("grading", identity.grading.clone()),
        ("scanners", json(serde_json::to_string(&scanners))?),
        ("policy", json(serde_json::to_string(&identity.policy))?),
        ("finished", is_finished.to_string()),
    ];
    Ok(facts
        .into_iter()
        .map(|(key, value)| KeyValue::new(format!("fumehood.{key}"), value))
        .collect())
}
