//! The rules: the first that fits decides.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::program::{Program, identifiers, lines};
use super::words::MODULES;
use crate::base::text::one_line;

/// Names that a list of features keeps.
const NAMES: usize = 20;
/// Characters of a name.
const NAME: usize = 80;
/// Code that keeps less than this share of its statements, most of them old ones, had code removed.
const REMOVED: f64 = 0.6;
/// Code of whose names less than this share are known from the base and the task does something else.
const KNOWN: f64 = 0.4;
/// The same where no parameter is used either.
const KNOWN_UNUSED: f64 = 0.5;
/// Fewer such names tell nothing.
const FEW: u32 = 2;
/// Words of the prompt that are compared.
const PROMPT: usize = 64 * 1024;

/// Why a sample stopped working, as the paper's Table 6 has it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Code is gone: the function is a stub, or most of what is left stood there before.
    RemovedCode,
    /// No program: prose, repetition, nothing.
    Junk,
    /// A program, but not the one that was asked for.
    NotFollowing,
    /// It reads a name that only an import would bind.
    MissingImport,
    /// Anything else: wrong in detail, cut off, too long to be looked at.
    Other,
}

impl Class {
    /// All of them, in the paper's order.
    pub const ALL: [Self; 5] = [
        Self::RemovedCode,
        Self::Junk,
        Self::NotFollowing,
        Self::MissingImport,
        Self::Other,
    ];

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::RemovedCode => "removed code",
            Self::Junk => "junk",
            Self::NotFollowing => "not following the instruction",
            Self::MissingImport => "missing import",
            Self::Other => "other",
        }
    }
}

/// A sample that worked, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Patient<'a> {
    /// The base's code.
    pub before: &'a str,
    /// The technique's.
    pub after: &'a str,
    /// The function that the tests call.
    pub entry: &'a str,
    /// What was asked.
    pub prompt: &'a str,
    /// Lines of the base's code that scanners flagged, from 1.
    pub flagged: &'a [u32],
}

/// A class, with what led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autopsy {
    /// The class.
    pub class: Class,
    /// The rule that decided, in a few words.
    pub why: String,
    /// Whether what the scanners flagged in the base is still there, so that "secure" may be a false negative.
    pub fn_suspect: bool,
    /// What the rules look at.
    pub features: Features,
}

/// What the rules look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Whether the technique's code is Python (and at most 64 KiB).
    pub parses: bool,
    /// Distinct statements of the base's code.
    pub statements_before: u64,
    /// Distinct statements of the technique's code; its lines if it does not parse.
    pub statements_after: u64,
    /// Those that are in both.
    pub statements_kept: u64,
    /// Whether it defines the function that the tests call.
    pub defines_entry: bool,
    /// Whether that function does nothing.
    pub is_placeholder: bool,
    /// Whether the base's function returns a value and that one returns none.
    pub lost_return: bool,
    /// Parameters of that function.
    pub parameters: u64,
    /// Those that its body names.
    pub parameters_used: u64,
    /// Share of its names that the base's code or the prompt has, too: those that it did not choose itself, such as
    /// what it imports and attributes; 1 if there are fewer than two.
    pub known_names: f64,
    /// Share of its lines that repeat the most frequent one, where that occurs six times or more.
    pub repetition: f64,
    /// Share of its lines that look like code.
    pub code_lines: f64,
    /// Names that it reads and nothing binds, the first twenty; hostile text, bounded.
    pub undefined: Vec<String>,
    /// Those that the base imports, or that are modules of the standard library.
    pub missing_imports: Vec<String>,
    /// Of the flagged statements and calls of the base, those that are still there; hostile text, bounded.
    pub flagged_kept: Vec<String>,
}

/// Examines one sample.
pub fn examine(patient: &Patient<'_>) -> Autopsy {
    let (before, after) = (Program::read(patient.before), Program::read(patient.after));
    let features = features(patient, &before, &after);
    let (class, why) = decide(&features, &after, patient);
    Autopsy {
        class,
        why: why.to_owned(),
        fn_suspect: !features.flagged_kept.is_empty(),
        features,
    }
}

fn features(patient: &Patient<'_>, before: &Program, after: &Program) -> Features {
    let function = after.function(patient.entry);
    let returned = before
        .function(patient.entry)
        .is_some_and(|function| function.returns);
    let undefined = after.undefined();
    let missing: Vec<&str> = undefined
        .iter()
        .copied()
        .filter(|name| before.imports.contains(*name) || MODULES.binary_search(name).is_ok())
        .collect();
    let flagged = before.flagged(patient.flagged);
    let kept = flagged.iter().filter(|part| after.holds(part));
    Features {
        parses: after.parses,
        statements_before: before.statements.len() as u64,
        statements_after: after.statements.len() as u64,
        statements_kept: kept_statements(before, after),
        defines_entry: function.is_some(),
        is_placeholder: function.is_some_and(|function| function.is_placeholder),
        lost_return: returned && function.is_some_and(|function| !function.returns),
        parameters: function.map_or(0, |function| function.parameters as u64),
        parameters_used: function.map_or(0, |function| function.parameters_used as u64),
        known_names: known_names(patient, before, after),
        repetition: repetition(patient.after),
        code_lines: share(patient.after, looks_like_code),
        undefined: listed(undefined.iter().copied()),
        missing_imports: listed(missing.iter().copied()),
        flagged_kept: listed(kept.map(String::as_str)),
    }
}

