//! EvalPlus's rules for deciding whether a returned value is right, the default one and those for
//! tasks that have more than one right answer.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::equality::{close, is_floats, number, py_equal};
use super::value::Value;

/// The rule of one list of cases, which it sees in order.
#[derive(Clone, Debug)]
pub struct Oracle<'a> {
    rule: &'a str,
    /// EvalPlus raises a tolerance of 0 when it first meets expected floats, and keeps it for the
    /// rest of the list.
    atol: f64,
}

impl<'a> Oracle<'a> {
    /// A rule by its name (`equal` for the default) with the task's tolerance.
    pub fn new(rule: &'a str, atol: f64) -> Self {
        Self { rule, atol }
    }

    /// Whether the rule holds two different results of the ground truth to be the same, such as one
    /// list in two orders, so that a result that changes between runs can still be held against.
    pub fn allows_change(&self) -> bool {
        matches!(self.rule, "always" | "set_equal" | "poly_zero")
    }

    /// Whether `found` is right for `input` (the JSON argument list), where the ground truth
    /// returned `expected`.
    pub fn accepts(&mut self, input: Option<&Json>, found: &Value, expected: &Value) -> bool {
        let equal = py_equal(found, expected);
        let mut floats = is_floats(expected);
        let exact = match self.rule {
            "always" => true,
            "or_zero" => equal || number(found) == Some(0.0),
            "surface_area" => {
                equal
                    || surface_area(input)
                        .zip(number(found))
                        .is_some_and(|(area, found)| (found - area).abs() <= self.atol)
            }
            "digit_distance" => {
                equal
                    || digit_distance(input)
                        .zip(number(found))
                        .is_some_and(|(distance, found)| found == distance)
            }
            "set_equal" => match (members(found), members(expected)) {
                (Some(found), Some(expected)) => py_equal(&found, &expected),
                _ => return false,
            },
            "not_none" => {
                // What is expected is whether there is a result at all.
                floats = false;
                let something = !matches!(expected, Value::None);
                match found.plain() {
                    Value::Bool(found) => *found == something,
                    found => something != matches!(found, Value::None),
                }
            }
            "poly_zero" => {
                return polynomial(input, found).is_some_and(|y| y.abs() <= self.atol.max(1e-4));
            }
            _ => equal,
        };
        if self.atol == 0.0 && floats {
            self.atol = 1e-6;
        }
        exact || (self.atol != 0.0 && self.rule != "not_none" && close(found, expected, self.atol))
    }
}

fn argument(input: Option<&Json>, place: usize) -> Option<&Json> {
    input?.as_array()?.get(place)
}

/// The surface of a square pyramid, with the height taken as perpendicular, rounded half to even.
fn surface_area(input: Option<&Json>) -> Option<f64> {
    let base = argument(input, 0)?.as_f64()?;
    let height = argument(input, 1)?.as_f64()?;
    let slant = ((base / 2.0).powi(2) + height.powi(2)).sqrt();
    Some((base.powi(2) + 4.0 * (base * slant) / 2.0).round_ties_even())
}

/// The sum of the differences between the digits of two numbers, the shorter padded with zeros.
fn digit_distance(input: Option<&Json>) -> Option<f64> {
    let text = |place| argument(input, place).map(Json::to_string);
    let (first, second) = (text(0)?, text(1)?);
    let width = first.len().max(second.len());
    let digits = |text: &str| {
        format!("{text:0>width$}")
            .chars()
            .map(|digit| digit.to_digit(10).map(f64::from))
            .collect::<Option<Vec<f64>>>()
    };
    let pairs = digits(&first)?.into_iter().zip(digits(&second)?);
    Some(pairs.map(|(a, b)| (a - b).abs()).sum())
}

/// The value of a polynomial, whose coefficients are the first argument, at what was found: by the C library's
/// `pow` and from the lowest power upwards, as EvalPlus computes it. Where large terms cancel each other, another
/// way to compute it comes to another verdict.
fn polynomial(input: Option<&Json>, found: &Value) -> Option<f64> {
    let x = number(found)?;
    let mut sum = 0.0;
    for (power, coefficient) in argument(input, 0)?.as_array()?.iter().enumerate() {
        sum += coefficient.as_f64()? * x.powf(f64::from(u32::try_from(power).ok()?));
    }
    Some(sum)
}

