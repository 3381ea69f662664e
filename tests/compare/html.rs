//! The comparison as a page: whole, by itself, nobody else's markup, and the numbers of the JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fumehood::autopsy::{Patient, examine_all};
use fumehood::metrics::paired::{Pair, State};
use fumehood::report::CompareSummary;
use fumehood::report::html::render_compare;
use fumehood::report::listing::{Diff, Failures};
use serde_json::Value;

use super::command::{compare, fumehood, refused, text, write_run};
use super::scanners::{AFTER, BEFORE, Row, scanned, write_scanned};

const EVIL: &str = "</style></script></pre><script>alert(1)</script><img src=x onerror=\"a\" href='javascript:1'>&lt;\u{1b}[31m\u{202e}";

/// A base and two techniques of one run, with the samples behind a cell.
fn found(home: &Path) -> CompareSummary {
    let mut records = scanned(Some("plain"), &BEFORE);
    for (at, (name, rows)) in [("SVEN", &AFTER), ("same", &BEFORE)].iter().enumerate() {
        let mut others = scanned(Some(name), *rows);
        for record in &mut others {
            if let fumehood::journal::Record::Verdict(verdict) = record {
                verdict.sample.index = at as u32 + 1;
            }
        }
        records.extend(others);
    }
    write_scanned(home, "run", &records);
    let arguments = ["run", "--base", "plain", "--list", "bandit **:**"];
    serde_json::from_value(compare(home, 0, &arguments)).unwrap()
}

/// The same with texts in every place where a stranger's may stand.
fn dressed(mut summary: CompareSummary, word: &str) -> CompareSummary {
    let failures = || {
        let patient = Patient {
            before: "x = 1",
            after: word,
            entry: "f",
            prompt: word,
            flagged: &[],
        };
        let id = |index| fumehood::base::id::SampleId {
            task: word.into(),
            index,
        };
        let pair = Pair {
            base: id(0),
            technique: id(1),
            before: State::ALL[2],
            after: State::ALL[1],
        };
        Failures::of(&[pair], examine_all(&[patient]))
    };
    word.clone_into(&mut summary.base.name);
    summary
        .differences
        .push(fumehood::report::compare::Difference {
            technique: word.to_owned(),
            part: word.to_owned(),
            base: word.to_owned(),
            other: word.to_owned(),
        });
    for technique in &mut summary.techniques {
        word.clone_into(&mut technique.side.name);
        let named = technique.scanner_transitions.iter_mut();
        named.for_each(|one| word.clone_into(&mut one.scanner));
        let weaknesses = technique.weaknesses.as_mut().unwrap();
        for one in &mut weaknesses.scanners {
            word.clone_into(&mut one.scanner);
        }
        for one in &mut weaknesses.changes {
            word.clone_into(&mut one.scanner);
            one.name = Some(word.to_owned());
        }
        technique.failures = Some(failures());
        let listing = technique.listing.as_mut().unwrap();
        listing.scanner = Some(word.to_owned());
        for pair in &mut listing.pairs {
            word.clone_into(&mut pair.task);
            pair.base.sample_id = Some(word.to_owned());
            pair.base.findings = vec![word.to_owned()];
            pair.diff = Some(Diff::of("a\n", &format!("{word}\n")));
        }
    }
    summary
}

/// Every tag of a page with its attributes, as they stand.
fn tags(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split('<').skip(1);
    parts
        .map(|part| {
            let inner = part.split_once('>').map_or(part, |(inner, _)| inner);
            inner.split_once(' ').unwrap_or((inner, ""))
        })
        .collect()
}

