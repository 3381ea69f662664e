//! LaTeX tables: exact bytes for a small run, and hostile text that LaTeX has to set as it is.

#[path = "../support/latex.rs"]
mod tex;

use std::fs;

use fumehood::base::id::TaskId;
use fumehood::metrics::Facts;
use fumehood::report::latex::{escape, render};
use proptest::prelude::*;

use super::{HOSTILE, about, run, summary_of};

#[test]
fn latex_report_of_a_small_run() {
    let text = render(&summary_of(&run(), about()));
    let (head, tables) = text.split_once("\n\n").unwrap();
    for line in [
        "% example: 5 tasks, 4 samples",
        "%   \\usepackage{booktabs}",
        "%   \\usepackage[T1]{fontenc}",
        "% tools: bandit 1.0, ruff-s 1.0",
        "\\providecommand{\\fumehoodchar}[1]{U+#1}",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(tables.starts_with(FIGURES), "{tables}");
    for row in [
        "    timeout & 1 \\\\",
        "    ruff-s & 2 & 0 & 1 \\\\",
        "    bandit & CWE-78 & 2 \\\\",
    ] {
        assert!(tables.lines().any(|line| line == row), "{row} in {tables}");
    }
}

const FIGURES: &str = "\
\\begin{table}
  \\centering
  \\caption{example: 5 tasks, 4 samples. Values in per cent.}
  \\label{tab:example-figures}
  \\small\\setlength{\\tabcolsep}{3pt}
  \\begin{tabular}{@{}lrrrrr@{}}
    \\toprule
    Figure & \\% & 95\\,\\% interval & Sum / of & Tasks & Known \\\\
    \\midrule
    Pass@1 & 33.33 & [6.15, 79.23] & 1/3 & 3 & 3/4 \\\\
    Case pass rate (macro) & 53.33 &  & 1.6000/3 & 3 & 3/4 \\\\
    Case pass rate (micro) & 72.73 &  & 8/11 & 3 & 3/4 \\\\
    Secure@1 (bandit) & 66.67 & [20.77, 93.85] & 2/3 & 3 & 3/4 \\\\
    Secure@1 (ruff-s) & 66.67 & [20.77, 93.85] & 2/3 & 3 & 2/4 \\\\
    Secure@1 (combined) & 33.33 & [6.15, 79.23] & 1/3 & 3 & 2/4 \\\\
    Secure-Pass@1 & 33.33 & [6.15, 79.23] & 1/3 & 3 & 2/4 \\\\
    SAFE@1 & 33.33 &  & 1/3 & 3 & 2/4 \\\\
    \\bottomrule
  \\end{tabular}
  \\par\\smallskip
  \\begin{minipage}{\\linewidth}\\footnotesize
    Secure@1 (ruff-s): 1 sample not analysed, counted as insecure; 100.00 if secure, 100.00 without.\\par
";

fn in_groups() -> Vec<Facts> {
    let names = ["base", "sven", "[third]*", "fourth"];
    let mut facts = Vec::new();
    for (at, name) in names.iter().enumerate() {
        facts.extend(run().into_iter().map(|mut facts| {
            facts.sample.index = u32::try_from(at).unwrap();
            facts.in_group(Some((*name).to_owned()))
        }));
    }
    facts
}

#[test]
fn latex_sets_groups_side_by_side_with_a_label_for_each_table() {
    let text = render(&summary_of(&in_groups(), about()));
    for line in [
        "    Figure & {[}third{]}{*} & base & fourth \\\\",
        "    Figure & sven \\\\",
        "    Pass@1 & 33.33 [6.15, 79.23] & 33.33 [6.15, 79.23] & 33.33 [6.15, 79.23] \\\\",
        "  \\label{tab:example-figures}",
        "  \\label{tab:example-figures-2}",
        "  \\label{tab:example-verdicts-2}",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let mut labels: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("\\label"))
        .collect();
    let all = labels.len();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), all);
}

#[test]
fn each_special_character_has_its_way_of_being_set() {
    for (text, expected) in [
        ("a\\b", "a\\textbackslash{}b"),
        ("{%_#&$}", "\\{\\%\\_\\#\\&\\$\\}"),
        ("~^", "\\textasciitilde{}\\textasciicircum{}"),
        ("<|>", "\\textless{}\\textbar{}\\textgreater{}"),
        ("\"'`", "\\symbol{34}\\symbol{39}\\symbol{96}"),
        ("[*]", "{[}{*}{]}"),
        ("a--b-c,,", "a{-}-b-c{,},"),
        ("a\nb\tc", "a b c"),
        (
            "\u{1b}\u{202e}",
            "\\textbackslash{}u\\{1b\\}\\textbackslash{}u\\{202e\\}",
        ),
        ("naïve Łódź…", "naïve Łódź\\dots{}"),
        (
            "模型🙂",
            "\\fumehoodchar{6A21}\\fumehoodchar{578B}\\fumehoodchar{1F642}",
        ),
    ] {
        assert_eq!(escape(text), expected);
    }
}

