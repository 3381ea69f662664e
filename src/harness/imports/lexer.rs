//! Python's logical lines: where statements begin, and what stands in those of the module itself.
//!
//! Strings and brackets are followed exactly, of everything else no more than is needed. What valid
//! programs do not have ends the reading.

/// How deep brackets may nest; Python's own limit.
const DEEPEST: usize = 200;
/// How deep strings may nest in the fields of strings.
const DEEPEST_FIELD: usize = 6;

/// One token of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// A name or a keyword.
    Name(&'s str),
    /// A number.
    Number,
    /// A string without fields, with what stands between its quotes.
    Text(&'s str),
    /// A string with fields, which are code.
    Format,
    /// An operator or a bracket.
    Op(&'s str),
}

/// One logical line.
#[derive(Debug)]
pub(super) struct Line<'s> {
    /// Whether it starts in the first column: a statement of the module itself.
    pub(super) is_own: bool,
    /// Its tokens, if it does.
    pub(super) tokens: Vec<Token<'s>>,
}

/// Reads lines.
pub(super) struct Lexer<'s> {
    text: &'s str,
    place: usize,
}

/// Operators of several characters, the longest first.
const LONG: [&str; 24] = [
    "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "->", ":=", "==", "!=", "<=", ">=",
    "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=",
];
const SHORT: &str = "()[]{},:;.=+-*/%&|^~<>@";

