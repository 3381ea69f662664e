use proptest::prelude::*;

use super::*;

/// Any value that a driver can write, a few levels deep.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(|number| Value::Int(number.into())),
        any::<f64>().prop_map(Value::Float),
        (any::<f64>(), any::<f64>()).prop_map(|(re, im)| Value::Complex(re, im)),
        ".{0,6}".prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(Value::Bytes),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(Value::ByteArray),
        (".{0,4}", "[a-z]{0,4}").prop_map(|(repr, name)| Value::Opaque(name, repr)),
        Just(Value::Cycle),
        Just(Value::Deep),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            items().prop_map(Value::List),
            items().prop_map(Value::Tuple),
            items().prop_map(Value::Set),
            items().prop_map(Value::FrozenSet),
            prop::collection::vec((inner.clone(), inner.clone()), 0..3).prop_map(Value::Dict),
            ("[a-z.]{1,6}", inner.clone())
                .prop_map(|(name, value)| Value::Sub(name, Box::new(value))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        let text = serde_json::to_string(&value).unwrap();
        let back = Value::parse(&text).unwrap();
        prop_assert_eq!(format!("{:?}", value), format!("{:?}", back));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}", tokens in prop::collection::vec("[ntfidcszbaLTSFDuoxy].{0,4}", 0..12)) {
        let _ = Value::parse(&text);
        let _ = Value::parse(&serde_json::to_string(&tokens).unwrap());
    }
}

#[test]
fn hostile_token_lists_are_refused() {
    for text in [
        "[]",
        r#"["L99999999999"]"#,
        r#"["L2","n"]"#,
        r#"["n","n"]"#,
        r#"["i"]"#,
        r#"["i0x"]"#,
        r#"["bzz"]"#,
        r#"["b0"]"#,
        r#"["é"]"#,
        r#"[""]"#,
        r#"["D18446744073709551615"]"#,
    ] {
        assert!(Value::parse(text).is_err(), "{text}");
    }
    let deep = format!("[{}\"n\"]", "\"L1\",".repeat(100_000));
    assert!(Value::parse(&deep).is_err());
}

#[test]
fn huge_ints_come_in_hexadecimal() {
    let value = Value::parse(
        r#"["i-0x10000000000000000000000000000000000000000000000000000000000000000000"]"#,
    );
    assert_eq!(value.unwrap(), Value::Int(-(BigInt::from(1) << 268_u32)));
}
