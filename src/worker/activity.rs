//! Whether a job uses a processor, or waits for something else.

use std::time::{Duration, Instant};

/// How long it is watched before anything is said of it.
const WINDOW: Duration = Duration::from_millis(100);
/// It waits when it needs less of a processor than one part in this many,
const WAITS_BELOW: u32 = 10;
/// and uses one again when it needs more than one part in this many. Between the two nothing changes.
const USES_ABOVE: u32 = 3;
/// A look that took long is not repeated before that many times as long has passed.
const LOOKS_SHARE: u32 = 50;

/// A job under watch, in windows one after the other.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    due: Instant,
    used: Duration,
    delayed: Duration,
    waits: bool,
}

impl Activity {
    /// For a job that starts now and uses a processor until the contrary is seen.
    pub(super) fn from(started: Instant) -> Self {
        Self {
            began: started,
            due: started + WINDOW,
            used: Duration::ZERO,
            delayed: Duration::ZERO,
            waits: false,
        }
    }

    /// Whether the window is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Whether it must be known how long the job waited for a processor: one that gets none seems to
    /// need none. `used` is the processor time that it has used in all.
    pub(super) fn is_quiet(&self, now: Instant, used: Duration) -> bool {
        used.saturating_sub(self.used) * USES_ABOVE < now.saturating_duration_since(self.began)
    }

    /// Ends the window; says whether the job waits, if that has changed. `delayed` is how long it has
    /// waited for a processor in all, and `cost` what it took to find out.
    pub(super) fn look(
        &mut self,
        now: Instant,
        used: Duration,
        delayed: Duration,
        cost: Duration,
    ) -> Option<bool> {
        let window = now.saturating_duration_since(self.began);
        let needed = used.saturating_sub(self.used) + delayed.saturating_sub(self.delayed);
        self.began = now;
        self.due = now + WINDOW.max(cost * LOOKS_SHARE);
        (self.used, self.delayed) = (used, delayed);
        let waits = match self.waits {
            false => needed * WAITS_BELOW < window,
            true => needed * USES_ABOVE <= window,
        };
        (waits != self.waits).then_some(waits)
    }

    /// The supervisor knows.
    pub(super) fn told(&mut self, waits: bool) {
        self.waits = waits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Windows one after the other, each with what was used and delayed in it; gives what was said.
    fn story(windows: &[(u64, u64)]) -> Vec<Option<bool>> {
        let started = Instant::now();
        let mut activity = Activity::from(started);
        let (mut at, mut used, mut delayed) = (started, millis(0), millis(0));
        let mut said = Vec::new();
        for (more_used, more_delayed) in windows {
            assert!(!activity.is_due(at));
            at += WINDOW;
            assert!(activity.is_due(at));
            used += millis(*more_used);
            delayed += millis(*more_delayed);
            let word = activity.look(at, used, delayed, millis(0));
            if let Some(waits) = word {
                activity.told(waits);
            }
            said.push(word);
        }
        said
    }

    #[test]
    fn a_sleeper_waits_until_it_works_again() {
        let said = story(&[(90, 0), (2, 0), (0, 0), (80, 0), (100, 0)]);
        assert_eq!(said, [None, Some(true), None, Some(false), None]);
    }

    #[test]
    fn who_gets_no_processor_does_not_wait_for_something_else() {
        assert_eq!(story(&[(0, 100), (1, 95), (0, 100)]), [None; 3]);
        let said = story(&[(0, 0), (0, 90)]);
        assert_eq!(said, [Some(true), Some(false)]);
    }

    #[test]
    fn little_ups_and_downs_change_nothing() {
        assert_eq!(story(&[(20, 0), (11, 0), (30, 0), (15, 0)]), [None; 4]);
        let said = story(&[(5, 0), (20, 0), (30, 0), (2, 0), (25, 0)]);
        assert_eq!(said, [Some(true), None, None, None, None]);
    }

    #[test]
    fn a_word_that_was_not_taken_is_said_again_and_dear_looks_are_rare() {
        let started = Instant::now();
        let mut activity = Activity::from(started);
        let mut at = started + WINDOW;
        for _ in 0..3 {
            let word = activity.look(at, millis(0), millis(0), millis(0));
            assert_eq!(word, Some(true));
            at += WINDOW;
        }
        let _ = activity.look(at, millis(0), millis(0), millis(20));
        assert!(!activity.is_due(at + millis(999)));
        assert!(activity.is_due(at + millis(1000)));
    }
}
