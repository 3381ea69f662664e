//! How numbers and hostile text are written, the same in every report.

use super::summary::{About, Summary};
use crate::base::limits::{Limits, MIB};
use crate::metrics::{Coverage, Figure, Interval};
use crate::verdict::VerdictKind;

/// A share, to four places; `-` when there is none.
pub fn value(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

/// A figure's numerator and denominator: `430/1140`, `1.8000/2`.
pub fn ratio(figure: &Figure) -> String {
    let numerator = figure.numerator;
    // Sums of yes-or-no values are whole; sums of shares are shown as such.
    if numerator.fract() == 0.0 {
        format!("{numerator:.0}/{}", figure.denominator)
    } else {
        format!("{numerator:.4}/{}", figure.denominator)
    }
}

/// Samples known out of all.
pub fn coverage(coverage: Coverage) -> String {
    format!("{}/{}", coverage.known, coverage.total)
}

/// An interval, or nothing.
pub fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |interval| {
        format!("{:.4} to {:.4}", interval.low, interval.high)
    })
}

/// Everything that qualifies a figure, in one line; empty when nothing does.
pub fn notes(figure: &Figure) -> String {
    let mut notes = Vec::new();
    if figure.tasks_short > 0 {
        notes.push(format!(
            "{} left out: fewer than {} samples",
            plural(figure.tasks_short, "task"),
            figure.k
        ));
    }
    if let Some(range) = figure.unknown {
        notes.push(format!(
            "{} not analysed, counted as insecure; {:.4} if secure, {} without",
            plural(range.samples, "sample"),
            range.lenient,
            value(range.available)
        ));
    }
    if !figure.note.is_empty() {
        notes.push(figure.note.clone());
    }
    notes.join("; ")
}

/// A count with its noun: `1 task`, `2 tasks`.
pub fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A group's name as shown.
pub fn group_name(name: Option<&str>) -> &str {
    name.unwrap_or("(no group)")
}

/// A CWE as shown.
pub fn cwe(number: Option<u32>) -> String {
    number.map_or_else(|| "no CWE".to_owned(), |number| format!("CWE-{number}"))
}

/// The limits in one line.
pub fn limits(limits: &Limits) -> String {
    let size = |bytes: u64| {
        if bytes.is_multiple_of(MIB) {
            format!("{} MiB", bytes / MIB)
        } else {
            format!("{bytes} bytes")
        }
    };
    format!(
        "cpu {} s, wall {} s, memory {}, {} processes, output {}, files {} each, disk {} and {} \
         inodes, {} descriptors",
        limits.cpu.as_secs_f64(),
        limits.wall.as_secs_f64(),
        size(limits.memory),
        limits.processes,
        size(limits.output),
        size(limits.file_size),
        size(limits.disk),
        limits.inodes,
        limits.open_files
    )
}

/// What a verdict means, in a few words.
pub fn verdict_meaning(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Passed => "every case held",
        VerdictKind::Failed => "a case did not hold",
        VerdictKind::Error => "did not load, or raised outside a case",
        VerdictKind::Timeout => "used up its time",
        VerdictKind::Memory => "used up its memory",
        VerdictKind::Output => "printed too much",
        VerdictKind::Processes => "started too many processes",
        VerdictKind::Crashed => "ended by a signal",
        VerdictKind::Incomplete => "ended before its tests did",
        VerdictKind::Tampered => "interfered with its tests; earns nothing",
        VerdictKind::NoCode => "the model gave no code",
        VerdictKind::Infra => "our failure, not the model's; counts in no figure",
    }
}

/// What each metric of a summary measures: name and meaning, each metric once. The reports print
/// them below the figures.
pub fn meanings(summary: &Summary) -> Vec<(String, &'static str)> {
    let mut seen = Vec::new();
    let mut meanings = vec![
        (
            "sum / of".to_owned(),
            "what is divided to get the value, as said below for each figure",
        ),
        (
            "known".to_owned(),
            "samples that count and whose value is known / all samples",
        ),
        (
            "95 % interval".to_owned(),
            "Wilson's, where every task has one sample with a yes-or-no value; else from a bootstrap over tasks, none where they do not differ",
        ),
    ];
    for figure in summary.groups.iter().flat_map(|group| &group.figures) {
        if !seen.contains(&figure.metric) {
            seen.push(figure.metric);
            meanings.push((figure.metric.family().to_owned(), figure.metric.meaning()));
        }
    }
    meanings
}

/// What was evaluated and in what, as pairs of a heading and a line; may hold hostile text.
pub fn facts(about: &About) -> Vec<(&'static str, String)> {
    let list = |items: &[String]| {
        if items.is_empty() {
            "none".to_owned()
        } else {
            items.join(", ")
        }
    };
    let tools: Vec<String> = about
        .tools
        .iter()
        .map(|tool| match tool.version.as_str() {
            "" => format!("{} (missing)", tool.name),
            version => format!("{} {version}", tool.name),
        })
        .collect();
    let sandbox = &about.sandbox;
    let mut facts = vec![
        ("grading", about.grading.clone()),
        (
            "ground truth",
            if about.ground_truth_checked {
                "checked first; tasks whose own answer fails here are left out".to_owned()
            } else {
                "not checked: a task that cannot pass here counts against the model".to_owned()
            },
        ),
        ("security", about.policy.clone()),
        ("limits", limits(&about.limits)),
        (
            "sandbox",
            format!(
                "profile {}; layers: {}",
                sandbox.profile,
                list(&sandbox.layers)
            ),
        ),
        ("attestation", sandbox.attestation.clone()),
        ("tools", list(&tools)),
    ];
    if !sandbox.given_up.is_empty() {
        facts.insert(5, ("given up", list(&sandbox.given_up)));
    }
    facts.retain(|(_, line)| !line.is_empty());
    facts
}

/// `text` broken at spaces into lines of at most `width` characters, each but the first indented.
/// A longer word stays whole.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}
