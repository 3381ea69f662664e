//! A cell of the transitions, and by whose judgement.

use std::fmt;
use std::str::FromStr;

use super::transitions::Cell;

/// The name of all scanners together.
const COMBINED: &str = "combined";

/// A cell by one scanner or by all of them together, as users name it: `IF:SN`, `bandit IF:SN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedCell {
    /// The scanner; `None` for all together.
    pub scanner: Option<String>,
    /// The cell.
    pub cell: Cell,
}

impl fmt::Display for JudgedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scanner {
            Some(scanner) => write!(f, "{scanner} {}", self.cell),
            None => self.cell.fmt(f),
        }
    }
}

impl FromStr for JudgedCell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The paper's way of writing a cell has blanks, so that a cell is looked for before a scanner's name is.
        let error = match text.parse() {
            Ok(cell) => {
                return Ok(Self {
                    scanner: None,
                    cell,
                });
            }
            Err(error) => error,
        };
        let parts = text.trim().split_once(char::is_whitespace);
        let found = parts.and_then(|(word, rest)| Some((word, rest.parse().ok()?)));
        let Some((word, cell)) = found else {
            return Err(format!(
                "{error}; the name of a scanner may stand before it, such as 'bandit IF:SN'"
            ));
        };
        // As rules of --fail-if have it.
        let inner = word
            .strip_prefix('(')
            .and_then(|word| word.strip_suffix(')'));
        let name = inner.unwrap_or(word);
        Ok(Self {
            scanner: (name != COMBINED).then(|| name.to_owned()),
            cell,
        })
    }
}