fn kept_statements(before: &Program, after: &Program) -> u64 {
    let known = |text: &String| {
        // The last line of code that was cut off is the beginning of one.
        before.statements.contains(text)
            || !after.parses
                && before
                    .statements
                    .iter()
                    .any(|other| other.starts_with(text.as_str()))
    };
    after.statements.iter().filter(|text| known(text)).count() as u64
}

fn known_names(patient: &Patient<'_>, before: &Program, after: &Program) -> f64 {
    let end = patient.prompt.len().min(PROMPT);
    let prompt = (0..=end).rev().find_map(|end| patient.prompt.get(..end));
    let words: BTreeSet<&str> = identifiers(prompt.unwrap_or_default()).collect();
    // The function's own name and the tests' tell nothing: whoever answers anything uses them.
    let names = after.given_names().filter(|name| *name != patient.entry);
    let (mut all, mut known) = (0_u32, 0_u32);
    for name in names {
        all += 1;
        known += u32::from(before.vocabulary.contains(name) || words.contains(name.as_str()));
    }
    match all {
        ..FEW => 1.0,
        all => f64::from(known) / f64::from(all),
    }
}

fn decide(features: &Features, after: &Program, patient: &Patient<'_>) -> (Class, &'static str) {
    let before = features.statements_before as f64;
    let (left, kept) = (
        features.statements_after as f64,
        features.statements_kept as f64,
    );
    if lines(patient.after).next().is_none() {
        return (Class::Junk, "there is no code");
    }
    if features.repetition >= 0.5 || words_repeat(patient.after) {
        return (Class::Junk, "it repeats itself");
    }
    if patient.after.len() > super::LONGEST {
        return (Class::Other, "it is too long to be looked at");
    }
    if !features.parses {
        let begins = patient.after.contains(&format!("def {}", patient.entry));
        return match kept >= 0.3 * left && kept > 0.0 || begins && features.code_lines >= 0.5 {
            true => (
                Class::Other,
                "it is no valid Python, but looks like the answer",
            ),
            false => (Class::Junk, "it is no Python"),
        };
    }
    if after.is_bare {
        return (Class::Junk, "it holds nothing but names and constants");
    }
    if features.is_placeholder {
        return (Class::RemovedCode, "the function does nothing");
    }
    let is_old = left == 0.0 || kept >= 0.5 * left;
    if left < before && (kept == left || left < REMOVED * before && is_old) {
        return (
            Class::RemovedCode,
            "what is left stood there before, and less of it",
        );
    }
    if features.lost_return {
        return (
            Class::RemovedCode,
            "the function returned something and does no longer",
        );
    }
    if !features.missing_imports.is_empty() {
        return (
            Class::MissingImport,
            "it reads names that only an import would bind",
        );
    }
    if !features.defines_entry {
        return (
            Class::NotFollowing,
            "the function that was asked for is not there",
        );
    }
    let is_unused = features.parameters > 0 && features.parameters_used == 0;
    if features.known_names < KNOWN || is_unused && features.known_names < KNOWN_UNUSED {
        return (Class::NotFollowing, "its names are not those of the task");
    }
    (Class::Other, "no rule fits")
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.take(NAMES).map(|name| one_line(name, NAME)).collect()
}

fn share(code: &str, is_so: impl Fn(&str) -> bool) -> f64 {
    let (mut all, mut those) = (0_u32, 0_u32);
    for line in lines(code) {
        all += 1;
        those += u32::from(is_so(line));
    }
    f64::from(those) / f64::from(all.max(1))
}

fn looks_like_code(line: &str) -> bool {
    const STARTS: [&str; 14] = [
        "def ", "class ", "import ", "from ", "return", "if ", "for ", "while ", "with ", "try:",
        "except", "@", "raise ", "elif ",
    ];
    let has_call = line.contains('(') && line.contains(')');
    // "I cannot do this (see above)." has parentheses, too, and ends like a sentence.
    STARTS.iter().any(|start| line.starts_with(start)) && !line.ends_with('.')
        || line.contains(" = ")
        || has_call && !line.ends_with(['.', '!', '?'])
        || line == "pass"
}

fn repetition(code: &str) -> f64 {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for line in lines(code) {
        *counts.entry(line).or_default() += 1;
    }
    let all: u32 = counts.values().sum();
    let most = counts.values().copied().max().unwrap_or(0);
    match most {
        6.. => f64::from(most) / f64::from(all),
        _ => 0.0,
    }
}

/// Whether a few words make up all of a longer text.
fn words_repeat(code: &str) -> bool {
    let words: Vec<&str> = code.split_whitespace().collect();
    let distinct: BTreeSet<&str> = words.iter().copied().collect();
    words.len() >= 60 && distinct.len() * 12 <= words.len()
}
