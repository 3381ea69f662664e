//! Which modules a program imports before any code of its own could observe what is imported.
//!
//! A warm interpreter has imported some modules before a job starts. A job cannot tell it from a cold one
//! if these are modules that the job itself imports first of all: in statements that stand before
//! everything that could look, and are certain to run. This file finds them in the text. It knows
//! little and errs to one side: at the first statement that it does not know to be quiet, or that it
//! cannot read with certainty, it stops. Of text that is no Python it may say anything, since no code
//! of it ever runs.

mod lexer;

use std::collections::BTreeSet;

use lexer::{Lexer, Token};

/// Modules that one job may name; more are left to be imported by the job.
const MOST: usize = 64;
/// Text that is read of one job.
const LONGEST: usize = 4 << 20;

/// The imports at the head of texts that are executed one after the other, in the order in which they
/// run, each once.
///
/// `package.module` stands for `import package.module`, and `package:name` for
/// `from package import name`, where the name may be a module or may not. A text is read on into the next
/// only if all that it does itself is quiet.
///
/// ```
/// use fumehood::harness::imports::leading;
///
/// let code = "import os\nfrom json import decoder as d\nLIMIT = 3\ndef f(x=LIMIT):\n    import csv\n";
/// let tests = "import unittest\nprint()\nimport pickle\n";
/// assert_eq!(leading(&[code, tests]), ["os", "json", "json:decoder", "unittest"]);
/// ```
pub fn leading(texts: &[&str]) -> Vec<String> {
    let mut found = Found::default();
    if texts.iter().map(|text| text.len()).sum::<usize>() <= LONGEST {
        for text in texts {
            if found.read(text).is_none() {
                break;
            }
        }
    }
    found.imports
}

#[derive(Default)]
struct Found {
    imports: Vec<String>,
    /// Names that stand for what `typing` has to subscribe.
    generics: BTreeSet<String>,
}

/// Names of builtins that may be subscribed.
const GENERICS: [&str; 6] = ["dict", "frozenset", "list", "set", "tuple", "type"];
/// Words that make an expression more than a value.
const KEYWORDS: [&str; 32] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
    "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];
const OPERATORS: [&str; 12] = [
    "+", "-", "*", "**", "/", "//", "%", "|", "&", "^", "<<", ">>",
];

impl Found {
    /// Reads one text; `None` when something in it is not known to be quiet.
    fn read(&mut self, text: &str) -> Option<()> {
        self.generics.clear();
        let mut lexer = Lexer::new(text);
        while let Some(line) = lexer.line()? {
            if line.is_own {
                self.line(&line.tokens)?;
            }
        }
        Some(())
    }

    /// A line of a module's own, with all statements in it.
    fn line(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        match tokens {
            [Token::Name("def"), ..] => return self.function(&tokens[1..]),
            [Token::Name("async"), Token::Name("def"), ..] => return self.function(&tokens[2..]),
            // No driver runs a text under this name, and no quiet statement gives it to one.
            [
                Token::Name("if"),
                Token::Name("__name__"),
                Token::Op("=="),
                Token::Text("__main__"),
                Token::Op(":"),
            ] => return Some(()),
            _ => {}
        }
        let mut depth = 0usize;
        let mut start = 0;
        for (place, token) in tokens.iter().enumerate() {
            match token {
                Token::Op("(" | "[" | "{") => depth += 1,
                Token::Op(")" | "]" | "}") => depth = depth.saturating_sub(1),
                Token::Op(";") if depth == 0 => {
                    self.statement(&tokens[start..place])?;
                    start = place + 1;
                }
                _ => {}
            }
        }
        self.statement(&tokens[start..])
    }

    fn statement(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        match tokens {
            [] | [Token::Name("pass")] => Some(()),
            [Token::Name("import"), rest @ ..] => self.import(rest),
            [Token::Name("from"), rest @ ..] => self.import_from(rest),
            _ if tokens.iter().all(|token| matches!(token, Token::Text(_))) => Some(()),
            _ => self.assignment(tokens),
        }
    }

    /// `a.b, c as d`
    fn import(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        for part in tokens.split(|token| matches!(token, Token::Op(","))) {
            let (module, rest) = dotted(part)?;
            match rest {
                [] => {}
                [Token::Name("as"), Token::Name(name)] => self.bind(name)?,
                _ => return None,
            }
            self.add(module)?;
        }
        Some(())
    }

    /// `a.b import c, d as e`, with or without parentheses
    fn import_from(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        let (module, rest) = dotted(tokens)?;
        let [Token::Name("import"), names @ ..] = rest else {
            return None;
        };
        let names = match names {
            [Token::Op("("), names @ .., Token::Op(","), Token::Op(")")]
            | [Token::Op("("), names @ .., Token::Op(")")] => names,
            names => names,
        };
        if module == "__future__" {
            return Some(());
        }
        if names == [Token::Op("*")] {
            // What names it binds is not known.
            self.add(module);
            return None;
        }
        let mut bound = Vec::new();
        for part in names.split(|token| matches!(token, Token::Op(","))) {
            let (name, own) = match part {
                [Token::Name(name)] => (name, name),
                [Token::Name(name), Token::Name("as"), Token::Name(own)] => (name, own),
                _ => return None,
            };
            bound.push((plain(name)?, *own));
        }
        self.add(module.clone())?;
        for (name, own) in bound {
            self.bind(own)?;
            if module == "typing" {
                self.generics.insert(own.to_owned());
            } else {
                self.add(format!("{module}:{name}"))?;
            }
        }
        Some(())
    }

