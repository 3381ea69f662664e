//! Code in answers of models: taken out of its fences, and made harmless for scanners.

use fumehood::dataset::extract::code_of;
use fumehood::scan::Language;
use fumehood::scan::neutral;

/// Code is never longer than the answer, its lines are the answer's, and what was taken out of bare
/// code is that code.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, text) = text.split_once('\n').unwrap_or(("f", &text));
    let code = code_of(text, name);
    assert!(code.len() <= text.len());
    for line in code.lines() {
        assert!(text.contains(line), "a line was made up: {line:?}");
    }
    let is_fence = |line: &str| {
        let line = line.trim_start_matches(' ');
        line.starts_with("```") || line.starts_with("~~~")
    };
    if !text.split_inclusive('\n').any(is_fence) {
        assert_eq!(code, text, "text without a fence is the code");
    }
    if !code.split_inclusive('\n').any(is_fence) {
        assert_eq!(code_of(&code, name), code, "bare code stays as it is");
    }
}

/// What tools understand as an order to look away. They look for these anywhere in a comment.
const ORDERS: [&str; 13] = [
    "nosec",
    "noqa",
    "nosem",
    "nosemgrep",
    "nosonar",
    "bearer:disable",
    "ruff:",
    "flake8:",
    "pylint:",
    "lgtm",
    "codeql",
    "pragma:",
    "/// script",
];

/// In the languages with other comments bytes and lines stay, and doing it twice changes nothing.
fn check_slashes(code: &str) {
    for language in [Language::C, Language::Cpp, Language::Go] {
        let neutral = neutral::neutralised(language, code);
        assert_eq!(neutral.len(), code.len());
        assert_eq!(language.lines(&neutral), language.lines(code));
        assert_eq!(neutral::neutralised(language, &neutral), neutral);
        // The plainest of comments holds no order.
        for line in neutral.split(['\n', '\r']) {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            for order in ["nosem", "nolint", "nosonar", "codeql", "nosec"] {
                assert!(
                    !comment.to_ascii_lowercase().contains(order),
                    "{order} stays"
                );
            }
        }
    }
}

/// Lines, columns and code stay; no order is left in a comment; doing it twice changes nothing.
pub(crate) fn check_neutral(data: &[u8]) {
    let code = String::from_utf8_lossy(data);
    check_slashes(&code);
    let neutralised = |code: &str| neutral::neutralised(Language::Python, code);
    let neutral = neutralised(&code);
    assert_eq!(neutral.len(), code.len());
    let before = code.split(['\n', '\r']);
    let after = neutral.split(['\n', '\r']);
    assert_eq!(before.clone().count(), after.clone().count());
    for (number, (before, after)) in before.zip(after).enumerate() {
        assert_eq!(before.len(), after.len());
        let (start, comment) = after.split_at(after.find('#').unwrap_or(after.len()));
        assert_eq!(before.get(..start.len()), Some(start), "code was changed");
        // As Unicode folds case: two letters outside of ASCII become ASCII.
        let comment: String = comment
            .to_lowercase()
            .chars()
            .map(|c| if c == '\u{17f}' { 's' } else { c })
            .collect();
        for order in ORDERS {
            assert!(!comment.contains(order), "{order} stays in {comment:?}");
        }
        let declares = ["coding:", "coding="];
        if number < 2 {
            assert!(!declares.iter().any(|word| comment.contains(word)));
        }
    }
    assert_eq!(neutralised(&neutral), neutral);
}