#[test]
fn what_strangers_wrote_is_never_markup() {
    let home = tempfile::tempdir().unwrap();
    let summary = found(home.path());
    let evil = render_compare(&dressed(summary.clone(), EVIL));
    let tame = render_compare(&dressed(summary, "tame"));
    let names = |page: &str| -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (name, _) in tags(page) {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        counts
    };
    // The same tags as often, whatever the words are.
    assert_eq!(names(&evil), names(&tame));
    assert_eq!(names(&evil)["script"], 1);
    for raw in ["onerror=\"", "<img", "javascript:1'>", "\u{1b}", "\u{202e}"] {
        assert_eq!(evil.matches(raw).count(), 0, "{raw}");
    }
    assert!(evil.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn a_page_is_whole_and_needs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let summary = dressed(found(home.path()), "word");
    let page = render_compare(&summary);
    for outside in [
        "http://",
        "https://",
        "src=",
        "url(",
        "@import",
        "<link",
        "<iframe",
        " style=\"",
        "onclick",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("script-src 'sha256-"));
    assert_eq!(page, render_compare(&summary), "the same each time");
    let mut open: Vec<&str> = Vec::new();
    for (tag, attributes) in tags(&page) {
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if ["!DOCTYPE", "meta"].contains(&tag) => {}
            None => open.push(tag),
        }
        // A second attribute of a name is passed over by browsers, and what it says is lost.
        let names: Vec<&str> = attributes
            .split("=\"")
            .filter_map(|part| part.rsplit(['"', ' ']).next())
            .filter(|name| !name.is_empty())
            .collect();
        let distinct: BTreeSet<&&str> = names.iter().collect();
        let is_meta = tag == "meta" || tag == "!DOCTYPE";
        assert!(
            is_meta || distinct.len() == names.len(),
            "{tag} {attributes}"
        );
    }
    assert_eq!(open, [""; 0]);
}

/// The text of a page's part from one mark to the next.
fn between<'t>(page: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("{start}"));
    rest.split_once(end)
        .unwrap_or_else(|| panic!("{end} behind {start}"))
        .0
}

#[test]
fn charts_show_the_numbers_of_the_json() {
    let home = tempfile::tempdir().unwrap();
    let summary = found(home.path());
    let page = render_compare(&summary);
    let sven = &summary.techniques[0];
    assert_eq!(sven.side.name, "SVEN");
    let forest = between(&page, "Changes against plain", "</section>");
    let bars = between(&page, "Figures before and after", "</section>");
    for delta in &sven.deltas {
        let Some(strict) = delta.strict.filter(|_| delta.k == 1) else {
            continue;
        };
        let said = format!("aria-label=\"{}: {:+.4},", delta.name, strict.delta);
        let is_shown = delta.name != "Case pass rate (micro)";
        assert_eq!(forest.contains(&said), is_shown, "{said}");
        if delta.name.starts_with("Case") {
            continue;
        }
        let group = between(bars, &format!("<h3>{}</h3>", delta.name), "</div>");
        for (side, value) in [("plain", strict.base), ("SVEN", strict.technique)] {
            let said = format!("aria-label=\"{side}: {value:.4}\"");
            assert!(group.contains(&said), "{said} in {group}");
            let width = format!("width=\"{:.2}\"", 100.0 * value);
            assert!(group.contains(&width), "{width} in {group}");
        }
    }
    // Secure@1 by scanner comes before what works as well, as in the paper.
    let order = [
        "Secure@1 (bandit)",
        "Secure@1 (ruff-s)",
        "Secure@1 (combined)",
        "Pass@1",
        "Secure-Pass@1",
        "SAFE@1",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|name| bars.find(&format!("<h3>{name}</h3>")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");

    let weak = between(
        &page,
        "<h2>Samples by weakness, before and after",
        "</section>",
    );
    let bandit = between(weak, "<b>bandit</b>", "</details>");
    let os_commands = between(bandit, "<h3>CWE-78: ", "</div>");
    // Over other pairs the base has another count, and a bar for each.
    for said in [
        "plain, beside SVEN: 2",
        "SVEN: 0",
        "plain, beside same: 3",
        "same: 3",
    ] {
        assert!(
            os_commands.contains(&format!("aria-label=\"{said}\"")),
            "{said} in {os_commands}"
        );
    }
    // One that ruff-s found on neither side of a technique is a bar without length.
    assert!(between(weak, "<b>ruff-s</b>", "</details>").contains("CWE-22"));
}

#[test]
fn transitions_are_heat_tables() {
    let home = tempfile::tempdir().unwrap();
    let summary = found(home.path());
    let page = render_compare(&summary);
    let section = between(&page, "What became of the samples", "<h2>Transitions: P(");
    let bandit = between(section, "<h3>bandit</h3>", "</table>");
    let callout = between(section, "<h3>bandit</h3>", "</p>");
    assert!(
        callout.contains("not monotonic") && callout.contains("1 of 2 samples"),
        "{callout}"
    );
    assert!(callout.contains("--list 'bandit S*:I*'"), "{callout}");
    let rows: Vec<&str> = bandit.split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), 4);
    let matrix = &summary.techniques[0].scanner_transitions[0]
        .transitions
        .matrix;
    for (row, counts) in rows
        .iter()
        .zip([&matrix[0], &matrix[1], &matrix[2], &matrix[3]])
    {
        let shown: Vec<u64> = row
            .split("<b>")
            .skip(1)
            .map(|cell| cell.split_once("</b>").unwrap().0.parse().unwrap())
            .collect();
        assert_eq!(shown, counts[..4], "{row}");
    }
    // Half of them: the fifth of ten shades, and framed since security was lost.
    assert!(
        rows[0].contains("<td class=\"number h5 lost\"><b>1</b>"),
        "{}",
        rows[0]
    );
    assert!(
        rows[2].contains("<td class=\"number h5\"><b>1</b>"),
        "{}",
        rows[2]
    );
    assert_eq!(bandit.matches("lost").count(), 1);
    // Nothing was lost where nothing changed.
    let same = between(section, "<h3>same</h3>", "By scanner");
    let same = same.split_once("before \\ after").unwrap().0;
    assert!(!same.contains("monotonic"), "{same}");
}

