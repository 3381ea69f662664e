//! Tests that cannot be passed, as the driver reports them that made them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::transcript::authentic;

/// Tests of a task in which expected values were altered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AlteredTests {
    /// Source of a `unittest` module.
    tests: Option<String>,
    /// Source of a function `check`.
    check: Option<String>,
    /// Assertions, each a case.
    asserts: Vec<String>,
    /// The numbers of the values that were altered, in the order of the tests' source.
    control: Vec<u64>,
}

impl AlteredTests {
    /// Reads what the job of an [`alter_plan`](super::alter_plan) reported under this nonce.
    ///
    /// # Errors
    /// Why it is not what that driver reports.
    pub fn read(events: &[u8], nonce: &[u8; 32]) -> Result<Self, String> {
        let line = events.strip_suffix(b"\n").unwrap_or(events);
        let json = authentic(line, nonce).ok_or("the tests were not altered")?;
        serde_json::from_slice(json).map_err(|error| format!("the altered tests: {error}"))
    }

    /// Puts these into a driver's payload, in the place of the task's own.
    pub(super) fn replace(&self, payload: &mut Value) {
        for (name, new) in [
            ("tests", json!(self.tests)),
            ("check", json!(self.check)),
            ("asserts", json!(self.asserts)),
        ] {
            if let Some(place) = payload.get_mut(name) {
                *place = new;
            }
        }
        payload["control"] = json!(self.control);
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::signed::signed;
    use super::*;

    #[test]
    fn only_what_the_driver_signed_is_taken() {
        let nonce = [3; 32];
        let event = r#"{"seq":0,"event":"altered_tests","tests":"t","check":null,"asserts":[],"control":[2,5]}"#;
        let events = signed(&nonce, event);
        let altered = AlteredTests::read(&events, &nonce).unwrap();
        let mut payload = json!({"tests": "old", "code": "c", "control": null});
        altered.replace(&mut payload);
        assert_eq!(
            payload,
            json!({"tests": "t", "code": "c", "control": [2, 5]})
        );
        assert!(AlteredTests::read(&events, &[4; 32]).is_err());
        assert!(AlteredTests::read(&events.repeat(2), &nonce).is_err());
        assert!(AlteredTests::read(b"", &nonce).is_err());
    }
}
