//! One member of a crew: a process of one thread that does the same thing again and again. It is
//! fumehood itself under a hidden subcommand, so that processes are started from a small parent that
//! shares nothing with its colleagues, however many there are.
//!
//! It reads lines from its standard input, each a number of milliseconds, works for that long (one
//! piece of work at least), and answers with the pieces done and the nanoseconds taken, or with
//! `failed` and the reason. It ends with its input.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The hidden subcommand; the command to be repeated follows it.
pub const SUBCOMMAND: &str = "__bench";

/// Runs a member.
pub fn serve() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(2).collect();
    let Some((program, arguments)) = words.split_first() else {
        return ExitCode::FAILURE;
    };
    let Ok(null) = File::options().read(true).write(true).open("/dev/null") else {
        return ExitCode::FAILURE;
    };
    let work = || -> Result<(), String> {
        let stdio = || null.try_clone().map(Stdio::from);
        let failed = |error: io::Error| format!("cannot start {}: {error}", program.display());
        // Without further wishes this is posix_spawn: the parent's memory is never copied.
        let status = Command::new(program)
            .args(arguments)
            .stdin(stdio().map_err(failed)?)
            .stdout(stdio().map_err(failed)?)
            .stderr(stdio().map_err(failed)?)
            .status()
            .map_err(failed)?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{} ended with {status}", program.display())),
        }
    };
    match repeat(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn repeat(mut work: impl FnMut() -> Result<(), String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let time = Duration::from_millis(line?.trim().parse().map_err(io::Error::other)?);
        let begin = Instant::now();
        let mut count = 0_u64;
        let outcome = loop {
            if let Err(what) = work() {
                break Err(what);
            }
            count += 1;
            if begin.elapsed() >= time {
                break Ok(begin.elapsed());
            }
        };
        match outcome {
            Ok(taken) => writeln!(out, "{count} {}", taken.as_nanos())?,
            Err(what) => writeln!(out, "failed {what}")?,
        }
        out.flush()?;
    }
    Ok(())
}
