//! What `fumehood` returns to its caller. These numbers are an interface: scripts rely on them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Success = 0,
    /// The run ended, but not everything could be judged.
    Incomplete = 1,
    /// The command line is wrong.
    Usage = 2,
    /// An input file cannot be used.
    Input = 3,
    /// This host cannot enforce the sandbox.
    Sandbox = 4,
    /// A Python environment or a scanner is missing or broken.
    Environment = 5,
    /// It was interrupted; `--resume` goes on with it.
    Interrupted = 6,
    /// The run folder cannot be used.
    RunFolder = 7,
    /// A hostile program of `doctor --attack` got somewhere, or the host is not as it was.
    Breached = 8,
    /// A rule of `compare --fail-if` is broken, or cannot be decided.
    Regressed = 9,
}

impl Exit {
    /// Every code with its meaning, in the order of the help text.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Success, "everything asked for was done"),
        (
            Self::Incomplete,
            "the run ended, but input lines were rejected or samples could not be judged",
        ),
        (Self::Usage, "the command line is wrong"),
        (
            Self::Input,
            "a dataset, sample or label file cannot be used",
        ),
        (
            Self::Sandbox,
            "this host cannot enforce the sandbox (see `fumehood doctor`)",
        ),
        (
            Self::Environment,
            "a Python environment or a scanner is missing or broken",
        ),
        (Self::Interrupted, "interrupted; --resume goes on with it"),
        (
            Self::RunFolder,
            "the run folder cannot be used: other inputs, in use, damaged, disk full",
        ),
        (
            Self::Breached,
            "a hostile program of `doctor --attack` got somewhere",
        ),
        (
            Self::Regressed,
            "a rule of `compare --fail-if` is broken, or has no value to decide it by",
        ),
    ];

    /// The table as shown below `--help`.
    pub fn table() -> String {
        let mut text = String::from("Exit codes:");
        for (code, meaning) in Self::ALL {
            text.push_str(&format!("\n  {}  {meaning}", code as u8));
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
