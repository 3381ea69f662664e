//! Running the user's own Python and pip on the host: bounded output, no terminal, no surprises from
//! the environment.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Lines of a failed program that are shown.
const LAST_LINES: usize = 15;
/// Longest part of a line that is kept.
const LINE_BYTES: u64 = 2000;

/// Variables that change what Python imports or where pip installs; an environment must not depend
/// on them. A mirror, a proxy or a certificate of the user's stays in force.
const REMOVED: [&str; 15] = [
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONPLATLIBDIR",
    "__PYVENV_LAUNCHER__",
    "VIRTUAL_ENV",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_NO_BINARY",
    "PIP_REQUIRE_VIRTUALENV",
];

/// A command for `python`, with an environment in which it does only what it is told.
pub(crate) fn python(python: &Path) -> Command {
    let mut command = Command::new(python);
    for name in REMOVED {
        command.env_remove(name);
    }
    command
        .env("PYTHONNOUSERSITE", "1")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .stdin(Stdio::null());
    command
}

/// How a program ended, and the end of what it printed.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) last_lines: Vec<String>,
}

/// Runs `command` to its end and hands every line that it prints to `line`.
pub(crate) fn stream(command: &mut Command, mut line: impl FnMut(&str)) -> io::Result<Ended> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the pipe's writing ends; while it does, there is no end of file.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut last_lines = VecDeque::new();
    let mut reader = BufReader::new(reader);
    loop {
        let mut bytes = Vec::new();
        let read = (&mut reader)
            .take(LINE_BYTES)
            .read_until(b'\n', &mut bytes)?;
        if read == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        if text.is_empty() {
            continue;
        }
        line(text);
        if last_lines.len() == LAST_LINES {
            last_lines.pop_front();
        }
        last_lines.push_back(text.to_owned());
    }
    Ok(Ended {
        status: child.wait()?,
        last_lines: last_lines.into(),
    })
}

/// What a program left: exit status, standard output, standard error.
pub(crate) type Output = (ExitStatus, Vec<u8>, Vec<u8>);

/// Runs `command` for at most `limit` and gives what it left, each stream cut at
/// `bytes`. `None` when the time ran out; the program is then killed.
pub(crate) fn output_within(
    command: &mut Command,
    limit: Duration,
    bytes: u64,
) -> io::Result<Option<Output>> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().map(|pipe| drain(pipe, bytes));
    let stderr = child.stderr.take().map(|pipe| drain(pipe, bytes));
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    };
    // A grandchild may still hold the pipes, so their end is not waited for without a limit.
    let collect = |stream: Option<mpsc::Receiver<Vec<u8>>>| {
        stream
            .and_then(|stream| stream.recv_timeout(Duration::from_secs(5)).ok())
            .unwrap_or_default()
    };
    Ok(Some((status, collect(stdout), collect(stderr))))
}

fn drain(pipe: impl Read + Send + 'static, bytes: u64) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut pipe = pipe;
        // A failed read ends the stream: what arrived until then is what there is.
        let _ = (&mut pipe).take(bytes).read_to_end(&mut kept);
        let _ = io::copy(&mut pipe, &mut io::sink());
        let _ = sender.send(kept);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_of_both_streams_arrive_and_the_last_are_kept() {
        let mut seen = 0;
        let ended = stream(
            &mut shell("for i in $(seq 40); do echo line $i; done; echo oops >&2; exit 3"),
            |_| seen += 1,
        )
        .unwrap();
        assert_eq!((seen, ended.status.code()), (41, Some(3)));
        assert_eq!(ended.last_lines.len(), LAST_LINES);
        assert_eq!(ended.last_lines.last().unwrap(), "oops");
    }

    #[test]
    fn output_is_bounded_in_size_and_time() {
        let (status, out, err) = output_within(
            &mut shell("yes | head -c 100000; echo e >&2"),
            Duration::from_secs(60),
            1000,
        )
        .unwrap()
        .unwrap();
        assert!(status.success());
        assert_eq!((out.len(), err.as_slice()), (1000, b"e\n".as_slice()));
        let endless = output_within(&mut shell("exec sleep 600"), Duration::from_millis(20), 10);
        assert!(endless.unwrap().is_none());
    }
}
