//! Progress on standard error: a line that moves on a terminal, a plain one now and then elsewhere.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::live::Live;
use super::output::say;
use crate::pipeline::{Snapshot, Tally};

const REDRAW: Duration = Duration::from_millis(200);
const PLAIN_LINE: Duration = Duration::from_secs(10);

/// Shows a run's counters until it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to show `tally`, with the run's figures as they come; shows nothing at all when `quiet`.
    pub(super) fn show(tally: Arc<Tally>, live: Option<Live>, quiet: bool) -> Self {
        if quiet {
            return Self {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            if io::stderr().is_terminal() {
                moving(&tally, live, &stopped);
            } else {
                plain(&tally, live, &stopped);
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there took nothing but the display.
            let _ = thread.join();
        }
    }
}

/// The figures of a run that is under way. What goes wrong with them must not disturb the run: they are left out
/// then, and the report says what is wrong.
fn figures(live: &mut Option<Live>) -> Vec<String> {
    let Some(known) = live else {
        return Vec::new();
    };
    let begun = Instant::now();
    loop {
        match known.poll() {
            // The rest comes the next time.
            Ok(true) if begun.elapsed() < REDRAW => {}
            Ok(_) => return known.lines(),
            Err(_) => {
                *live = None;
                return Vec::new();
            }
        }
    }
}

fn moving(tally: &Tally, mut live: Option<Live>, stopped: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    let mut clock = Clock::default();
    while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        let now = tally.snapshot();
        let mut text = line(&now, clock.elapsed(now.phase));
        for line in figures(&mut live) {
            text.push_str("\n  ");
            text.push_str(&line);
        }
        bar.set_message(text);
    }
    bar.finish_and_clear();
}

fn plain(tally: &Tally, mut live: Option<Live>, stopped: &mpsc::Receiver<()>) {
    let mut clock = Clock::default();
    let mut last = None;
    let mut said = Instant::now();
    while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        let now = tally.snapshot();
        let elapsed = clock.elapsed(now.phase);
        if said.elapsed() >= PLAIN_LINE && last.as_ref() != Some(&now) {
            said = Instant::now();
            say(&line(&now, elapsed));
            for line in figures(&mut live) {
                say(&format!("  {line}"));
            }
            last = Some(now);
        }
    }
}

/// Time since a phase began.
#[derive(Default)]
struct Clock {
    phase: Option<(&'static str, Instant)>,
}

impl Clock {
    fn elapsed(&mut self, phase: &'static str) -> Duration {
        match self.phase {
            Some((known, since)) if known == phase => since.elapsed(),
            _ => {
                self.phase = Some((phase, Instant::now()));
                Duration::ZERO
            }
        }
    }
}

/// One line: `samples 120/1140, 8.3/s, 2m03s left; 100 passed, 20 failed; 90 scanned`.
fn line(now: &Snapshot, elapsed: Duration) -> String {
    let seen = now.done + now.resumed;
    let mut text = match now.total {
        Some(total) => format!("{} {seen}/{total}", now.phase),
        None => format!("{} {seen}", now.phase),
    };
    let rate = now.done as f64 / elapsed.as_secs_f64().max(0.001);
    if now.done > 0 && elapsed > Duration::from_secs(1) {
        text.push_str(&format!(", {rate:.1}/s"));
        if let Some(left) = now.total.map(|total| total.saturating_sub(seen)) {
            text.push_str(&format!(", {} left", span(left as f64 / rate)));
        }
    }
    if !now.verdicts.is_empty() {
        let counts: Vec<_> = now
            .verdicts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        text.push_str(&format!("; {}", counts.join(", ")));
    }
    for (count, what) in [
        (now.scanned, "scanned"),
        (now.copied, "same as another"),
        (now.resumed, "known before"),
        (now.rejected, "lines rejected"),
    ] {
        if count > 0 {
            text.push_str(&format!("; {count} {what}"));
        }
    }
    text
}

fn span(seconds: f64) -> String {
    // Saturating: nobody waits that long.
    let seconds = seconds.ceil() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::VerdictKind;

    #[test]
    fn the_line_tells_rate_time_left_and_verdicts() {
        let now = Snapshot {
            phase: "samples",
            total: Some(200),
            done: 50,
            resumed: 50,
            rejected: 1,
            scanned: 40,
            copied: 7,
            verdicts: vec![(VerdictKind::Passed, 30), (VerdictKind::Timeout, 20)],
        };
        assert_eq!(
            line(&now, Duration::from_secs(50)),
            "samples 100/200, 1.0/s, 1m40s left; 30 passed, 20 timeout; 40 scanned; \
             7 same as another; 50 known before; 1 lines rejected"
        );
        assert_eq!(span(3599.5), "1h00m");
        assert_eq!(
            span(f64::INFINITY),
            format!("{}h{:02}m", u64::MAX / 3600, u64::MAX / 60 % 60)
        );
    }
}
