//! How a dataset's tests run inside the sandbox: a driver in Python for each kind of test, what it is
//! given, and what it reports. Nothing here touches the kernel.

pub mod closures;
pub mod equality;
pub mod import_order;
pub mod imports;
pub mod launch;
pub mod oracle;
pub mod plan;
pub mod prepared;
pub mod reference;
pub mod safety;
pub mod transcript;
pub mod value;

pub use closures::Closures;
pub use import_order::ImportOrder;
pub use plan::{Grading, Plan, control_plan, is_controlled, plan, prepare_plan, survey_plan};
pub use prepared::PreparedTests;
pub use reference::{Reference, needs_reference};
pub use safety::{
    SafetyCases, SafetyOutcome, SafetyReport, SafetyResult, safety_plan, safety_split_plan,
};
pub use transcript::{CaseOutcome, CaseReport, CaseResult, Suspicion, Transcript};
pub use value::Value;
