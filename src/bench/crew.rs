//! Processes that do the same thing side by side, as many as there are workers.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::error::BenchError;
use super::member::SUBCOMMAND;

/// A crew; see [`super::member`] for how it is spoken to.
#[derive(Debug)]
pub(super) struct Crew {
    who: &'static str,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    child: Child,
    /// Gone only while the member is dropped.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// A command with its whole environment.
pub(super) struct Line<'a> {
    pub(super) program: &'a OsStr,
    pub(super) arguments: Vec<String>,
    pub(super) env: Vec<(String, String)>,
}

impl Crew {
    /// A crew that starts a program and waits for it, again and again.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn of_spawners(
        who: &'static str,
        size: usize,
        fumehood: &Path,
        line: &Line<'_>,
    ) -> Result<Self, BenchError> {
        Self::start(who, size, || {
            let mut command = Command::new(fumehood);
            command.arg(SUBCOMMAND).arg(line.program);
            command.args(&line.arguments);
            command.env_clear().envs(line.env.iter().cloned());
            command
        })
    }

    /// A crew of programs that do the work themselves.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn of_workers(
        who: &'static str,
        size: usize,
        line: &Line<'_>,
    ) -> Result<Self, BenchError> {
        Self::start(who, size, || {
            let mut command = Command::new(line.program);
            command.args(&line.arguments);
            command.env_clear().envs(line.env.iter().cloned());
            command
        })
    }

    fn start(
        who: &'static str,
        size: usize,
        command: impl Fn() -> Command,
    ) -> Result<Self, BenchError> {
        let members = (0..size)
            .map(|_| {
                let mut child = command()
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .map_err(BenchError::io(format!("start {who}")))?;
                let (input, output) = (child.stdin.take(), child.stdout.take());
                match (input, output) {
                    (Some(input), Some(output)) => Ok(Member {
                        child,
                        input: Some(input),
                        output: BufReader::new(output),
                    }),
                    _ => Err(BenchError::Contender {
                        who,
                        what: "it has no pipes".to_owned(),
                    }),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { who, members })
    }

    /// Has all work for some time, and gives the pieces of work done in a second by all together.
    ///
    /// # Errors
    /// When one of them fails: the pace of what did not work says nothing.
    pub(super) fn work(&mut self, time: Duration) -> Result<f64, BenchError> {
        let size = self.members.len();
        self.first(size, time)
    }

    /// The same with one of them alone.
    ///
    /// # Errors
    /// As [`Crew::work`].
    pub(super) fn work_alone(&mut self, time: Duration) -> Result<f64, BenchError> {
        self.first(1, time)
    }

    fn first(&mut self, count: usize, time: Duration) -> Result<f64, BenchError> {
        let who = self.who;
        let lost = |error: std::io::Error| BenchError::Contender {
            who,
            what: format!("it is gone: {error}"),
        };
        let order = format!("{}\n", time.as_millis());
        for member in self.members.iter_mut().take(count) {
            if let Some(input) = &mut member.input {
                input.write_all(order.as_bytes()).map_err(lost)?;
            }
        }
        let mut rate = 0.0;
        for member in self.members.iter_mut().take(count) {
            let mut answer = String::new();
            member.output.read_line(&mut answer).map_err(lost)?;
            rate += pace(answer.trim()).ok_or_else(|| BenchError::Contender {
                who,
                what: match answer.trim().strip_prefix("failed ") {
                    Some(why) => why.to_owned(),
                    None => "it ended before its time".to_owned(),
                },
            })?;
        }
        Ok(rate)
    }
}

/// Pieces of work in a second, from a member's answer.
fn pace(answer: &str) -> Option<f64> {
    let (count, nanos) = answer.split_once(' ')?;
    let (count, nanos) = (count.parse::<u64>().ok()?, nanos.parse::<u64>().ok()?);
    Some(count as f64 / (nanos.max(1) as f64 / 1e9))
}

impl Drop for Member {
    fn drop(&mut self) {
        // It ends with its input. One that hangs is not waited for.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_paces_or_reasons() {
        assert_eq!(pace("3 1500000000"), Some(2.0));
        assert_eq!(pace("failed 3 1"), None);
        assert_eq!(pace(""), None);
        // A shell can be a member, too: it does "two pieces of work in half a second".
        let script = |text: &str| {
            let line = Line {
                program: OsStr::new("/bin/sh"),
                arguments: vec!["-c".to_owned(), text.to_owned()],
                env: Vec::new(),
            };
            let mut crew = Crew::of_workers("the shell", 2, &line).unwrap();
            crew.work(Duration::ZERO).map_err(|error| error.to_string())
        };
        assert_eq!(script("read x; echo 2 500000000"), Ok(8.0));
        let why = script("read x; echo failed to work");
        assert_eq!(why, Err("the shell: to work".to_owned()));
        let why = script("read x");
        assert_eq!(why, Err("the shell: it ended before its time".to_owned()));
    }
}