    /// Adds an import; `None` once there are too many.
    fn add(&mut self, import: String) -> Option<()> {
        if !self.imports.contains(&import) {
            if self.imports.len() == MOST {
                return None;
            }
            self.imports.push(import);
        }
        Some(())
    }

    /// A name gets a value. Names by which Python itself goes are none of a quiet statement.
    fn bind(&mut self, name: &str) -> Option<()> {
        if KEYWORDS.contains(&name) || (name.starts_with("__") && name.ends_with("__")) {
            return None;
        }
        self.generics.remove(name);
        (!GENERICS.contains(&name)).then_some(())
    }

    /// `a = b = 3` or `a: int = 3` or `a: int`
    fn assignment(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        let [Token::Name(name), rest @ ..] = tokens else {
            return None;
        };
        let value = match rest {
            [Token::Op("="), value @ ..] => value,
            // Annotations of names make a dictionary of the module: they may be looked at.
            _ => return None,
        };
        let again = matches!(value, [Token::Name(_), Token::Op("="), ..]);
        let is_quiet = if again {
            self.assignment(value)
        } else {
            self.value(value)
        };
        is_quiet?;
        self.bind(name)
    }

    /// `name(parameters) -> annotation: body`
    fn function(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        let [Token::Name(name), Token::Op("("), rest @ ..] = tokens else {
            return None;
        };
        let mut depth = 1usize;
        let end = rest.iter().position(|token| {
            match token {
                Token::Op("(" | "[" | "{") => depth += 1,
                Token::Op(")" | "]" | "}") => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })?;
        self.parameters(&rest[..end])?;
        let mut after = &rest[end + 1..];
        if let [Token::Op("->"), annotation @ ..] = after {
            let mut depth = 0usize;
            let colon = annotation.iter().position(|token| {
                match token {
                    Token::Op("(" | "[" | "{") => depth += 1,
                    Token::Op(")" | "]" | "}") => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0 && matches!(token, Token::Op(":"))
            })?;
            self.value(&annotation[..colon])?;
            after = &annotation[colon..];
        }
        let [Token::Op(":"), ..] = after else {
            return None;
        };
        self.bind(name)
    }

    /// The parameters of a function, split at the commas and at what follows their names.
    fn parameters(&self, tokens: &[Token<'_>]) -> Option<()> {
        let mut depth = 0usize;
        let mut start = 0;
        for place in 0..=tokens.len() {
            match tokens.get(place) {
                Some(Token::Op("(" | "[" | "{")) => depth += 1,
                Some(Token::Op(")" | "]" | "}")) => depth = depth.saturating_sub(1),
                Some(Token::Op(",")) | None if depth == 0 => {
                    self.parameter(&tokens[start..place])?;
                    start = place + 1;
                }
                _ => {}
            }
        }
        Some(())
    }

    fn parameter(&self, tokens: &[Token<'_>]) -> Option<()> {
        let tokens = match tokens {
            [] | [Token::Op("*" | "/")] => return Some(()),
            [Token::Op("*" | "**"), rest @ ..] => rest,
            _ => tokens,
        };
        let [Token::Name(_), rest @ ..] = tokens else {
            return None;
        };
        match rest {
            [] => Some(()),
            [Token::Op("="), value @ ..] => self.value(value),
            [Token::Op(":"), rest @ ..] => {
                let equals = |token: &Token<'_>| matches!(token, Token::Op("="));
                let mut parts = rest.splitn(2, equals);
                self.value(parts.next()?)?;
                parts.next().map_or(Some(()), |value| self.value(value))
            }
            _ => None,
        }
    }

    /// Whether an expression is a literal, a name, or made of these by brackets. Names are only looked
    /// up; nothing that they stand for is asked to do anything, but what `typing` gives is
    /// subscribed.
    fn value(&self, tokens: &[Token<'_>]) -> Option<()> {
        let mut has_names = false;
        let mut has_operators = false;
        let mut before: Option<&Token<'_>> = None;
        for token in tokens {
            let follows_value = matches!(
                before,
                Some(Token::Name(_) | Token::Number | Token::Text(_) | Token::Op(")" | "]" | "}"))
            );
            match token {
                Token::Name("True" | "False" | "None") | Token::Number if !follows_value => {}
                Token::Text(_) if !follows_value || matches!(before, Some(Token::Text(_))) => {}
                Token::Name(name) if !follows_value && !KEYWORDS.contains(name) => has_names = true,
                Token::Op("[") if follows_value => match before {
                    Some(Token::Name(name))
                        if GENERICS.contains(name) || self.generics.contains(*name) => {}
                    _ => return None,
                },
                Token::Op("(" | "[" | "{") if !follows_value => {}
                Token::Op(")" | "]" | "}" | "," | ":" | "...") => {}
                Token::Op(operator) if OPERATORS.contains(operator) => has_operators = true,
                _ => return None,
            }
            before = Some(token);
        }
        (!(tokens.is_empty() || has_names && has_operators)).then_some(())
    }
}

/// The dotted name at the head of tokens, and the rest.
fn dotted<'t, 's>(tokens: &'t [Token<'s>]) -> Option<(String, &'t [Token<'s>])> {
    let [Token::Name(first), rest @ ..] = tokens else {
        return None;
    };
    let mut rest = rest;
    let mut module = plain(first)?.to_owned();
    while let [Token::Op("."), Token::Name(next), more @ ..] = rest {
        module.push('.');
        module.push_str(plain(next)?);
        rest = more;
    }
    Some((module, rest))
}

/// A name that means what it says: others are normalised before they are looked up.
fn plain(name: &str) -> Option<&str> {
    (name.is_ascii() && !KEYWORDS.contains(&name) && name.len() <= 100).then_some(name)
}

#[cfg(test)]
mod tests;
