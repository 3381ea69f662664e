//! `/proc/PID/stat`: what the kernel tells of a process, behind a name that the process chose.

use std::fs;

/// The `stat` of one process or thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    state: char,
    /// The fields from the fourth on; what is no number, or a negative one, is 0.
    fields: Vec<u64>,
}

impl Stat {
    /// The `stat` in a folder of `/proc`, such as `7` or `7/task/8`; `None` when that is gone.
    pub fn read(folder: &str) -> Option<Self> {
        // As bytes: a process may call itself what is no text, and must not vanish by it.
        Self::parse(&fs::read(format!("/proc/{folder}/stat")).ok()?)
    }

    /// Reads the text of a `stat`. The name may hold anything, parentheses, blanks and line feeds
    /// included, but stands before the last closing parenthesis.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().rposition(|byte| *byte == b')')?;
        let rest = String::from_utf8_lossy(bytes.get(end + 1..)?);
        let mut words = rest.split_ascii_whitespace();
        Some(Self {
            state: words.next()?.chars().next()?,
            fields: words.map(|word| word.parse().unwrap_or(0)).collect(),
        })
    }

    /// A letter: `R` running, `Z` zombie and so on; see proc(5).
    pub fn state(&self) -> char {
        self.state
    }

    /// A field by the number that proc(5) gives it, from 4; 0 where there is none.
    pub fn field(&self, number: usize) -> u64 {
        let place = number.checked_sub(4);
        place
            .and_then(|place| self.fields.get(place).copied())
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_shift_the_fields() {
        for name in [
            &b"sh"[..],
            b") R 1 2 3 (",
            b"a\n) Z 0",
            b"\xff\xfe(\xc3",
            b"",
            b"))))",
        ] {
            let mut text = b"7 (".to_vec();
            text.extend_from_slice(name);
            text.extend_from_slice(b") S 4 -5 6\n");
            let stat = Stat::parse(&text).unwrap();
            assert_eq!(stat.state(), 'S');
            assert_eq!(
                [4, 5, 6, 7].map(|number| stat.field(number)),
                [4, 0, 6, 0],
                "{name:?}"
            );
        }
        assert_eq!(Stat::parse(b"7 (sh"), None);
        assert_eq!(Stat::parse(b"7 (sh)"), None);
        assert_eq!(
            Stat::read("self").unwrap().field(4),
            u64::from(std::os::unix::process::parent_id())
        );
    }
}