#[test]
fn the_scale_has_no_change_in_its_middle() {
    let home = tempfile::tempdir().unwrap();
    let rows = |works: usize| -> Vec<Row<'static>> {
        const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let all = NAMES.iter().enumerate();
        all.map(|(at, name)| (*name, at < works, [(&[][..], true); 2]))
            .collect()
    };
    write_scanned(home.path(), "all", &scanned(None, &rows(8)));
    write_scanned(home.path(), "half", &scanned(None, &rows(4)));
    let places = |sides: [&str; 2]| -> BTreeMap<String, f64> {
        let found = compare(home.path(), 0, &sides);
        let page = render_compare(&serde_json::from_value(found).unwrap());
        let forest = between(&page, "Changes against", "</section>").to_owned();
        let rows = forest.split("aria-label=\"").skip(1);
        rows.map(|row| {
            let name = row.split_once(':').unwrap().0.to_owned();
            let dot = between(row, "<line class=\"dot\" x1=\"", "\"");
            (name, dot.parse().unwrap())
        })
        .collect()
    };
    let (there, back) = (places(["all", "half"]), places(["half", "all"]));
    assert!(
        there["Pass@1"] < 50.0 && back["Pass@1"] > 50.0,
        "{there:?} {back:?}"
    );
    assert_eq!(there["Secure@1 (bandit)"], 50.0);
    for (name, place) in &there {
        assert!(
            (place + back[name] - 100.0).abs() < 0.011,
            "{name}: {place}"
        );
    }
}

