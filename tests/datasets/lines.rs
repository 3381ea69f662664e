//! Lines of plain and compressed files.

use fumehood::dataset::lines::Lines;

use crate::{gzip, write, zstd};

fn lines(bytes: &[u8], limit: usize) -> Vec<Result<(u64, String), (u64, String)>> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "x", bytes);
    Lines::open(&path, limit)
        .unwrap()
        .map(|line| match line {
            Ok(line) => Ok((line.number, line.text)),
            Err(error) => Err((error.line.unwrap(), error.what)),
        })
        .collect()
}

#[test]
fn lines_are_numbered_as_an_editor_does() {
    let all = lines(b"\xef\xbb\xbfone\r\n\n  \r\ntwo\n\nthree", 100);
    let expected = [(1, "one"), (4, "two"), (6, "three")];
    assert_eq!(all, expected.map(|(n, text)| Ok((n, text.to_owned()))));
    assert!(lines(b"", 100).is_empty());
}

#[test]
fn compression_is_told_by_the_bytes_and_may_come_in_pieces() {
    let mut gz = gzip(b"one\ntw");
    gz.extend(gzip(b"o\nthree\n"));
    let mut zst = zstd(b"one\ntw");
    zst.extend([0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
    zst.extend(zstd(b"o\nthree\n"));
    for bytes in [b"one\ntwo\nthree\n".to_vec(), gz, zst] {
        let texts: Vec<String> = lines(&bytes, 100)
            .into_iter()
            .map(|line| line.unwrap().1)
            .collect();
        assert_eq!(texts, ["one", "two", "three"]);
    }
}

#[test]
fn a_truncated_file_gives_its_whole_lines_and_says_so() {
    let text: String = (0..20_000)
        .map(|n| format!("line {} {n}\n", n * 7919 % 10_007))
        .collect();
    for whole in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let mut all = lines(&whole[..whole.len() / 2], 100);
        let (line, what) = all.pop().unwrap().unwrap_err();
        assert!(what.contains("compressed file"), "{what}");
        assert_eq!(line, all.len() as u64 + 1);
        assert!(all.iter().all(Result::is_ok));
        if whole[0] == 0x1f {
            assert!(what.contains("ends early"), "{what}");
            assert!(all.len() > 1000);
        }
    }
}

#[test]
fn damaged_compression_is_named() {
    let mut bytes = gzip(b"one\ntwo\n");
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    let (_, what) = lines(&bytes, 100).pop().unwrap().unwrap_err();
    assert!(what.contains("damaged"), "{what}");
}

#[test]
fn unusable_lines_do_not_end_the_file() {
    let all = lines(b"ok\n\xff\xfeno\nn\0ul\n0123456789\nlast\n", 8);
    let numbers: Vec<u64> = all
        .iter()
        .map(|line| line.as_ref().map_or_else(|e| e.0, |l| l.0))
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let error = |n: usize| all[n].as_ref().unwrap_err().1.clone();
    assert!(error(1).contains("UTF-8"));
    assert!(error(2).contains("byte 2 of the line is NUL"));
    assert!(error(3).contains("longer than 8 bytes"));
    assert_eq!(all[4], Ok((5, "last".to_owned())));
}

#[test]
fn foreign_files_are_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, what, remedy) in [
        (b"PAR1...".as_slice(), "Parquet", "to_json"),
        (b" \n[{\"a\": 1}]", "JSON array", "jq"),
        (b"\xff\xfe{\0", "UTF-16", "UTF-8"),
        (b"PK\x03\x04", "zip", "unpack"),
        (b"\xfd7zXZ\0", "xz", "gzip"),
        (b"BZh9", "bzip2", "gzip"),
    ] {
        let path = write(&folder, "x", bytes);
        let error = Lines::open(&path, 100).unwrap_err();
        assert!(error.what.contains(what), "{error}");
        assert!(error.remedy.contains(remedy), "{error}");
    }
    let missing = Lines::open(&folder.path().join("absent"), 100).unwrap_err();
    assert!(
        missing.to_string().contains("absent: cannot open"),
        "{missing}"
    );
    assert!(
        Lines::open(folder.path(), 100)
            .unwrap_err()
            .what
            .contains("folder")
    );
}
