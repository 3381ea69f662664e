//! The languages that scanners read: which files are of one, and the known answers in each.
//!
//! Three texts prove that a scanner did its work (`staging.rs`): the canary is known to be weak, the clean code is known
//! not to be, and the mark stands behind the last line of each sample. A scanner must report the mark that it chose.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A programming language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Python.
    Python,
    /// C.
    C,
    /// C++.
    Cpp,
    /// Go.
    Go,
}

/// Line of a call to a shell in Python's canary.
pub const CANARY_SHELL: u32 = 5;
/// Line of an `eval` in Python's canary.
pub const CANARY_EVAL: u32 = 6;
/// Line of an `open` of whatever path is given in Python's canary.
pub const CANARY_OPEN: u32 = 10;
/// Line of a call to a shell with what a request brought in Python's canary.
pub const CANARY_REQUEST: u32 = 20;
/// Line of an MD5 in Python's canary.
pub const CANARY_HASH: u32 = 28;
/// Line of an unbounded copy in the canary of C and C++.
pub const CANARY_COPY: u32 = 8;
/// Line of an index beyond its array in the canary of C and C++.
pub const CANARY_INDEX: u32 = 9;
/// Line of a call to a shell in the canary of C and C++.
pub const CANARY_SYSTEM: u32 = 10;
/// Line of a call of `gets` in the canary of C and C++.
pub const CANARY_GETS: u32 = 11;
/// Line of an MD5 in Go's canary.
pub const CANARY_MD5: u32 = 9;
/// Line of a command from outside in Go's canary.
pub const CANARY_COMMAND: u32 = 10;

const PYTHON_CANARY: &str = "\
import os


