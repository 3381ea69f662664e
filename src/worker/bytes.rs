//! Byte strings on the wire in one piece. Programs with their tests can be megabytes long, and serde
//! takes a vector of bytes for a list of numbers, one by one.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// For `#[serde(with)]`: writes a byte string.
///
/// # Errors
/// When the serializer refuses.
pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// For `#[serde(with)]`: reads a byte string.
///
/// # Errors
/// When there is none.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    deserializer.deserialize_byte_buf(Whole)
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a byte string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
        Ok(bytes)
    }

    /// Formats without byte strings write a list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

/// The same for a byte string that may be absent.
pub(super) mod optional {
    use super::*;

    #[derive(Serialize)]
    struct Lent<'a>(#[serde(serialize_with = "super::serialize")] &'a [u8]);

    #[derive(Deserialize)]
    struct Owned(#[serde(deserialize_with = "super::deserialize")] Vec<u8>);

    /// For `#[serde(with)]`.
    ///
    /// # Errors
    /// When the serializer refuses.
    pub(in crate::worker) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(Lent).serialize(serializer)
    }

    /// For `#[serde(with)]`.
    ///
    /// # Errors
    /// When there is neither a byte string nor its absence.
    pub(in crate::worker) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let bytes = Option::<Owned>::deserialize(deserializer)?;
        Ok(bytes.map(|Owned(bytes)| bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Whole {
        #[serde(with = "super")]
        one: Vec<u8>,
        #[serde(with = "super::optional")]
        two: Option<Vec<u8>>,
        #[serde(with = "super::optional")]
        none: Option<Vec<u8>>,
    }

    /// What serde makes of it by itself.
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Single {
        one: Vec<u8>,
        two: Option<Vec<u8>>,
        none: Option<Vec<u8>>,
    }

    #[test]
    fn they_are_what_they_were_byte_by_byte() {
        let (one, two): (Vec<u8>, Vec<u8>) = ((0..=255).collect(), vec![0; 70_000]);
        let whole = Whole {
            one: one.clone(),
            two: Some(two.clone()),
            none: None,
        };
        let single = Single {
            one,
            two: Some(two),
            none: None,
        };
        let text = postcard::to_allocvec(&whole).unwrap();
        assert_eq!(text, postcard::to_allocvec(&single).unwrap());
        assert_eq!(postcard::from_bytes::<Whole>(&text).unwrap(), whole);
        assert!(postcard::from_bytes::<Whole>(&text[..text.len() - 2]).is_err());
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Whole>(&json).unwrap(), whole);
    }
}
