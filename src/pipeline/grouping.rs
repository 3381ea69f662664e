//! What samples are grouped by in reports: by what their file and their task say, and by nothing that a run finds out. A
//! sample that is tried again must not change its group.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::base::digest::Digest;
use crate::base::text::one_line;
use crate::journal::VerdictRecord;

/// Characters of a group's name that one key may take.
const NAME: usize = 100;
/// Keys of one grouping.
const KEYS: usize = 4;
/// Groups that one sample may be in.
const GROUPS_OF_A_SAMPLE: usize = 64;

/// How samples are grouped: by model and technique as they name them, or by other things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    keys: Vec<Key>,
}

/// One thing to group by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Dataset,
    Model,
    Technique,
    Task,
    /// Every library that the task names: a sample is in the group of each.
    Library,
    /// A field of the task, else of the sample.
    Field(String),
}

impl Grouping {
    /// Whether it is by model and technique.
    pub fn is_default(&self) -> bool {
        self.keys.is_empty()
    }

    /// The groups that a sample is in, sorted, at least one. `None` is a group without a name.
    pub fn of(&self, dataset: &str, record: &VerdictRecord) -> Vec<Option<String>> {
        if self.is_default() {
            return vec![match (&record.model, &record.technique) {
                (None, None) => None,
                (Some(name), None) | (None, Some(name)) => Some(name.clone()),
                (Some(model), Some(technique)) => Some(format!("{model} + {technique}")),
            }];
        }
        let mut names = BTreeSet::from([String::new()]);
        for key in &self.keys {
            let values = key.values(dataset, record);
            let with = |name: &String| -> Vec<String> {
                let values = values.iter();
                values
                    .map(|value| match name.is_empty() {
                        true => value.clone(),
                        false => format!("{name} + {value}"),
                    })
                    .collect()
            };
            let all = names.iter().flat_map(with);
            names = all.take(GROUPS_OF_A_SAMPLE).collect();
        }
        names.into_iter().map(Some).collect()
    }
}

impl Key {
    fn values(&self, dataset: &str, record: &VerdictRecord) -> Vec<String> {
        let none = || vec![format!("(no {self})")];
        let one = |value: Option<&str>| match value {
            Some(value) if !value.trim().is_empty() => vec![bounded(value.trim())],
            _ => none(),
        };
        match self {
            Self::Dataset => one(Some(dataset)),
            Self::Model => one(record.model.as_deref()),
            Self::Technique => one(record.technique.as_deref()),
            Self::Task => one(Some(record.sample.task.as_str())),
            Self::Library => {
                let libraries = record.labels.get("libs").map_or("", String::as_str);
                let names: BTreeSet<&str> = libraries
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .collect();
                match names.is_empty() {
                    true => none(),
                    false => names.into_iter().map(bounded).collect(),
                }
            }
            Self::Field(name) => {
                let value = record.labels.get(name).or_else(|| record.fields.get(name));
                one(value.map(String::as_str))
            }
        }
    }
}

/// A value on one line, bounded. Two long values that begin alike stay two.
fn bounded(value: &str) -> String {
    let name = one_line(value, NAME);
    match name == value {
        true => name,
        false => format!("{name} #{}", Digest::of(value).short(8)),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dataset => "dataset",
            Self::Model => "model",
            Self::Technique => "technique",
            Self::Task => "task",
            Self::Library => "library",
            Self::Field(name) => name,
        })
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_default() {
            return f.write_str("model + technique");
        }
        let keys: Vec<String> = self.keys.iter().map(Key::to_string).collect();
        f.write_str(&keys.join(" + "))
    }
}

impl FromStr for Grouping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keys: Vec<Key> = text
            .split(',')
            .map(|word| match word.trim() {
                "" => Err("a name is missing; write for example model,cwe".to_owned()),
                "dataset" => Ok(Key::Dataset),
                "model" => Ok(Key::Model),
                "technique" => Ok(Key::Technique),
                "task" => Ok(Key::Task),
                "library" | "libs" => Ok(Key::Library),
                // Labels of tasks are written small, as `cwe` is.
                "CWE" => Ok(Key::Field("cwe".to_owned())),
                name => Ok(Key::Field(one_line(name, NAME))),
            })
            .collect::<Result<_, _>>()?;
        match keys.len() {
            0..=KEYS => Ok(Self { keys }),
            more => Err(format!("{more} names are too many: {KEYS} at most")),
        }
    }
}
