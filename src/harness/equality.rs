//! When two values are equal: Python's `==` on builtins, and EvalPlus's tolerance.

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Zero};

use super::value::Value;

/// Python's `==`, with the exact numeric equality of bool, int, float and complex across types; a list is
/// no tuple, sets and dicts have no order, instances of derived classes compare by their builtin
/// payload, other objects by class name and `repr`.
///
/// Not-a-number equals itself inside containers, where Python compares identities first and the
/// same computation usually yields the same object, and never at the top.
pub fn py_equal(left: &Value, right: &Value) -> bool {
    if is_nan(left) || is_nan(right) {
        return false;
    }
    // Most results are plain and equal in form; their keys need not be built.
    match (left.plain(), right.plain()) {
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b))
            if a.len() != b.len() =>
        {
            false
        }
        (a, b) => key_of(a) == key_of(b),
    }
}

/// Whether a value is a not-a-number by itself.
pub fn is_nan(value: &Value) -> bool {
    match value.plain() {
        Value::Float(number) => number.is_nan(),
        Value::Complex(re, im) => re.is_nan() || im.is_nan(),
        _ => false,
    }
}

/// A text that two values share exactly when they are equal.
pub(super) fn key_of(value: &Value) -> String {
    let mut key = String::new();
    write_key(value, &mut key);
    key
}

fn write_key(value: &Value, key: &mut String) {
    match value {
        Value::None => key.push('N'),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Complex(..) => {
            write_number(value, key);
        }
        Value::Str(text) => write_text('s', text, key),
        Value::Wide(bytes) => write_text('z', &format!("{bytes:02x?}"), key),
        Value::Bytes(bytes) | Value::ByteArray(bytes) => {
            write_text('b', &format!("{bytes:02x?}"), key);
        }
        Value::List(values) => write_items('L', values, key),
        Value::Tuple(values) => write_items('T', values, key),
        Value::Set(values) | Value::FrozenSet(values) => {
            let mut keys: Vec<String> = values.iter().map(key_of).collect();
            keys.sort_unstable();
            key.push_str("S(");
            key.push_str(&keys.join(","));
            key.push(')');
        }
        Value::Dict(pairs) => {
            let mut keys: Vec<String> = pairs
                .iter()
                .map(|(name, content)| {
                    let mut pair = key_of(name);
                    pair.push(':');
                    write_key(content, &mut pair);
                    pair
                })
                .collect();
            keys.sort_unstable();
            key.push_str("D(");
            key.push_str(&keys.join(","));
            key.push(')');
        }
        Value::Sub(_, inner) => write_key(inner, key),
        Value::Opaque(name, repr) => {
            write_text('o', name, key);
            write_text('r', repr, key);
        }
        Value::Cycle => key.push('X'),
        Value::Deep => key.push('Y'),
    }
}

fn write_text(kind: char, text: &str, key: &mut String) {
    key.push_str(&format!("{kind}{}\"{text}\"", text.len()));
}

fn write_items(kind: char, values: &[Value], key: &mut String) {
    key.push(kind);
    key.push('(');
    for value in values {
        write_key(value, key);
        key.push(',');
    }
    key.push(')');
}

fn write_number(value: &Value, key: &mut String) {
    match value {
        Value::Bool(flag) => key.push_str(if *flag { "#1" } else { "#0" }),
        Value::Int(number) => key.push_str(&format!("#{number:x}")),
        Value::Float(number) => match whole(*number) {
            Some(number) => key.push_str(&format!("#{number:x}")),
            None => key.push_str(&format!("~{number:?}")),
        },
        Value::Complex(re, im) if im.is_zero() => write_number(&Value::Float(*re), key),
        Value::Complex(re, im) => {
            write_number(&Value::Float(*re), key);
            key.push('+');
            write_number(&Value::Float(*im), key);
            key.push('j');
        }
        _ => {}
    }
}

/// A float that is a whole number, exactly.
fn whole(number: f64) -> Option<BigInt> {
    if number.is_finite() && number.fract() == 0.0 {
        BigInt::from_f64(number)
    } else {
        None
    }
}

/// EvalPlus's question whether floats are expected: a float, a non-empty list or tuple of floats,
/// or a numpy array of floats.
pub fn is_floats(value: &Value) -> bool {
    let float = |item: &Value| matches!(item.plain(), Value::Float(_));
    match value.plain() {
        Value::Float(_) => true,
        Value::List(items) | Value::Tuple(items) => !items.is_empty() && items.iter().all(float),
        _ => false,
    }
}

/// EvalPlus's tolerant comparison: the same type, and every number within
/// `atol + 1e-7 * |expected|`, in lists of the same shape.
pub fn close(found: &Value, expected: &Value, atol: f64) -> bool {
    found.type_name() == expected.type_name() && all_close(found, expected, atol)
}

fn all_close(found: &Value, expected: &Value, atol: f64) -> bool {
    match (found.plain(), expected.plain()) {
        (
            Value::List(found) | Value::Tuple(found),
            Value::List(expected) | Value::Tuple(expected),
        ) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, expected)| all_close(found, expected, atol))
        }
        (found, expected) => match (parts(found), parts(expected)) {
            (Some(found), Some(expected)) => near(found, expected, atol),
            _ => false,
        },
    }
}

fn near(found: (f64, f64), expected: (f64, f64), atol: f64) -> bool {
    if found == expected {
        return true;
    }
    let finite = [found.0, found.1, expected.0, expected.1]
        .iter()
        .all(|part| part.is_finite());
    let distance = (found.0 - expected.0).hypot(found.1 - expected.1);
    finite && distance <= atol + 1e-7 * expected.0.hypot(expected.1)
}

/// A number as real and imaginary part.
fn parts(value: &Value) -> Option<(f64, f64)> {
    match value {
        Value::Complex(re, im) => Some((*re, *im)),
        other => number(other).map(|number| (number, 0.0)),
    }
}

/// A bool, int or float as a float.
pub fn number(value: &Value) -> Option<f64> {
    use num_traits::ToPrimitive as _;
    match value.plain() {
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        // An int beyond every float is near to none, least of all to infinity.
        Value::Int(number) => number.to_f64().filter(|number| number.is_finite()),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
