//! Text files, plain and compressed.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use fumehood::dataset::lines::Lines;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::bytes::{Bytes, file};

/// Far below what an honest file needs, so that a bomb shows.
const LIMIT: usize = 4 << 10;

/// What a file comes to: its usable lines, and the numbers of those that are not.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    usable: Vec<(u64, String)>,
    faults: Vec<u64>,
    broken: bool,
}

/// Reading ends, keeps its bounds and numbers lines rightly; compressed, the same text gives the same
/// lines; a bomb costs one line's room.
pub(crate) fn check(data: &[u8]) {
    if let Some(content) = read(&file("raw", data)) {
        judge(&content);
    }
    let mut bytes = Bytes::new(data);
    let choice = bytes.byte();
    let repeat = match choice {
        // A bomb: a long line, or very many short ones.
        0..4 => 1 + 16 * bytes.below(64),
        _ => 1,
    };
    let text = bytes.take(1 << 10).repeat(repeat);
    if matches!(text.first(), Some(byte) if !byte.is_ascii_alphabetic() && *byte != b'{') {
        // Its start could be taken for another format.
        return;
    }
    if text.starts_with(b"P") || text.starts_with(b"B") || text.trim_ascii().is_empty() {
        return;
    }
    let Some(plain) = read(&file("plain", &text)) else {
        panic!("text is not text");
    };
    judge(&plain);
    let expected = text.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    for (number, line) in &plain.usable {
        let raw = expected[*number as usize - 1];
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        assert_eq!(raw, line.as_bytes());
    }
    let packed = match choice % 4 {
        0 | 1 => gzip(&text),
        2 => [gzip(&text[..text.len() / 2]), gzip(&text[text.len() / 2..])].concat(),
        _ => zstd(&text),
    };
    assert_eq!(read(&file("packed", &packed)).as_ref(), Some(&plain));

    // Torn, it is broken, and what was read of it was there.
    let cut = packed.len() - 1 - (bytes.number() as usize) % (packed.len() / 2);
    let Some(torn) = read(&file("torn", &packed[..cut])) else {
        return;
    };
    judge(&torn);
    assert!(
        torn.broken || choice % 4 == 2,
        "torn at {cut} of {}",
        packed.len()
    );
    if torn.broken {
        assert!(torn.usable.iter().all(|line| plain.usable.contains(line)));
    }
}

fn judge(content: &Content) {
    assert!(content.usable.is_sorted_by(|a, b| a.0 < b.0));
    assert!(content.faults.is_sorted());
    for (number, text) in &content.usable {
        assert!(*number > 0 && text.len() <= LIMIT && !text.trim_ascii().is_empty());
        assert!(!text.contains(['\n', '\0']));
        assert!(!content.faults.contains(number));
    }
}

fn read(path: &Path) -> Option<Content> {
    let mut content = Content {
        usable: Vec::new(),
        faults: Vec::new(),
        broken: false,
    };
    let mut lines = Lines::open(path, LIMIT).ok()?;
    for line in &mut lines {
        match line {
            Ok(line) => content.usable.push((line.number, line.text)),
            Err(error) => content.faults.push(error.line?),
        }
    }
    content.broken = lines.is_broken();
    assert!(lines.next().is_none(), "the end is the end");
    Some(content)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}