#[test]
fn differences_are_coloured_line_by_line() {
    let home = tempfile::tempdir().unwrap();
    let mut summary = found(home.path());
    let listing = summary.techniques[0].listing.as_mut().unwrap();
    listing.pairs.truncate(3);
    listing.pairs[0].diff = Some(Diff::of("keep\n-- old <b>\n", "keep\n++ new\n@@ here\n"));
    listing.pairs[1].diff = Some(Diff::of("same\n", "same\n"));
    let page = render_compare(&summary);
    let shown = between(&page, "SVEN: samples behind bandit **:**", "</section>");
    let lines: Vec<&str> = between(shown, "<pre class=\"diff\">", "</pre>")
        .lines()
        .collect();
    assert_eq!(
        lines,
        [
            "<span class=\"head\">--- before</span>",
            "<span class=\"head\">+++ after</span>",
            "<span class=\"head\">@@ -1,2 +1,3 @@</span>",
            "<span> keep</span>",
            "<span class=\"del\">--- old &lt;b&gt;</span>",
            "<span class=\"add\">+++ new</span>",
            "<span class=\"add\">+@@ here</span>",
        ]
    );
    assert!(shown.contains("both are the same"));
    assert!(shown.contains("the samples were not given"));
    assert!(
        shown.contains("and 3 more; --list-limit shows them"),
        "{shown}"
    );
    assert_eq!(shown.matches("<details open>").count(), 1);
}

#[test]
fn many_techniques_are_not_all_drawn() {
    let home = tempfile::tempdir().unwrap();
    let mut summary = found(home.path());
    let one = summary.techniques[0].clone();
    summary.techniques = (0..10)
        .map(|at| {
            let mut technique = one.clone();
            technique.side.name = format!("technique {at}");
            technique
        })
        .collect();
    let page = render_compare(&summary);
    let bars = between(&page, "Figures before and after", "</section>");
    assert!(bars.contains("technique 7") && !bars.contains("technique 8"));
    assert!(
        bars.contains("and 2 techniques more, in the tables"),
        "{bars}"
    );
    assert!(page.contains("<h2>technique 9: figures</h2>"));
}

#[test]
fn the_command_writes_a_file_and_prints_nothing() {
    let home = tempfile::tempdir().unwrap();
    write_scanned(home.path(), "base", &scanned(None, &BEFORE));
    write_scanned(home.path(), "after", &scanned(Some("SVEN"), &AFTER));
    let asked = ["compare", "base", "after", "--quiet", "--html", "out.html"];
    let output = fumehood(home.path(), &asked);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    let page = fs::read_to_string(home.path().join("out.html")).unwrap();
    let json: Value = compare(home.path(), 0, &["base", "after"]);
    assert_eq!(page, render_compare(&serde_json::from_value(json).unwrap()));
    // A regression is told all the same, by the exit code and at the top of the page.
    let output = fumehood(
        home.path(),
        &[&asked[..], &["--fail-if", "pass drops 0.1"]].concat(),
    );
    assert_eq!(output.status.code(), Some(9));
    let said = text(&output.stderr);
    assert_eq!(said, "failed: --fail-if 'pass@1 drops 0.1': after\n");
    let page = fs::read_to_string(home.path().join("out.html")).unwrap();
    let (before, _) = page.split_once("Changes against").unwrap();
    assert!(before.contains("Regression rules") && before.contains("FAILED"));
    let said = refused(
        home.path(),
        2,
        &["base", "after", "--html", "x", "--markdown"],
    );
    assert!(said.contains("--markdown"), "{said}");
    let output = fumehood(
        home.path(),
        &["compare", "base", "after", "--html", "no/where.html"],
    );
    assert!(!output.status.success() && text(&output.stderr).contains("no/where.html"));
}

/// What nobody can tell is not drawn.
#[test]
fn runs_without_scanners_have_a_page_without_security() {
    let home = tempfile::tempdir().unwrap();
    for name in ["base", "after"] {
        write_run(home.path(), name, &scanned(None, &BEFORE), |manifest| {
            manifest.identity.scanners.clear();
        });
    }
    let found = compare(home.path(), 0, &["base", "after"]);
    let page = render_compare(&serde_json::from_value(found).unwrap());
    let titles: Vec<&str> = page
        .split("<h2>")
        .skip(1)
        .map(|rest| rest.split_once("</h2>").unwrap().0)
        .collect();
    assert_eq!(
        titles,
        [
            "Changes against base",
            "Figures before and after",
            "after: figures",
            "What the numbers mean",
            "How it was run",
        ]
    );
}