/// What LaTeX would make of text, as far as `escape` uses it: the characters that it sets, or why it is no plain text.
fn as_set(latex: &str) -> Result<String, String> {
    const COMMANDS: [(&str, &str); 9] = [
        ("\\textbackslash{}", "\\"),
        ("\\textasciitilde{}", "~"),
        ("\\textasciicircum{}", "^"),
        ("\\textless{}", "<"),
        ("\\textgreater{}", ">"),
        ("\\textbar{}", "|"),
        ("\\dots{}", "…"),
        ("\\textendash{}", "–"),
        ("\\textemdash{}", "—"),
    ];
    let mut shown = String::new();
    let mut rest = latex;
    'next: while let Some(first) = rest.chars().next() {
        for (command, character) in COMMANDS {
            if let Some(after) = rest.strip_prefix(command) {
                shown.push_str(character);
                rest = after;
                continue 'next;
            }
        }
        for (command, radix) in [("\\symbol{", 10), ("\\fumehoodchar{", 16)] {
            if let Some(after) = rest.strip_prefix(command) {
                let (number, after) = after.split_once('}').ok_or("an open argument")?;
                let number = u32::from_str_radix(number, radix).map_err(|e| e.to_string())?;
                shown.push(char::from_u32(number).ok_or("no character")?);
                rest = after;
                continue 'next;
            }
        }
        let mut characters = rest.chars();
        characters.next();
        match first {
            '\\' => match characters.next() {
                Some(c) if "{}%_#&$".contains(c) => shown.push(c),
                other => return Err(format!("a command: {other:?}")),
            },
            '{' => {
                shown.push(characters.next().ok_or("an open group")?);
                if characters.next() != Some('}') {
                    return Err("a group".to_owned());
                }
            }
            c if "}%_#&$~^<>|\"'`[]*".contains(c) || c.is_control() => {
                return Err(format!("{c:?} as it is"));
            }
            c => {
                if matches!(c, '-' | ',') && characters.clone().next() == Some(c) {
                    return Err(format!("a ligature of {c}"));
                }
                shown.push(c);
            }
        }
        rest = characters.as_str();
    }
    Ok(shown)
}

proptest! {
    #[test]
    fn whatever_is_escaped_is_set_as_it_was(text in "(\\PC|[-,\\\\{}%_#&$~^<>|\"'`\\[\\]*\u{0}-\u{1f}\u{202e}]){0,40}") {
        let visible = fumehood::base::text::for_terminal(&text).replace(['\n', '\t'], " ");
        prop_assert_eq!(as_set(&escape(&text)), Ok(visible), "{}", escape(&text));
    }
}

#[test]
fn hostile_names_leave_latex_tables_whole() {
    let (_, text) = hostile();
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\r', '\u{0}']));
    let body: Vec<&str> = text.lines().filter(|line| !line.starts_with('%')).collect();
    let mut width = None;
    for line in &body {
        if line.ends_with(" \\\\") {
            let cells = line.replace("\\&", "").matches('&').count();
            assert_eq!(cells, *width.get_or_insert(cells), "{line}");
        } else if line.contains("\\begin{tabular}") {
            width = None;
        }
    }
    for begin in ["table", "tabular", "minipage"] {
        let lines = |word: &str| {
            let command = format!("\\{word}{{{begin}}}");
            body.iter().filter(|line| line.contains(&command)).count()
        };
        assert_eq!(lines("begin"), lines("end"), "{begin}");
    }
}

/// The report of a run in which every text is hostile.
fn hostile() -> (String, String) {
    let every: String = (' '..='~').collect();
    let ends = "\\end{tabular}\\input{/etc/passwd}\\\\[1cm] & % ^^5c ?` !` '' `` << -- ,, [x]";
    let letters: String = ('À'..='ž').collect();
    let names = [
        every,
        ends.to_owned(),
        letters[..letters.floor_char_boundary(70)].to_owned(),
        letters[letters.ceil_char_boundary(70)..]
            .chars()
            .rev()
            .collect(),
        HOSTILE.to_owned(),
        "[*]模型🙂 – — … αβγ\u{301}".to_owned(),
    ];
    let mut facts = Vec::new();
    for (at, name) in names.iter().enumerate() {
        facts.extend(run().into_iter().map(|mut facts| {
            facts.sample.task = TaskId(format!("{name}{}", facts.sample.task));
            facts.sample.index = u32::try_from(at).unwrap();
            facts.in_group(Some(name.clone()))
        }));
    }
    let mut about = about();
    about.dataset = names.concat();
    about.policy = names[1].clone();
    let mut summary = summary_of(&facts, about);
    for (figure, name) in summary.groups[0]
        .figures
        .iter_mut()
        .zip(names.iter().cycle())
    {
        figure.name.clone_from(name);
        figure.note.clone_from(name);
    }
    for (scanner, name) in summary.weaknesses.iter_mut().zip(names.iter().skip(1)) {
        scanner.scanner.clone_from(name);
    }
    (names.concat(), render(&summary))
}

#[test]
fn pdflatex_sets_hostile_tables_without_a_complaint() {
    if tex::is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (names, text) = hostile();
    fs::write(folder.path().join("tables.tex"), text).unwrap();
    let document = format!(
        "\\documentclass{{article}}\n\\usepackage[T1]{{fontenc}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n\
         \\listoftables\n\\input{{tables}}\nThe end of it: {}\n\\end{{document}}\n",
        escape(&names)
    );
    fs::write(folder.path().join("paper.tex"), document).unwrap();
    // Twice, since captions come back by a file of LaTeX's own.
    for _ in 0..2 {
        let said = tex::set(folder.path());
        let complaints = ["! ", "Missing character", "LaTeX Warning: Command"];
        assert!(!complaints.iter().any(|word| said.contains(word)), "{said}");
    }
}
