//! Why a sample that became secure stopped working: classes as in the paper's Table 6, by ordered rules over features
//! that are kept beside the class, so that a reader sees why. Pure: text in, a class out; nothing is run.

mod class;
mod program;
mod words;

pub use class::{Autopsy, Class, Features, Patient, examine};

/// Longest code that is parsed, in bytes. Answers of models are a tenth of that.
pub const LONGEST: usize = 64 * 1024;

/// Examines all of them.
pub fn examine_all(patients: &[Patient<'_>]) -> Vec<Autopsy> {
    patients.iter().map(examine).collect()
}
