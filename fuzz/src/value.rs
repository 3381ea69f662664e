//! Values that passed through a hostile process.

use fumehood::harness::Value;
use fumehood::harness::equality::py_equal;

use super::bytes::Bytes;

/// What is read is within bounds, and reads back the same.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(value) = Value::parse(&text) else {
        return;
    };
    assert!(depth(&value) <= 257);
    let tokens = value.tokens();
    let json = serde_json::to_string(&tokens).expect("texts can be written");
    let again = Value::parse(&json).expect("what was read can be written and read");
    // Not by `==`: a not-a-number is not equal to itself.
    assert_eq!(again.tokens(), tokens);
    assert_eq!(again.type_name(), value.type_name());
    assert_eq!(py_equal(&value, &again), py_equal(&again, &value));
    // For people: as long as the value, and never a huge number written out.
    assert!(value.to_string().len() <= 64 + 16 * text.len());
}

fn depth(value: &Value) -> usize {
    1 + match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.iter().map(depth).max().unwrap_or(0)
        }
        Value::Dict(pairs) => pairs
            .iter()
            .map(|(key, value)| depth(key).max(depth(value)))
            .max()
            .unwrap_or(0),
        Value::Sub(_, inner) => depth(inner),
        _ => 0,
    }
}

/// Any value, from choices.
pub(crate) fn any(bytes: &mut Bytes<'_>, room: usize) -> Value {
    const FLOATS: [f64; 8] = [
        0.0,
        -0.0,
        1.0,
        1.000_000_000_1,
        f64::NAN,
        f64::INFINITY,
        9_007_199_254_740_993.0,
        f64::MAX,
    ];
    let float = |bytes: &mut Bytes<'_>| match bytes.below(10) {
        place @ 0..8 => FLOATS[place],
        8 => f64::from_bits(bytes.number()),
        _ => bytes.number() as f64,
    };
    let items = |bytes: &mut Bytes<'_>| -> Vec<Value> {
        let count = if room == 0 { 0 } else { bytes.below(5) };
        (0..count).map(|_| any(bytes, room - 1)).collect()
    };
    match bytes.below(16) {
        0 => Value::None,
        1 => Value::Bool(bytes.byte() & 1 == 1),
        2 => Value::Int(bytes.number().into()),
        3 => Value::Int(-num_bigint::BigInt::from(bytes.number())),
        4 => Value::Int(num_bigint::BigInt::from(bytes.number()) << (bytes.below(256) * 8)),
        5 => Value::Float(float(bytes)),
        6 => Value::Complex(float(bytes), float(bytes)),
        7 => Value::Str(bytes.text()),
        8 => Value::Bytes(bytes.piece().to_vec()),
        9 => Value::List(items(bytes)),
        10 => Value::Tuple(items(bytes)),
        11 => Value::Set(items(bytes)),
        12 => {
            let values = items(bytes);
            let keys = items(bytes);
            Value::Dict(keys.into_iter().zip(values).collect())
        }
        13 if room > 0 => Value::Sub(bytes.text(), Box::new(any(bytes, room - 1))),
        14 => Value::Opaque(bytes.text().replace('\0', ""), bytes.text()),
        15 => Value::FrozenSet(items(bytes)),
        _ => Value::Deep,
    }
}
