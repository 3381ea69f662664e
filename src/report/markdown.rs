//! The summary as GitHub-flavoured Markdown.

use super::compare::CompareSummary;
use super::page::Page;
use super::sheet::Sheet;
use super::study::StudySummary;
use super::summary::Summary;

/// The report.
pub fn render(summary: &Summary) -> String {
    write(&Page::of(summary))
}

/// The scanners side by side.
pub fn render_study(study: &StudySummary) -> String {
    write(&Page::of_study(study))
}

/// Techniques against a base.
pub fn render_compare(summary: &CompareSummary) -> String {
    write(&Page::of_compare(summary))
}

fn write(page: &Page) -> String {
    let mut text = format!("# {}\n", escape(&page.title));
    for sheet in &page.sheets {
        text.push_str(&format!("\n## {}\n\n", escape(&sheet.title)));
        draw(sheet, &mut text);
        if !sheet.remarks.is_empty() {
            text.push('\n');
        }
        for remark in &sheet.remarks {
            item(&mut text, remark);
        }
    }
    for (title, lines) in &page.blocks {
        text.push_str(&format!("\n## {}\n\n", escape(title)));
        // Indented text ends at nothing that it could hold, as a fence would.
        for line in lines {
            text.push_str(&format!("    {line}\n"));
        }
    }
    let (title, meanings) = &page.meanings;
    text.push_str(&format!("\n## {title}\n\n"));
    for (name, meaning) in meanings {
        item(&mut text, &format!("{name}: {meaning}"));
    }
    text.push_str("\n## How it was run\n\n");
    for (name, line) in &page.facts {
        item(&mut text, &format!("{name}: {line}"));
    }
    text
}

fn item(text: &mut String, line: &str) {
    text.push_str(&format!("- {}\n", escape(line)));
}

fn draw(sheet: &Sheet, text: &mut String) {
    let row = |cells: &mut dyn Iterator<Item = String>| {
        let mut line = "|".to_owned();
        for cell in cells {
            line.push_str(&format!(" {cell} |"));
        }
        line.push('\n');
        line
    };
    text.push_str(&row(&mut sheet.header.iter().map(|cell| escape(cell))));
    text.push_str(&row(&mut (0..sheet.header.len()).map(|column| {
        let rule = if sheet.numeric.contains(&column) {
            "---:"
        } else {
            "---"
        };
        rule.to_owned()
    })));
    for cells in &sheet.rows {
        text.push_str(&row(&mut cells.iter().map(|cell| escape(cell))));
    }
}

/// `text` such that Markdown shows it as it is: no markup, no HTML, no cell or line ends, no links.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' | '\r' | '\t' => safe.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' => {
                safe.push('\\');
                safe.push(character);
            }
            // Addresses become links by themselves unless something stands in them.
            ':' if text[at..].starts_with("://") => safe.push_str("&#58;"),
            '.' if text[..at].to_ascii_lowercase().ends_with("www") => safe.push_str("&#46;"),
            '@' if is_host(&text[at + 1..]) => safe.push_str("&#64;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Whether `text` begins with what Markdown takes for a mail server.
fn is_host(text: &str) -> bool {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text[..end].contains('.')
}
