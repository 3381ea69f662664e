//! When two results are equal.

use fumehood::harness::Value;
use fumehood::harness::equality::{close, is_nan, py_equal};
use num_bigint::BigInt;

use super::bytes::Bytes;
use super::value::any;

/// Equality is symmetric, holds for a value and its copy, and never between values that Python holds to
/// be different; nearness never between what is not near.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let left = any(&mut bytes, 6);
    let right = any(&mut bytes, 6);
    let third = any(&mut bytes, 3);
    let equal = py_equal(&left, &right);
    assert_eq!(equal, py_equal(&right, &left), "{left} and {right}");
    assert_eq!(py_equal(&left, &left.clone()), !is_nan(&left));
    if equal && py_equal(&right, &third) {
        assert!(py_equal(&left, &third), "{left}, {right} and {third}");
    }
    if equal {
        assert_eq!(class(&left), class(&right), "{left} equals {right}");
        assert!(!is_nan(&left) && !is_nan(&right));
    }
    if let (Some(a), Some(b)) = (exact(&left), exact(&right)) {
        assert_eq!(equal, a == b, "{left} and {right}");
    }
    if close(&left, &right, 1e-6) {
        let near = near(&left, &right);
        assert!(near, "{left} is said to be near {right}");
    }
    // A value beside another makes a list that is equal exactly when both are.
    let pair = |a: &Value, b: &Value| Value::List(vec![a.clone(), b.clone()]);
    if !contains_nan(&left) && !contains_nan(&right) && !contains_nan(&third) {
        let both = py_equal(&left, &right) && py_equal(&right, &third);
        let whole = py_equal(&pair(&left, &right), &pair(&right, &third));
        assert_eq!(whole, both, "{left}, {right}, {third}");
    }
}

/// Values of different classes are never equal.
fn class(value: &Value) -> &'static str {
    match value.plain() {
        Value::None => "None",
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Complex(..) => "number",
        Value::Str(_) | Value::Wide(_) => "text",
        Value::Bytes(_) | Value::ByteArray(_) => "bytes",
        Value::List(_) => "list",
        Value::Tuple(_) => "tuple",
        Value::Set(_) | Value::FrozenSet(_) => "set",
        Value::Dict(_) => "dict",
        Value::Sub(..) => "a derived class has a payload",
        Value::Opaque(..) => "object",
        Value::Cycle => "cycle",
        Value::Deep => "deep",
    }
}

/// A finite real number as mantissa and exponent of two, reduced.
fn exact(value: &Value) -> Option<(BigInt, i64)> {
    let (mut mantissa, mut exponent) = match value.plain() {
        Value::Bool(flag) => (BigInt::from(u8::from(*flag)), 0),
        Value::Int(number) => (number.clone(), 0),
        Value::Float(number) if number.is_finite() => {
            let bits = number.to_bits();
            let sign = if *number < 0.0 { -1 } else { 1 };
            let fraction = bits & ((1 << 52) - 1);
            let power = (bits >> 52 & 0x7FF) as i64;
            let whole = if power == 0 {
                fraction
            } else {
                fraction | 1 << 52
            };
            (BigInt::from(whole) * sign, power.max(1) - 1075)
        }
        _ => return None,
    };
    let Some(zeros) = mantissa.trailing_zeros() else {
        return Some((mantissa, 0));
    };
    mantissa >>= zeros;
    exponent += zeros as i64;
    Some((mantissa, exponent))
}

/// What nearness means at the least: the same shape, numbers throughout, and no two of them apart by
/// more than any tolerance allows.
fn near(left: &Value, right: &Value) -> bool {
    match (left.plain(), right.plain()) {
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b))
        }
        (Value::Complex(..), _) | (_, Value::Complex(..)) => !is_nan(left) && !is_nan(right),
        (a, b) => match (real(a), real(b)) {
            (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-6 + 1e-6 * b.abs(),
            _ => false,
        },
    }
}

/// A number as the nearest float; `None` for what is none, and for an int beyond all floats.
fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::Int(number) => number
            .to_string()
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite()),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn contains_nan(value: &Value) -> bool {
    is_nan(value)
        || match value.plain() {
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items) => items.iter().any(contains_nan),
            Value::Dict(pairs) => pairs
                .iter()
                .any(|(key, value)| contains_nan(key) || contains_nan(value)),
            _ => false,
        }
}
