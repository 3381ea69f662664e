//! Differences between codes that nobody vouches for.

use fumehood::report::listing::Diff;

#[test]
fn differences_are_bounded_and_safe_to_show() {
    let diff = Diff::of("a\nb\nc\n", "a\nB\u{1b}[2J\u{202e}\nc\n");
    assert_eq!(
        diff.lines,
        [
            "--- before",
            "+++ after",
            "@@ -1,3 +1,3 @@",
            " a",
            "-b",
            "+B\\u{1b}[2J\\u{202e}",
            " c"
        ]
    );
    assert_eq!((diff.lines_left_out, diff.note.as_str()), (0, ""));
    assert_eq!(Diff::of("x", "x").note, "both are the same");
    let long = "x".repeat(100_000);
    assert!(Diff::of(&long, "y").note.contains("too long"));
    assert!(Diff::of("y", &"\n".repeat(5_000)).note.contains("too long"));
    let lines = |word: &str| {
        (0..1_500)
            .map(|at| format!("{word}{at}\n"))
            .collect::<String>()
    };
    let diff = Diff::of(&lines("a"), &lines("b"));
    assert_eq!((diff.lines.len(), diff.lines_left_out), (200, 3_003 - 200));
    let wide = Diff::of("", &format!("{}\r\n", "é\t".repeat(400)));
    assert!(
        wide.lines.iter().all(|line| line.chars().count() <= 160),
        "{wide:?}"
    );
    // No line can end the block that it stands in.
    assert!(wide.lines.iter().all(|line| !line.contains(['\n', '\r'])));
}
