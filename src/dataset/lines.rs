//! The lines of a text file, plain or compressed, within bounds.
//!
//! Compression is told by the first bytes, not by the name. Every line is numbered from 1 as an
//! editor would; blank lines are left out but counted. A line that cannot be used (too long, not
//! UTF-8, with a NUL byte) is an error of its own and the next one follows; only when the stream
//! itself breaks, as a truncated gzip file does, is that error the last item.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::{Fault, InputError};
use super::zstd::ZstdReader;

/// Longest line that is read unless the caller says otherwise: 64 MiB.
pub const MAX_LINE: usize = 64 << 20;

const BUFFER: usize = 64 << 10;

/// One usable line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its text, without the line's end.
    pub text: String,
}

/// The lines of one file.
pub struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    compressed: bool,
    number: u64,
    limit: usize,
    ended: bool,
    broken: bool,
    ahead: VecDeque<Result<Line, InputError>>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Opens `path`; lines of more than `limit` bytes will be errors.
    ///
    /// # Errors
    /// When the file cannot be opened, or is plainly no text file with a record a line.
    pub fn open(path: &Path, limit: usize) -> Result<Self, InputError> {
        let cannot = |error: &io::Error| {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "check the path",
                io::ErrorKind::PermissionDenied => "make the file readable for this user",
                _ => "check the file",
            };
            InputError::of_file(path, format!("cannot open the file: {error}"), remedy)
        };
        if path.is_dir() {
            return Err(InputError::of_file(
                path,
                "is a folder where a file is expected",
                "name the .jsonl file in it",
            ));
        }
        let file = File::open(path).map_err(|error| cannot(&error))?;
        let mut source = BufReader::with_capacity(BUFFER, file);
        let start = source.fill_buf().map_err(|error| cannot(&error))?;
        let format = Format::of(start);
        if let Format::Foreign { name, remedy } = format {
            return Err(InputError::of_file(path, format!("is {name}"), remedy));
        }
        let reader: Box<dyn BufRead + Send> = match format {
            Format::Gzip => Box::new(BufReader::with_capacity(
                BUFFER,
                MultiGzDecoder::new(source),
            )),
            Format::Zstd => Box::new(BufReader::with_capacity(BUFFER, ZstdReader::new(source))),
            Format::Plain | Format::Foreign { .. } => Box::new(source),
        };
        Ok(Self {
            path: path.to_path_buf(),
            reader,
            compressed: !matches!(format, Format::Plain),
            number: 0,
            limit,
            ended: false,
            broken: false,
            ahead: VecDeque::new(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the stream broke before the file's end, so that further lines were lost.
    pub fn is_broken(&self) -> bool {
        self.broken && self.ahead.is_empty()
    }

    /// Gives lines back, to be yielded again before all others.
    pub(super) fn put_back(&mut self, lines: impl IntoIterator<Item = Result<Line, InputError>>) {
        for (place, line) in lines.into_iter().enumerate() {
            self.ahead.insert(place, line);
        }
    }

    fn fault(&self, what: impl Into<String>, remedy: impl Into<String>) -> InputError {
        Fault::new(what, remedy).at(&self.path, Some(self.number))
    }

    /// Reads one line's bytes into `bytes`, never more than the limit.
    fn read_bytes(&mut self, bytes: &mut Vec<u8>) -> io::Result<LineEnd> {
        let mut seen = false;
        let mut too_long = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(match (seen, too_long) {
                    (false, _) => LineEnd::NoLine,
                    (true, true) => LineEnd::TooLong,
                    (true, false) => LineEnd::Whole,
                });
            }
            seen = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if too_long || bytes.len() + part.len() > self.limit {
                too_long = true;
                // What was kept so far is given back at once, not when the line ends.
                *bytes = Vec::new();
            } else {
                bytes.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(if too_long {
                    LineEnd::TooLong
                } else {
                    LineEnd::Whole
                });
            }
        }
    }

    fn read_line(&mut self) -> Option<Result<Line, InputError>> {
        loop {
            let mut bytes = Vec::new();
            self.number += 1;
            match self.read_bytes(&mut bytes) {
                Ok(LineEnd::NoLine) => return None,
                Ok(LineEnd::TooLong) => {
                    let limit = self.limit;
                    return Some(Err(self.fault(
                        format!("the line is longer than {limit} bytes"),
                        "take the line out or shorten it",
                    )));
                }
                Ok(LineEnd::Whole) => {}
                Err(error) => {
                    self.broken = true;
                    return Some(Err(self.broken_stream(&error)));
                }
            }
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
            if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Some(self.usable(bytes));
        }
    }

    fn usable(&self, bytes: Vec<u8>) -> Result<Line, InputError> {
        if let Some(place) = bytes.iter().position(|byte| *byte == 0) {
            return Err(self.fault(
                format!("byte {} of the line is NUL", place + 1),
                "write the file again; in JSON a NUL is \\u0000",
            ));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Line {
                number: self.number,
                text,
            }),
            Err(error) => Err(self.fault(
                format!(
                    "byte {} of the line is not UTF-8",
                    error.utf8_error().valid_up_to() + 1
                ),
                "write the file again as UTF-8",
            )),
        }
    }

    fn broken_stream(&self, error: &io::Error) -> InputError {
        let earlier = self.number - 1;
        if !self.compressed {
            return self.fault(
                format!("cannot read on: {error}"),
                "check the disk and read the file again",
            );
        }
        let what = if error.kind() == io::ErrorKind::UnexpectedEof {
            "the compressed file ends early".to_owned()
        } else {
            format!("the compressed file is damaged: {error}")
        };
        self.fault(
            format!("{what}; the {earlier} lines before were read"),
            "copy or compress the file again",
        )
    }
}

impl Iterator for Lines {
    type Item = Result<Line, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(line) = self.ahead.pop_front() {
            return Some(line);
        }
        if self.ended {
            return None;
        }
        let line = self.read_line();
        self.ended = line.is_none() || self.broken;
        line
    }
}

enum LineEnd {
    Whole,
    TooLong,
    NoLine,
}

#[derive(Clone, Copy)]
enum Format {
    Plain,
    Gzip,
    Zstd,
    Foreign {
        name: &'static str,
        remedy: &'static str,
    },
}

impl Format {
    fn of(start: &[u8]) -> Self {
        let foreign = |name, remedy| Self::Foreign { name, remedy };
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'P', b'A', b'R', b'1', ..] => foreign(
                "a Parquet file",
                "export it as JSON Lines, with pandas: to_json(orient='records', lines=True)",
            ),
            [b'P', b'K', 3, 4, ..] => foreign("a zip archive", "unpack it first"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => {
                foreign("compressed with xz", "unpack it, or use gzip or zstd")
            }
            [b'B', b'Z', b'h', ..] => {
                foreign("compressed with bzip2", "unpack it, or use gzip or zstd")
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                foreign("UTF-16 text", "write it again as UTF-8")
            }
            _ => {
                let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
                if text.trim_ascii_start().first() == Some(&b'[') {
                    foreign(
                        "a JSON array where one JSON object a line is expected",
                        "convert it, with jq: jq -c '.[]'",
                    )
                } else {
                    Self::Plain
                }
            }
        }
    }
}
