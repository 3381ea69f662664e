//! Python values as data: what a driver's `encode.py` writes, read back without running anything.
//!
//! A value is a flat list of tokens, parents before children. The first character of a token is its
//! kind; a container's token carries how many children follow. Flat text needs no deep parser, so
//! nothing that a snippet returns can exhaust the stack.

use std::fmt;

use num_bigint::BigInt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Containers inside containers, at most; the drivers stop at 200.
const DEPTH_LIMIT: usize = 256;

/// Ints of more bits are written in hexadecimal: a long decimal number is slow to read.
const DECIMAL_BITS: u64 = 256;
/// Digits of the longest decimal number that is read.
const DECIMAL_DIGITS: usize = 1000;

/// A Python value with its exact type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int`, of any size.
    Int(BigInt),
    /// `float`.
    Float(f64),
    /// `complex`: real and imaginary part.
    Complex(f64, f64),
    /// `str`.
    Str(String),
    /// A `str` with lone surrogates, as UTF-16 in big-endian bytes. It equals no other text.
    Wide(Vec<u8>),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytearray`.
    ByteArray(Vec<u8>),
    /// `list`.
    List(Vec<Value>),
    /// `tuple`.
    Tuple(Vec<Value>),
    /// `set`.
    Set(Vec<Value>),
    /// `frozenset`.
    FrozenSet(Vec<Value>),
    /// `dict`, in insertion order.
    Dict(Vec<(Value, Value)>),
    /// An instance of a class derived from a builtin, or a numpy value: the class's name and the
    /// builtin payload.
    Sub(String, Box<Value>),
    /// Any other object: the class's name and its `repr`, addresses blanked.
    Opaque(String, String),
    /// A container inside itself.
    Cycle,
    /// Something nested too deep to be told.
    Deep,
}

/// Why text is no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not an encoded value: {0}")]
pub struct ValueError(String);

impl Value {
    /// Reads the JSON array of tokens.
    ///
    /// # Errors
    /// When the text was not written by `encode.py`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let tokens: Vec<String> =
            serde_json::from_str(text).map_err(|error| ValueError(error.to_string()))?;
        let mut reader = Reader {
            tokens: &tokens,
            next: 0,
        };
        let value = reader.value(0)?;
        if reader.next != tokens.len() {
            return Err(ValueError("tokens after the end".to_owned()));
        }
        Ok(value)
    }

    /// The tokens as [`Value::parse`] reads them.
    pub fn tokens(&self) -> Vec<String> {
        let mut tokens = Vec::new();
        self.write(&mut tokens);
        tokens
    }

    /// The payload of a derived class, any other value itself.
    pub fn plain(&self) -> &Self {
        let mut value = self;
        while let Self::Sub(_, inner) = value {
            value = inner;
        }
        value
    }

    /// The name of its Python type.
    pub fn type_name(&self) -> &str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Complex(..) => "complex",
            Self::Str(_) | Self::Wide(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::ByteArray(_) => "bytearray",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Dict(_) => "dict",
            Self::Sub(name, _) | Self::Opaque(name, _) => name,
            Self::Cycle => "cycle",
            Self::Deep => "deep",
        }
    }

    fn write(&self, tokens: &mut Vec<String>) {
        let mut items = |kind: char, values: &[Self]| {
            tokens.push(format!("{kind}{}", values.len()));
            for value in values {
                value.write(tokens);
            }
        };
        match self {
            Self::None => tokens.push("n".to_owned()),
            Self::Bool(value) => tokens.push(if *value { "t" } else { "f" }.to_owned()),
            Self::Int(value) if value.bits() > DECIMAL_BITS => {
                tokens.push(format!("i{value:#x}"));
            }
            Self::Int(value) => tokens.push(format!("i{value}")),
            Self::Float(value) => tokens.push(format!("d{}", float_text(*value))),
            Self::Complex(re, im) => {
                tokens.push(format!("c{},{}", float_text(*re), float_text(*im)));
            }
            Self::Str(text) => tokens.push(format!("s{text}")),
            Self::Wide(bytes) => tokens.push(format!("z{}", hex(bytes))),
            Self::Bytes(bytes) => tokens.push(format!("b{}", hex(bytes))),
            Self::ByteArray(bytes) => tokens.push(format!("a{}", hex(bytes))),
            Self::List(values) => items('L', values),
            Self::Tuple(values) => items('T', values),
            Self::Set(values) => items('S', values),
            Self::FrozenSet(values) => items('F', values),
            Self::Dict(pairs) => {
                tokens.push(format!("D{}", pairs.len()));
                for (key, value) in pairs {
                    key.write(tokens);
                    value.write(tokens);
                }
            }
            Self::Sub(name, value) => {
                tokens.push(format!("u{name}"));
                value.write(tokens);
            }
            Self::Opaque(name, repr) => tokens.push(format!("o{name}\0{repr}")),
            Self::Cycle => tokens.push("x".to_owned()),
            Self::Deep => tokens.push("y".to_owned()),
        }
    }
}

/// As Python would show it, near enough for a report.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, open: &str, items: &[Self], close: &str| {
            f.write_str(open)?;
            for (place, item) in items.iter().enumerate() {
                f.write_str(if place == 0 { "" } else { ", " })?;
                item.fmt(f)?;
            }
            f.write_str(close)
        };
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Self::Int(value) if value.bits() > 2000 => write!(f, "an int of {} bits", value.bits()),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => f.write_str(&float_text(*value)),
            Self::Complex(re, im) => write!(f, "({re:?}{im:+?}j)"),
            Self::Str(text) => write!(f, "{text:?}"),
            Self::Wide(bytes) => write!(f, "text with lone surrogates ({} bytes)", bytes.len()),
            Self::Bytes(bytes) => write!(f, "bytes({})", hex(bytes)),
            Self::ByteArray(bytes) => write!(f, "bytearray({})", hex(bytes)),
            Self::List(items) => list(f, "[", items, "]"),
            Self::Tuple(items) => list(f, "(", items, if items.len() == 1 { ",)" } else { ")" }),
            Self::Set(items) => list(f, "{", items, "}"),
            Self::FrozenSet(items) => list(f, "frozenset({", items, "})"),
            Self::Dict(pairs) => {
                f.write_str("{")?;
                for (place, (key, value)) in pairs.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    write!(f, "{key}: {value}")?;
                }
                f.write_str("}")
            }
            Self::Sub(name, value) => write!(f, "{name}({value})"),
            Self::Opaque(name, repr) => write!(f, "{repr} of {name}"),
            Self::Cycle | Self::Deep => f.write_str("..."),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tokens().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tokens = Vec::<String>::deserialize(deserializer)?;
        let text = serde_json::to_string(&tokens).map_err(serde::de::Error::custom)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

struct Reader<'a> {
    tokens: &'a [String],
    next: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, ValueError> {
        if depth > DEPTH_LIMIT {
            return Err(ValueError("nested too deep".to_owned()));
        }
        let token = self
            .tokens
            .get(self.next)
            .ok_or_else(|| ValueError("a token is missing".to_owned()))?;
        self.next += 1;
        let kind = token.chars().next().unwrap_or(' ');
        let rest = token.get(kind.len_utf8()..).unwrap_or("");
        Ok(match kind {
            'n' => Value::None,
            't' => Value::Bool(true),
            'f' => Value::Bool(false),
            'i' => Value::Int(int(rest)?),
            'd' => Value::Float(float(rest)?),
            'c' => {
                let (re, im) = rest
                    .split_once(',')
                    .ok_or_else(|| ValueError("half a complex number".to_owned()))?;
                Value::Complex(float(re)?, float(im)?)
            }
            's' => Value::Str(rest.to_owned()),
            'z' => Value::Wide(unhex(rest)?),
            'b' => Value::Bytes(unhex(rest)?),
            'a' => Value::ByteArray(unhex(rest)?),
            'L' => Value::List(self.items(rest, depth)?),
            'T' => Value::Tuple(self.items(rest, depth)?),
            'S' => Value::Set(self.items(rest, depth)?),
            'F' => Value::FrozenSet(self.items(rest, depth)?),
            'D' => {
                let count = self.count(rest, 2)?;
                let mut pairs = Vec::with_capacity(count);
                for _ in 0..count {
                    pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
                }
                Value::Dict(pairs)
            }
            'u' => Value::Sub(rest.to_owned(), Box::new(self.value(depth + 1)?)),
            'o' => {
                let (name, repr) = rest.split_once('\0').unwrap_or((rest, ""));
                Value::Opaque(name.to_owned(), repr.to_owned())
            }
            'x' => Value::Cycle,
            'y' => Value::Deep,
            _ => return Err(ValueError(format!("unknown kind {kind:?}"))),
        })
    }

    fn items(&mut self, count: &str, depth: usize) -> Result<Vec<Value>, ValueError> {
        let count = self.count(count, 1)?;
        (0..count).map(|_| self.value(depth + 1)).collect()
    }

    /// A count of children, each of which takes at least `width` tokens of those left.
    fn count(&self, text: &str, width: usize) -> Result<usize, ValueError> {
        text.parse()
            .ok()
            .filter(|count| *count <= (self.tokens.len() - self.next) / width)
            .ok_or_else(|| ValueError("a count that cannot be".to_owned()))
    }
}

fn int(text: &str) -> Result<BigInt, ValueError> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if digits.len() > DECIMAL_DIGITS => {
            return Err(ValueError("a decimal number too long".to_owned()));
        }
        None => (digits, 10),
    };
    BigInt::parse_bytes(format!("{sign}{digits}").as_bytes(), radix)
        .ok_or_else(|| ValueError("not an int".to_owned()))
}

fn float(text: &str) -> Result<f64, ValueError> {
    text.parse()
        .map_err(|_| ValueError("not a float".to_owned()))
}

fn float_text(value: f64) -> String {
    format!("{value:?}")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn unhex(text: &str) -> Result<Vec<u8>, ValueError> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
            .ok_or_else(|| ValueError("not hexadecimal".to_owned()))
    };
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return Err(ValueError("half a byte".to_owned()));
    }
    bytes
        .chunks_exact(2)
        .map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
