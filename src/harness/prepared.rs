//! Tests of a task as a job of their own prepared them, which never saw a snippet.

use serde::Deserialize;
use serde_json::{Value, json};

use super::transcript::authentic;

/// Tests that were altered so that they cannot be passed, compiled, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct PreparedTests {
    /// Source of a `unittest` module.
    tests: Option<String>,
    /// Source of a function `check`.
    check: Option<String>,
    /// Assertions, each a case.
    asserts: Vec<String>,
    /// The numbers of the values that were altered, in the order of the tests' source.
    control: Vec<u64>,
    /// The names of a `unittest` module's tests,
    names: Vec<String>,
    /// those of them that hold altered values,
    altered: Vec<String>,
    /// and its code, for the interpreter that compiled it; empty for other tests, and for source that does not compile.
    code: String,
}

impl PreparedTests {
    /// Reads what the job of a [`prepare_plan`](super::prepare_plan) reported under this nonce.
    ///
    /// # Errors
    /// Why it is not what that driver reports.
    pub fn read(events: &[u8], nonce: &[u8; 32]) -> Result<Self, String> {
        let line = events.strip_suffix(b"\n").unwrap_or(events);
        let json = authentic(line, nonce).ok_or("the tests were not prepared")?;
        serde_json::from_slice(json).map_err(|error| format!("the prepared tests: {error}"))
    }

    /// Whether they were compiled, so that [`plan`](super::plan) can do without their source.
    pub fn are_compiled(&self) -> bool {
        !self.code.is_empty()
    }

    /// What they hold in memory, in bytes.
    pub fn size(&self) -> usize {
        let texts = [&self.tests, &self.check].into_iter().flatten();
        texts.chain(&self.asserts).map(String::len).sum::<usize>() + self.code.len()
    }

    /// The same without the source, where there is the code.
    #[must_use]
    pub fn without_source(self) -> Self {
        match self.are_compiled() {
            true => Self {
                tests: None,
                ..self
            },
            false => self,
        }
    }

    /// Puts these into a driver's payload, in the place of the task's own: what was altered of them, and their code if
    /// they are to be run compiled.
    pub(super) fn put_into(&self, payload: &mut Value, use_altered: bool, use_code: bool) {
        if use_altered {
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
        if use_code && self.are_compiled() {
            payload["tests"] = json!("");
            payload["prepared"] = json!({
                "names": self.names, "altered": self.altered, "code": self.code,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::signed::signed;
    use super::*;

    #[test]
    fn only_what_the_driver_signed_is_taken() {
        let nonce = [3; 32];
        let event =
            r#"{"seq":0,"event":"prepared","tests":"t","check":null,"asserts":[],"control":[2,5],
            "names":["a","b"],"altered":["b"],"code":"00"}"#
                .replace('\n', "");
        let events = signed(&nonce, &event);
        let prepared = PreparedTests::read(&events, &nonce).unwrap();
        let payload = |use_altered, use_code| {
            let mut payload = json!({"tests": "old", "code": "c", "control": null});
            prepared.put_into(&mut payload, use_altered, use_code);
            payload
        };
        assert_eq!(
            payload(true, false),
            json!({"tests": "t", "code": "c", "control": [2, 5]})
        );
        let compiled = json!({"names": ["a", "b"], "altered": ["b"], "code": "00"});
        assert_eq!(
            payload(false, true),
            json!({"tests": "", "code": "c", "control": null, "prepared": compiled})
        );
        assert_eq!(
            payload(true, true),
            json!({"tests": "", "code": "c", "control": [2, 5], "prepared": compiled})
        );
        assert!(PreparedTests::read(&events, &[4; 32]).is_err());
        assert!(PreparedTests::read(&events.repeat(2), &nonce).is_err());
        assert!(PreparedTests::read(b"", &nonce).is_err());
    }
}