/// What Python's `set(value)` holds; `None` where that raises.
fn members(value: &Value) -> Option<Value> {
    let items: Vec<Value> = match value.plain() {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.clone()
        }
        Value::Str(text) => text.chars().map(|c| Value::Str(c.to_string())).collect(),
        Value::Dict(pairs) => pairs.iter().map(|(key, _)| key.clone()).collect(),
        _ => return None,
    };
    if !items.iter().all(hashable) {
        return None;
    }
    let mut seen = HashSet::new();
    let unique = items
        .into_iter()
        .filter(|item| seen.insert(super::equality::key_of(item)))
        .collect();
    Some(Value::Set(unique))
}

fn hashable(value: &Value) -> bool {
    match value.plain() {
        Value::List(_) | Value::Set(_) | Value::Dict(_) | Value::ByteArray(_) => false,
        Value::Tuple(items) => items.iter().all(hashable),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(json: &str) -> Value {
        Value::parse(json).unwrap()
    }

    #[test]
    fn the_default_rule_tolerates_floats_only() {
        let mut oracle = Oracle::new("equal", 0.0);
        assert!(!oracle.accepts(None, &value(r#"["i3"]"#), &value(r#"["i4"]"#)));
        assert!(oracle.accepts(
            None,
            &value(r#"["d0.30000000000000004"]"#),
            &value(r#"["d0.3"]"#)
        ));
        assert!(!oracle.accepts(None, &value(r#"["d0.31"]"#), &value(r#"["d0.3"]"#)));
        assert!(!oracle.accepts(None, &value(r#"["T1","d0.3"]"#), &value(r#"["L1","d0.3"]"#)));
    }

    #[test]
    fn special_rules() {
        let accepts = |rule: &str, input: Json, found: &str, expected: &str| {
            Oracle::new(rule, 0.0).accepts(Some(&input), &value(found), &value(expected))
        };
        assert!(accepts("always", json!([1]), r#"["n"]"#, r#"["t"]"#));
        assert!(accepts("or_zero", json!([1]), r#"["i0"]"#, r#"["i6"]"#));
        assert!(!accepts("or_zero", json!([1]), r#"["i1"]"#, r#"["i6"]"#));
        // A base of 3 and a height of 4: 9 + 4 * 3 * sqrt(18.25) / 2 = 34.63.
        assert!(accepts(
            "surface_area",
            json!([3, 4]),
            r#"["i35"]"#,
            r#"["i33"]"#
        ));
        assert!(accepts(
            "digit_distance",
            json!([23, 156]),
            r#"["i7"]"#,
            r#"["i6"]"#
        ));
        assert!(!accepts(
            "digit_distance",
            json!([23, 156]),
            r#"["i5"]"#,
            r#"["i7"]"#
        ));
        assert!(accepts(
            "set_equal",
            json!([]),
            r#"["L3","i1","i2","i2"]"#,
            r#"["T2","i2","i1"]"#
        ));
        assert!(!accepts("set_equal", json!([]), r#"["i1"]"#, r#"["i1"]"#));
        assert!(accepts("not_none", json!([]), r#"["s"]"#, r#"["smatch"]"#));
        assert!(accepts("not_none", json!([]), r#"["f"]"#, r#"["n"]"#));
        assert!(!accepts("not_none", json!([]), r#"["n"]"#, r#"["smatch"]"#));
        assert!(accepts(
            "poly_zero",
            json!([[1, 2]]),
            r#"["d-0.5"]"#,
            r#"["d9.0"]"#
        ));
        // Terms of millions that cancel each other. Powers by repeated multiplication miss the zero.
        assert!(accepts(
            "poly_zero",
            json!([[9_450_000, 9, -7, 3, 2, 6, 1, -4, -10, 6, 17, -1]]),
            r#"["d17.3124550475086"]"#,
            r#"["d0.0"]"#
        ));
        assert!(!accepts(
            "poly_zero",
            json!([[1, 2]]),
            r#"["d0.5"]"#,
            r#"["d0.5"]"#
        ));
    }
}
