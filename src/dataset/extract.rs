//! Code taken out of a model's answer, by one rule.
//!
//! A *fence* is a line that starts, after at most three spaces, with three or more backticks or
//! tildes; what follows on the line is its tag (a backtick fence whose tag holds a backtick is no
//! fence). A block reaches from a fence to the next fence of the same character that is at least as
//! long and has no tag, or to the end of the text.
//!
//! 1. No fence: the text is the code, unchanged.
//! 2. The text before the first fence is already code, because it defines the entry point or
//!    because it starts indented as the continuation of a function body. Then an even number of
//!    fences belongs to the code (to its string literals) and everything stays unchanged; an odd number
//!    means that the first one closes a block which the prompt had opened, and the code ends there.
//! 3. Otherwise the code is the first block that defines the entry point, else the longest block
//!    (the first of equals).

/// The code in `text`, an answer that should define `entry_point`.
pub fn code_of(text: &str, entry_point: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let fences: Vec<(usize, Fence<'_>)> = lines
        .iter()
        .enumerate()
        .filter_map(|(place, line)| Fence::of(line).map(|fence| (place, fence)))
        .collect();
    let Some((first, first_fence)) = fences.first() else {
        return text.to_owned();
    };
    let before = &lines[..*first];
    if defines(before, entry_point) || starts_indented(before) {
        return if fences.len() % 2 == 1 && first_fence.tag.is_empty() {
            before.concat()
        } else {
            text.to_owned()
        };
    }
    let blocks = blocks(&lines);
    let chosen = blocks
        .iter()
        .find(|block| defines(block, entry_point))
        .or_else(|| {
            // `max_by_key` would take the last of equals.
            blocks
                .iter()
                .rev()
                .max_by_key(|block| block.iter().map(|line| line.len()).sum::<usize>())
        });
    chosen.map(|block| block.concat()).unwrap_or_default()
}

struct Fence<'a> {
    mark: char,
    length: usize,
    indent: usize,
    tag: &'a str,
}

impl<'a> Fence<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        let mark = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let tag = rest.trim_start_matches(mark);
        let length = rest.len() - tag.len();
        let is_fence = indent <= 3 && length >= 3 && !(mark == '`' && tag.contains('`'));
        is_fence.then(|| Self {
            mark,
            length,
            indent,
            tag: tag.trim(),
        })
    }

    fn closes(&self, opening: &Fence<'_>) -> bool {
        self.mark == opening.mark && self.length >= opening.length && self.tag.is_empty()
    }
}

/// The blocks of `lines`, each without its fences and with the opening fence's indentation taken
/// off its lines.
fn blocks<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut blocks = Vec::new();
    let mut open: Option<(Fence<'_>, Vec<&'a str>)> = None;
    for line in lines {
        let fence = Fence::of(line);
        open = match (open.take(), fence) {
            (None, None) => None,
            (None, Some(fence)) => Some((fence, Vec::new())),
            (Some((opening, block)), Some(fence)) if fence.closes(&opening) => {
                blocks.push(block);
                None
            }
            (Some((opening, mut block)), _) => {
                let spaces = line.len() - line.trim_start_matches(' ').len();
                block.push(&line[spaces.min(opening.indent)..]);
                Some((opening, block))
            }
        };
    }
    blocks.extend(open.map(|(_, block)| block));
    blocks
}

fn defines(lines: &[&str], name: &str) -> bool {
    lines.iter().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("async").map_or(line, str::trim_start);
        line.strip_prefix("def")
            .filter(|rest| rest.starts_with([' ', '\t']))
            .and_then(|rest| rest.trim_start().strip_prefix(name))
            .is_some_and(|rest| rest.trim_start().starts_with('('))
    })
}

fn starts_indented(lines: &[&str]) -> bool {
    lines
        .iter()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, code: &str) {
        assert_eq!(code_of(text, "f"), code, "{text}");
    }

    #[test]
    fn text_without_fences_is_the_code() {
        check("def f(): pass", "def f(): pass");
        check("inline ```x``` only\r\n", "inline ```x``` only\r\n");
        check("    ```\nx\n    ```", "    ```\nx\n    ```");
        check("", "");
    }

    #[test]
    fn the_block_that_defines_the_entry_point_is_taken() {
        check(
            "Run:\n```sh\npip install a very long list of things\n```\nThen:\n```python\ndef f (x):\n    return x\n```\nBye",
            "def f (x):\n    return x\n",
        );
        check("~~~\nasync  def f(): 1\n~~~~\nend", "async  def f(): 1\n");
        check("````\n```\ndef f(): 1\n```\n````", "```\ndef f(): 1\n```\n");
    }

    #[test]
    fn else_the_longest_block_is_taken() {
        check("```\nfoo\n```\n```\ndef ff(): 1\n```\n", "def ff(): 1\n");
        check("```\na\n```\n```\nb\n```\n", "a\n");
        check("None.\n```\n```", "");
    }

    #[test]
    fn an_open_block_ends_with_the_text() {
        check(
            "Here:\n```python\ndef f():\n    return 1",
            "def f():\n    return 1",
        );
        check("```", "");
    }

    #[test]
    fn fences_inside_code_are_left_alone() {
        let code = "def f():\n    return '''\n```\nx\n```\n'''\n";
        check(code, code);
        let body = "    text = '''\n~~~\n'''\n    text += '''\n~~~\n'''\n";
        check(body, body);
    }

    #[test]
    fn a_closing_fence_ends_the_code() {
        check("    return 1\n```\nThis returns 1.", "    return 1\n");
        check(
            "def f(): 1\n```\nTry:\n```python\nf()\n```\n",
            "def f(): 1\n",
        );
    }

    #[test]
    fn an_indented_fence_takes_its_indentation_along() {
        check(
            "1. So:\n\n   ```\n   def f():\n       return 1\n  x\n   ```\n",
            "def f():\n    return 1\nx\n",
        );
    }

    proptest! {
        #[test]
        fn any_text_gives_code_and_bare_code_stays(
            text in "(([ ]{0,4}(```|~~~|````)(py)?|def f\\(|    x|\\PC{0,6}|)(\n|\r\n|\u{b}))*(```)?"
        ) {
            let code = code_of(&text, "f");
            prop_assert!(code.len() <= text.len());
            if !code.lines().any(|line| Fence::of(line).is_some()) {
                prop_assert_eq!(code_of(&code, "f"), code);
            }
        }
    }
}
