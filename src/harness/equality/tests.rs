use proptest::prelude::*;

use super::super::value::tests::any_value;
use super::*;

fn value(json: &str) -> Value {
    Value::parse(json).unwrap()
}

fn equal(left: &str, right: &str) -> bool {
    py_equal(&value(left), &value(right))
}

proptest! {
    #[test]
    fn equality_is_symmetric_and_reflexive(a in any_value(), b in any_value()) {
        prop_assert_eq!(py_equal(&a, &b), py_equal(&b, &a));
        prop_assert_eq!(py_equal(&a, &a), !is_nan(&a));
    }

    #[test]
    fn numbers_agree_with_exact_arithmetic(a in any::<i64>(), b in any::<i32>()) {
        let float = Value::Float(f64::from(b));
        prop_assert!(py_equal(&float, &Value::Int(b.into())));
        prop_assert_eq!(py_equal(&Value::Int(a.into()), &float), a == i64::from(b));
    }
}

#[test]
fn python_equality() {
    assert!(equal(r#"["i1"]"#, r#"["t"]"#));
    assert!(equal(r#"["d1.0"]"#, r#"["t"]"#));
    assert!(equal(r#"["c1.0,0.0"]"#, r#"["i1"]"#));
    assert!(equal(r#"["d-0.0"]"#, r#"["i0"]"#));
    // 2**53 + 1 has no float; a comparison through floats would call the two equal.
    assert!(!equal(
        r#"["d9007199254740992.0"]"#,
        r#"["i9007199254740993"]"#
    ));
    assert!(equal(
        r#"["d1e+300"]"#,
        &format!("[\"i{}\"]", BigInt::from_f64(1e300).unwrap())
    ));
    assert!(!equal(r#"["L1","i1"]"#, r#"["T1","i1"]"#));
    assert!(equal(r#"["L1","i1"]"#, r#"["L1","d1.0"]"#));
    assert!(equal(r#"["S2","i1","i2"]"#, r#"["F2","i2","i1"]"#));
    assert!(equal(
        r#"["D2","sa","i1","sb","i2"]"#,
        r#"["D2","sb","i2","sa","t"]"#
    ));
    assert!(!equal(r#"["D1","sa","i1"]"#, r#"["D1","sa","i2"]"#));
    assert!(equal(
        r#"["ucollections.Counter","D1","sa","i1"]"#,
        r#"["D1","sa","i1"]"#
    ));
    assert!(!equal(r#"["s1"]"#, r#"["i1"]"#));
    assert!(!equal(r#"["s"]"#, r#"["n"]"#));
    assert!(equal(r#"["b61"]"#, r#"["a61"]"#));
    assert!(!equal(r#"["b61"]"#, r#"["sa"]"#));
    assert!(!equal(r#"["dnan"]"#, r#"["dnan"]"#));
    assert!(equal(r#"["L1","dnan"]"#, r#"["L1","dnan"]"#));
    assert!(!equal(r#"["L2","sa","sb"]"#, r#"["L1","sa,sb"]"#));
    assert!(!equal(r#"["oA\u0000x"]"#, r#"["oB\u0000x"]"#));
}

#[test]
fn tolerance_needs_equal_types_and_shapes() {
    let near = |left: &str, right: &str| close(&value(left), &value(right), 1e-6);
    assert!(near(r#"["d1.0000001"]"#, r#"["d1.0"]"#));
    assert!(!near(r#"["d1.00001"]"#, r#"["d1.0"]"#));
    assert!(!near(r#"["i1"]"#, r#"["d1.0"]"#));
    assert!(near(r#"["L1","L1","d1.0"]"#, r#"["L1","L1","d1.0000001"]"#));
    assert!(!near(r#"["L1","d1.0"]"#, r#"["T1","d1.0"]"#));
    assert!(!near(r#"["L1","d1.0"]"#, r#"["L2","d1.0","d1.0"]"#));
    assert!(near(r#"["dinf"]"#, r#"["dinf"]"#));
    assert!(!near(r#"["dinf"]"#, r#"["d-inf"]"#));
    assert!(!near(r#"["dnan"]"#, r#"["dnan"]"#));
    assert!(!near(r#"["L1","sx"]"#, r#"["L1","sx"]"#));
}
