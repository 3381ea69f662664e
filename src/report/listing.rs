//! The samples behind a cell of the transitions, and why samples stopped working: the paper's Table 6.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;

use crate::autopsy::{Autopsy, Class};
use crate::base::digest::Digest;
use crate::base::text::{for_terminal, one_line};
use crate::metrics::paired::Pair;
use crate::verdict::VerdictKind;

/// Bytes of a code that is compared line by line.
const COMPARED: usize = 64 * 1024;
/// Lines of a code that is compared line by line: in the worst case the work grows with their square.
const COMPARED_LINES: usize = 2_000;
/// Lines of a difference that are shown.
const LINES: usize = 200;
/// Characters of a line.
const LINE: usize = 160;
/// Lines that stand around a change.
const CONTEXT: usize = 3;
/// Samples of a class that are listed.
const EXAMPLES: usize = 1_000;
/// Characters of a name.
const NAME: usize = 200;

/// The samples behind a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The scanner by whose judgement samples are in the cell; `None` for all together.
    pub scanner: Option<String>,
    /// The cell, as `--list` takes it.
    pub cell: String,
    /// Pairs of samples in it.
    pub count: u64,
    /// The first of them, by task and sample.
    pub pairs: Vec<ListedPair>,
}

/// Two samples that are partners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedPair {
    /// The task; hostile text, bounded.
    pub task: String,
    /// What the base's sample was, such as `I&F`.
    pub before: String,
    /// What the technique's is.
    pub after: String,
    /// The base's sample.
    pub base: ListedSample,
    /// The technique's sample.
    pub technique: ListedSample,
    /// What changed from one code to the other, where both were given.
    pub diff: Option<Diff>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedSample {
    /// Its place among the samples of its task.
    pub sample: u32,
    /// Line of the sample file.
    pub line: u64,
    /// The file's own name for it; hostile text, bounded.
    pub sample_id: Option<String>,
    /// Digest of its code.
    pub code: Digest,
    /// Its verdict.
    pub verdict: VerdictKind,
    /// The findings that count, such as `bandit B324, line 8`; the first ten; hostile text, bounded.
    pub findings: Vec<String>,
}

/// A unified difference; hostile text, every line bounded, with control characters made visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diff {
    /// Its lines.
    pub lines: Vec<String>,
    /// Lines that are left out.
    pub lines_left_out: u64,
    /// Why there is none, empty where there is.
    pub note: String,
}

/// Samples that became secure and stopped working, by class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// All of them.
    pub samples: u64,
    /// By class, in the paper's order.
    pub classes: Vec<ClassCount>,
    /// Each of them with what led to its class, the first thousand.
    pub examined: Vec<Examined>,
}

/// Samples of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassCount {
    /// The class.
    pub class: Class,
    /// How many.
    pub samples: u64,
    /// Those of them in which something that was flagged before is still there.
    pub fn_suspect: u64,
}

/// One sample with its class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Examined {
    /// The task; hostile text, bounded.
    pub task: String,
    /// The base's sample.
    pub base: u32,
    /// The technique's sample.
    pub technique: u32,
    /// Class, reason and features.
    pub autopsy: Autopsy,
}

impl Failures {
    /// Of these samples.
    pub fn of(pairs: &[Pair], autopsies: Vec<Autopsy>) -> Self {
        let classes = Class::ALL.map(|class| {
            let those = autopsies.iter().filter(|autopsy| autopsy.class == class);
            ClassCount {
                class,
                samples: those.clone().count() as u64,
                fn_suspect: those.filter(|autopsy| autopsy.fn_suspect).count() as u64,
            }
        });
        Self {
            samples: autopsies.len() as u64,
            classes: classes.into(),
            examined: pairs
                .iter()
                .zip(autopsies)
                .take(EXAMPLES)
                .map(|(pair, autopsy)| Examined {
                    task: one_line(pair.base.task.as_str(), NAME),
                    base: pair.base.index,
                    technique: pair.technique.index,
                    autopsy,
                })
                .collect(),
        }
    }
}

impl Diff {
    /// From one code to another.
    pub fn of(before: &str, after: &str) -> Self {
        let is_long = |code: &str| code.len() > COMPARED || code.lines().count() > COMPARED_LINES;
        let without = |note: &str| Self {
            lines: Vec::new(),
            lines_left_out: 0,
            note: note.to_owned(),
        };
        if before == after {
            return without("both are the same");
        }
        if is_long(before) || is_long(after) {
            return without("the code is too long to be compared");
        }
        let diff = TextDiff::from_lines(before, after);
        let text = diff
            .unified_diff()
            .context_radius(CONTEXT)
            .header("before", "after")
            .to_string();
        let mut lines: Vec<String> = text.lines().map(bounded).collect();
        let left_out = lines.split_off(lines.len().min(LINES)).len() as u64;
        Self {
            lines,
            lines_left_out: left_out,
            note: String::new(),
        }
    }
}

/// A line as it is, blanks at its start included, but bounded and without what could steer a terminal.
fn bounded(line: &str) -> String {
    let safe = for_terminal(line).replace('\t', "    ");
    if safe.chars().count() <= LINE {
        return safe;
    }
    let mut cut: String = safe.chars().take(LINE - 1).collect();
    cut.push('…');
    cut
}
