//! Why a command failed: an exit code, an error with its causes, and what to do about it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::exec::sandbox_failure;
use super::exit_code::Exit;
use crate::base::text::for_terminal;
use crate::dataset::InputError;
use crate::journal::JournalError;
use crate::pipeline::PipelineError;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// What the caller gets.
    pub exit: Exit,
    /// What went wrong.
    pub error: anyhow::Error,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with this code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
            hint: None,
        }
    }

    /// The same, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The message as printed. Causes that repeat what was said already are left out, and nothing in
    /// it can steer a terminal.
    pub fn message(&self) -> String {
        let mut text = format!("error: {}", self.error);
        let mut said = self.error.to_string();
        for cause in self.error.chain().skip(1) {
            let cause = cause.to_string();
            if !said.contains(&cause) {
                let _ = write!(text, "\n  caused by: {cause}");
                said = cause;
            }
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  hint: {hint}");
        }
        for_terminal(&text)
    }

    /// Prints the message, unless the reader of our output has gone away, and gives the exit code.
    pub fn report(&self) -> Exit {
        if is_broken_pipe(&self.error) {
            return Exit::Success;
        }
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{}", self.message());
        self.exit
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let hint = error.hint();
        Self {
            hint,
            ..Self::new(Exit::RunFolder, error)
        }
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::new(Exit::Input, error)
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Input(error) => error.into(),
            PipelineError::Journal(error) => error.into(),
            PipelineError::Worker(error) => sandbox_failure(error),
            PipelineError::NoSuchTask(_) | PipelineError::NothingToDo(_) => {
                Self::new(Exit::Input, error)
            }
            PipelineError::Unlike(_) => Self::new(Exit::RunFolder, error)
                .hint("evaluate all alike; `fumehood compare` sets runs side by side that differ"),
            PipelineError::State(_) => Self::new(Exit::RunFolder, error),
            PipelineError::Scanner(_) => Self::new(Exit::Environment, error),
            PipelineError::Interrupted => Self::new(Exit::Interrupted, error)
                .hint("everything judged so far is kept; the same command with --resume goes on"),
            PipelineError::Metrics(_) | PipelineError::Io { .. } => {
                Self::new(Exit::RunFolder, error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_and_advice_are_printed_once() {
        let cause = io::Error::other("the disk\u{1b} is on fire");
        let failure = Failure::new(
            Exit::RunFolder,
            anyhow::Error::new(cause).context("cannot write x"),
        )
        .hint("call for help");
        assert_eq!(
            failure.message(),
            "error: cannot write x\n  caused by: the disk\\u{1b} is on fire\n  hint: call for help"
        );
    }
}