def canary(value):
    os.system(\"ls \" + value)
    return eval(value)


def read(path):
    with open(path) as file:
        return file.read()


def page():
    from flask import Flask, request
    app = Flask(__name__)

    @app.route(\"/\")
    def answer():
        os.system(\"ls \" + request.args[\"name\"])
        return \"\"

    return app


def digest(value):
    import hashlib
    return hashlib.md5(value).hexdigest()
";
const PYTHON_CLEAN: &str = "def add(left, right):\n    return left + right\n";

/// Python's mark for scanners that report a plain `assert`.
pub const ASSERT: &str = "assert True\n";
/// Python's mark for scanners of which nothing is known: weak code, which each must find.
pub const WEAK: &str = "\
def fumehood_mark(value):
    import os
    os.system(\"ls \" + value)
    return eval(value)
";
/// The mark of C and C++ for scanners that look for names. Like the others of C it begins with an empty line, which is what a
/// last line takes in that says it goes on.
pub const GETS: &str = "\nvoid fumehood_mark(char *mark) { gets(mark); }\n";
/// The mark of C and C++ for scanners that follow values.
pub const BEYOND: &str = "\nvoid fumehood_mark(void) { char mark[1]; mark[1] = 0; }\n";
/// The mark of Go. It needs no import, which could not stand at the end.
pub const CREDENTIAL: &str = "var fumehoodMarkPassword = \"bGV0bWVpbjEyMw1q2w3e4r5t\"\n";

const C_CANARY: &str = "\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void canary(const char *value)
{
    char name[8];
    strcpy(name, value);
    name[8] = 0;
    system(name);
    gets(name);
}
";
const C_CLEAN: &str = "int add(int left, int right)\n{\n    return left + right;\n}\n";

const GO_CANARY: &str = "\
package main

import (
	\"crypto/md5\"
	\"os/exec\"
)

func canary(name string) error {
	_ = md5.Sum([]byte(name))
	return exec.Command(\"sh\", \"-c\", name).Run()
}
";
const GO_CLEAN: &str =
    "package main\n\nfunc add(left, right int) int {\n\treturn left + right\n}\n";

impl Language {
    /// All languages.
    pub const ALL: [Self; 4] = [Self::Python, Self::C, Self::Cpp, Self::Go];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Go => "go",
        }
    }

    /// How its files end, the way in which they are staged first.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["py"],
            Self::C => &["c", "h"],
            Self::Cpp => &["cpp", "cc", "cxx", "hpp"],
            Self::Go => &["go"],
        }
    }

    /// The language of a file, by how its name ends.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        Self::ALL
            .into_iter()
            .find(|language| language.extensions().contains(&extension))
    }

    /// Code with known weaknesses, of which every scanner must find those that it looks for.
    pub const fn canary(self) -> &'static str {
        match self {
            Self::Python => PYTHON_CANARY,
            Self::C | Self::Cpp => C_CANARY,
            Self::Go => GO_CANARY,
        }
    }

    /// Code with no weakness at all.
    pub const fn clean(self) -> &'static str {
        match self {
            Self::Python => PYTHON_CLEAN,
            Self::C | Self::Cpp => C_CLEAN,
            Self::Go => GO_CLEAN,
        }
    }

    /// What stands behind each sample's last line, for most scanners of the language.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Python => ASSERT,
            Self::C | Self::Cpp => GETS,
            Self::Go => CREDENTIAL,
        }
    }

    /// Where a file of this name is staged below its folder. To Go a folder is one program, so that each file has its own.
    pub fn place(self, name: &str) -> String {
        match self {
            Self::Python => format!("{name}.py"),
            Self::C => format!("{name}.c"),
            Self::Cpp => format!("{name}.cpp"),
            Self::Go => format!("{name}/main.go"),
        }
    }

    /// How many lines `code` has, as those count who read the language: all know `\n`, and all but Go know `\r`, too.
    pub fn lines(self, code: &str) -> u32 {
        let bytes = code.as_bytes();
        let is_end = |at: usize| match bytes[at] {
            b'\n' => true,
            b'\r' => self != Self::Go && bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let ends = (0..bytes.len()).filter(|at| is_end(*at)).count();
        let is_open = bytes.last().is_some() && !is_end(bytes.len() - 1);
        u32::try_from(ends + usize::from(is_open)).unwrap_or(u32::MAX)
    }

    /// Whether what is written behind `code` stands on a line of its own. The marks of C begin with a `\n`, with which a `\r`
    /// would be one end.
    pub fn is_ended(self, code: &str) -> bool {
        code.ends_with('\n') || (self == Self::Python && code.ends_with('\r'))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_how_their_names_end() {
        for (name, language) in [
            ("a.py", Some(Language::Python)),
            ("deep/a.c", Some(Language::C)),
            ("a.h", Some(Language::C)),
            ("a.cc", Some(Language::Cpp)),
            ("a.cpp", Some(Language::Cpp)),
            ("a.cxx", Some(Language::Cpp)),
            ("a.hpp", Some(Language::Cpp)),
            ("a.py.go", Some(Language::Go)),
            ("a.rs", None),
            ("py", None),
            (".py", None),
        ] {
            assert_eq!(Language::of(Path::new(name)), language, "{name}");
        }
        for language in Language::ALL {
            let staged = language.place("x");
            assert_eq!(Language::of(Path::new(&staged)), Some(language));
        }
    }

    #[test]
    fn lines_are_counted_as_the_language_counts() {
        for (code, python, go) in [
            ("", 0, 0),
            ("x", 1, 1),
            ("x\n", 1, 1),
            ("x\r\ny\r\n", 2, 2),
            ("x\ry", 2, 1),
            ("x\r", 1, 1),
            ("\n\r", 2, 2),
            ("a\u{b}b\u{c}c\u{2028}d\n", 1, 1),
        ] {
            assert_eq!(Language::Python.lines(code), python, "{code:?}");
            assert_eq!(Language::C.lines(code), python, "{code:?}");
            assert_eq!(Language::Go.lines(code), go, "{code:?}");
        }
        for language in Language::ALL {
            assert!(language.mark().ends_with('\n'));
            let is_c = matches!(language, Language::C | Language::Cpp);
            assert_eq!(language.mark().starts_with('\n'), is_c);
        }
    }

    #[test]
    fn the_canaries_have_their_weaknesses_where_they_are_looked_for() {
        for (language, number, begin) in [
            (Language::Python, CANARY_SHELL, "os.system("),
            (Language::Python, CANARY_EVAL, "return eval("),
            (Language::Python, CANARY_OPEN, "with open("),
            (
                Language::Python,
                CANARY_REQUEST,
                "os.system(\"ls \" + request",
            ),
            (Language::Python, CANARY_HASH, "return hashlib.md5("),
            (Language::C, CANARY_GETS, "gets("),
            (Language::C, CANARY_COPY, "strcpy("),
            (Language::C, CANARY_INDEX, "name[8] = "),
            (Language::C, CANARY_SYSTEM, "system("),
            (Language::Go, CANARY_MD5, "_ = md5.Sum("),
            (Language::Go, CANARY_COMMAND, "return exec.Command("),
        ] {
            let line = language.canary().lines().nth(number as usize - 1).unwrap();
            assert!(line.trim().starts_with(begin), "{line}");
        }
    }
}