impl<'s> Lexer<'s> {
    pub(super) fn new(text: &'s str) -> Self {
        Self { text, place: 0 }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.place..).unwrap_or("")
    }

    /// The next line; `Some(None)` at the end, `None` where the text cannot be read on.
    #[allow(
        clippy::option_option,
        reason = "the end of a text is not the end of what can be read"
    )]
    pub(super) fn line(&mut self) -> Option<Option<Line<'s>>> {
        let mut column = 0;
        loop {
            match self.byte() {
                None => return Some(None),
                Some(b' ') => column += 1,
                Some(b'\t') => column = column / 8 * 8 + 8,
                Some(b'\x0c' | b'\n' | b'\r') => column = 0,
                Some(b'#') => {
                    self.comment();
                    continue;
                }
                // Which column such a line starts in is not the same for all versions.
                Some(b'\\') => return None,
                Some(_) => break,
            }
            self.place += 1;
        }
        let is_own = column == 0;
        let mut tokens = Vec::new();
        let mut open = Vec::new();
        loop {
            match self.byte() {
                None if open.is_empty() => break,
                None => return None,
                Some(b' ' | b'\t' | b'\x0c') => self.place += 1,
                Some(b'\n' | b'\r') => {
                    self.place += 1;
                    if open.is_empty() {
                        break;
                    }
                }
                Some(b'#') => self.comment(),
                Some(b'\\') => self.join()?,
                Some(_) => {
                    let token = self.token(0)?;
                    if let Token::Op(op) = token {
                        brackets(&mut open, op)?;
                    }
                    if is_own {
                        tokens.push(token);
                    }
                }
            }
        }
        Some(Some(Line { is_own, tokens }))
    }

    /// A comment, up to the end of its line.
    fn comment(&mut self) {
        let rest = self.rest();
        self.place += rest.find(['\n', '\r']).unwrap_or(rest.len());
    }

    /// A backslash that joins two lines.
    fn join(&mut self) -> Option<()> {
        let rest = self.rest();
        let joined = ["\\\r\n", "\\\n", "\\\r"];
        let found = joined.iter().find(|join| rest.starts_with(**join))?;
        self.place += found.len();
        // A join at the very end is an error.
        self.byte().map(drop)
    }

    fn token(&mut self, depth: usize) -> Option<Token<'s>> {
        let (rest, start) = (self.rest(), self.place);
        let first = self.byte()?;
        if is_name(first) && !first.is_ascii_digit() {
            let length = rest.bytes().take_while(|byte| is_name(*byte)).count();
            let name = rest.get(..length)?;
            self.place += length;
            return match self.byte() {
                Some(b'"' | b'\'') => self.string(name, depth),
                _ => Some(Token::Name(name)),
            };
        }
        if first.is_ascii_digit()
            || first == b'.' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
        {
            return self.number();
        }
        if matches!(first, b'"' | b'\'') {
            return self.string("", depth);
        }
        let long = LONG.iter().find(|op| rest.starts_with(**op));
        let length = match long {
            Some(op) => op.len(),
            None if SHORT.as_bytes().contains(&first) => 1,
            None => return None,
        };
        self.place += length;
        self.text.get(start..start + length).map(Token::Op)
    }

    fn number(&mut self) -> Option<Token<'s>> {
        let bytes = self.rest().as_bytes();
        let has_base =
            bytes[0] == b'0' && bytes.get(1).is_some_and(|byte| b"xXoObB".contains(byte));
        let mut length = if has_base { 2 } else { 0 };
        while let Some(byte) = bytes.get(length) {
            let more = match byte {
                b'0'..=b'9' | b'_' => true,
                b'a'..=b'f' | b'A'..=b'F' if has_base => true,
                b'.' | b'e' | b'E' | b'j' | b'J' => !has_base,
                b'+' | b'-' => {
                    !has_base
                        && matches!(bytes[length - 1], b'e' | b'E')
                        && bytes.get(length + 1).is_some_and(u8::is_ascii_digit)
                }
                _ => false,
            };
            if !more {
                break;
            }
            length += 1;
        }
        // `1if x`: allowed, and not worth the care.
        if bytes.get(length).is_some_and(|byte| is_name(*byte)) {
            return None;
        }
        self.place += length;
        Some(Token::Number)
    }

    /// A string, from its first quote; `depth` strings have it in a field.
    fn string(&mut self, prefix: &str, depth: usize) -> Option<Token<'s>> {
        let prefix = prefix.to_ascii_lowercase();
        let (is_raw, has_fields) = match prefix.as_str() {
            "" | "u" | "b" => (false, false),
            "r" | "br" | "rb" => (true, false),
            "f" | "t" => (false, true),
            "fr" | "rf" | "tr" | "rt" => (true, true),
            _ => return None,
        };
        let quote = self.rest().get(..1)?;
        let long = quote.repeat(3);
        let quotes: &str = if self.rest().starts_with(&long) {
            &long
        } else {
            quote
        };
        self.place += quotes.len();
        let start = self.place;
        loop {
            let rest = self.rest();
            if rest.starts_with(quotes) {
                let text = self.text.get(start..self.place)?;
                self.place += quotes.len();
                return Some(if has_fields {
                    Token::Format
                } else {
                    Token::Text(text)
                });
            }
            match self.byte()? {
                b'\\' if has_fields => self.escape(is_raw)?,
                b'\\' => {
                    self.place += 1;
                    self.skip()?;
                }
                b'\n' | b'\r' if quotes.len() == 1 => return None,
                b'{' if has_fields && rest.starts_with("{{") => self.place += 2,
                b'{' if has_fields => {
                    self.place += 1;
                    self.field(quotes, depth)?;
                }
                _ => self.skip()?,
            }
        }
    }

    /// One character; a line's end counts as one.
    fn skip(&mut self) -> Option<()> {
        let rest = self.rest();
        self.place += if rest.starts_with("\r\n") {
            2
        } else {
            rest.chars().next()?.len_utf8()
        };
        Some(())
    }

    /// A backslash in a string with fields. It does not keep a brace from its meaning.
    fn escape(&mut self, is_raw: bool) -> Option<()> {
        self.place += 1;
        match self.byte()? {
            b'{' | b'}' => Some(()),
            b'N' if !is_raw && self.rest().starts_with("N{") => {
                self.place += self.rest().find('}')? + 1;
                Some(())
            }
            _ => self.skip(),
        }
    }

    /// A field of a string, from behind its brace to behind the closing one.
    fn field(&mut self, quotes: &str, depth: usize) -> Option<()> {
        if depth >= DEEPEST_FIELD {
            return None;
        }
        let mut open = Vec::new();
        loop {
            match self.byte()? {
                b' ' | b'\t' | b'\x0c' | b'\n' | b'\r' => self.place += 1,
                b'}' if open.is_empty() => {
                    self.place += 1;
                    return Some(());
                }
                b':' if open.is_empty() => {
                    self.place += 1;
                    return self.format(quotes, depth + 1);
                }
                b'!' if !self.rest().starts_with("!=") => self.place += 1,
                _ => {
                    if let Token::Op(op) = self.token(depth + 1)? {
                        brackets(&mut open, op)?;
                    }
                }
            }
        }
    }

    /// The format of a field, from behind its colon to behind the closing brace.
    fn format(&mut self, quotes: &str, depth: usize) -> Option<()> {
        let quote = quotes.as_bytes()[0];
        loop {
            match self.byte()? {
                b'}' => {
                    self.place += 1;
                    return Some(());
                }
                b'{' => {
                    self.place += 1;
                    self.field(quotes, depth)?;
                }
                b'\\' | b'\n' | b'\r' => return None,
                byte if byte == quote => return None,
                _ => self.skip()?,
            }
        }
    }
}

/// A byte of a name; whatever is not ASCII can stand nowhere else outside of strings and comments.
fn is_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Keeps account of open brackets.
fn brackets(open: &mut Vec<u8>, op: &str) -> Option<()> {
    let wanted = match op {
        "(" | "[" | "{" => {
            open.push(op.as_bytes()[0]);
            return (open.len() <= DEEPEST).then_some(());
        }
        ")" => b'(',
        "]" => b'[',
        "}" => b'{',
        _ => return Some(()),
    };
    (open.pop() == Some(wanted)).then_some(())
}
