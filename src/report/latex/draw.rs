//! How tables are drawn: with booktabs, each a float of its own with a caption and a label.

use std::collections::BTreeSet;

use super::escape::escape;
use crate::base::text::one_line;
use crate::report::sheet::Sheet;

/// Characters of a line of the head.
const COMMENT: usize = 400;

/// Columns from which on a table is set in smaller type, nearer together.
const WIDE: usize = 6;

/// What a file needs to be read with.
const NEEDED: &str = "\
%
% To be read with \\input. It needs, in the preamble:
%   \\usepackage[T1]{fontenc}
%   \\usepackage{booktabs}
% Characters that pdfLaTeX does not have are shown by their numbers. LuaLaTeX and XeLaTeX, which go without fontenc,
% show them in a font that has them, with
%   \\newcommand{\\fumehoodchar}[1]{\\symbol{\"#1}}
%
";

/// One table. Every text in it is LaTeX already.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) caption: String,
    /// The label without `tab:`; letters, digits and hyphens.
    pub(super) label: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Columns of numbers, set flush right.
    pub(super) numeric: BTreeSet<usize>,
    /// What stands below.
    pub(super) notes: Vec<String>,
}

impl Table {
    /// The cells of a sheet, without its remarks.
    pub(super) fn of(sheet: &Sheet, caption: String, label: String) -> Self {
        let escaped = |cells: &Vec<String>| cells.iter().map(|cell| escape(cell)).collect();
        Self {
            caption,
            label,
            header: sheet
                .header
                .iter()
                .map(|cell| escape(&capital(cell)))
                .collect(),
            rows: sheet.rows.iter().map(escaped).collect(),
            numeric: sheet.numeric.clone(),
            notes: Vec::new(),
        }
    }

    /// Takes a column out.
    pub(super) fn without_last_column(mut self) -> Self {
        let last = self.header.len().saturating_sub(1);
        for row in self.rows.iter_mut().chain([&mut self.header]) {
            row.truncate(last);
        }
        self
    }

    fn draw(&self, text: &mut String) {
        let columns: String = (0..self.header.len())
            .map(|column| {
                if self.numeric.contains(&column) {
                    'r'
                } else {
                    'l'
                }
            })
            .collect();
        let mut line = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        line("\n\\begin{table}");
        line("  \\centering");
        line(&format!("  \\caption{{{}}}", self.caption));
        line(&format!("  \\label{{tab:{}}}", self.label));
        if self.header.len() >= WIDE {
            line("  \\small\\setlength{\\tabcolsep}{3pt}");
        }
        line(&format!("  \\begin{{tabular}}{{@{{}}{columns}@{{}}}}"));
        line("    \\toprule");
        line(&format!("    {} \\\\", self.header.join(" & ")));
        line("    \\midrule");
        for row in &self.rows {
            line(&format!("    {} \\\\", row.join(" & ")));
        }
        line("    \\bottomrule");
        line("  \\end{tabular}");
        if !self.notes.is_empty() {
            line("  \\par\\smallskip");
            line("  \\begin{minipage}{\\linewidth}\\footnotesize");
            for note in &self.notes {
                line(&format!("    {note}.\\par"));
            }
            line("  \\end{minipage}");
        }
        line("\\end{table}");
    }
}

/// A whole file: what it needs, what it is about, and the tables that have rows.
pub(super) fn file(title: &str, facts: &[(&'static str, String)], tables: &[Table]) -> String {
    let comment = |line: &str| format!("% {}\n", one_line(line, COMMENT));
    let mut text = comment(title);
    text.push_str(&comment(&format!(
        "Written by fumehood {}.",
        env!("CARGO_PKG_VERSION")
    )));
    text.push_str(NEEDED);
    for (name, line) in facts {
        text.push_str(&comment(&format!("{name}: {line}")));
    }
    text.push_str("\\providecommand{\\fumehoodchar}[1]{U+#1}\n");
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        table.draw(&mut text);
    }
    text
}

/// A word of our own with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let is_word = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_lowercase());
    let mut text = text.to_owned();
    if let (true, Some(first)) = (is_word, text.get_mut(..1)) {
        first.make_ascii_uppercase();
    }
    text
}

/// A cell of the head in several lines; each of them is LaTeX already.
pub(super) fn stacked(lines: &[String]) -> String {
    match lines {
        [line] => line.clone(),
        lines => format!(
            "\\begin{{tabular}}[b]{{@{{}}r@{{}}}}{}\\end{{tabular}}",
            lines.join("\\\\")
        ),
    }
}

/// `text` as a part of a label.
pub(super) fn slug(text: &str) -> String {
    let plain = text.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
        _ => '-',
    });
    let slug: String = plain.take(40).collect();
    slug.trim_matches('-').to_owned()
}

/// A share in per cent, to two places.
pub(super) fn percent(share: f64) -> String {
    signed(&format!("{:.2}", 100.0 * share))
}

/// A change in percentage points, with its sign.
pub(super) fn points(change: f64) -> String {
    signed(&format!("{:+.2}", 100.0 * change))
}

/// An interval in brackets, its ends as `end` writes them.
pub(super) fn interval(low: f64, high: f64, end: fn(f64) -> String) -> String {
    format!("[{}, {}]", end(low), end(high))
}

/// The same number with a real minus; nothing below zero rounds to less than zero.
fn signed(number: &str) -> String {
    match number.split_at(1) {
        ("-" | "+", zero) if zero.bytes().all(|byte| matches!(byte, b'0' | b'.')) => {
            zero.to_owned()
        }
        ("-", digits) => format!("$-${digits}"),
        ("+", digits) => format!("$+${digits}"),
        _ => number.to_owned(),
    }
}
