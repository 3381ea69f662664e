//! How long a job takes at half load, from the moment when it was due to the moment when its result
//! is there.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::contender::Sandboxed;
use super::error::BenchError;

/// The times of jobs that come at random, `rate` in a second on average, for some time. They come
/// whether or not earlier ones are done, so that a stall shows in all who met it.
///
/// # Errors
/// When a job fails.
pub(super) async fn at_rate(
    sandboxed: &Sandboxed,
    rate: f64,
    time: Duration,
) -> Result<Vec<Duration>, BenchError> {
    let (sender, results) = mpsc::channel();
    let (this, runtime) = (sandboxed.clone(), tokio::runtime::Handle::current());
    // A thread of its own: the runtime's clock is too coarse for gaps of less than a millisecond.
    let arrivals = move || {
        let begin = Instant::now();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut due = begin;
        loop {
            due += Duration::from_secs_f64(random.exponential() / rate.max(1.0));
            if due.duration_since(begin) >= time {
                return;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (this, sender) = (this.clone(), sender.clone());
            runtime.spawn(async move {
                let outcome = this.once().await;
                // The receiver waits for every sender.
                let _ = sender.send(outcome.map(|()| due.elapsed()));
            });
        }
    };
    let collected = tokio::task::spawn_blocking(move || {
        let thread = std::thread::spawn(arrivals);
        let times: Result<Vec<_>, _> = results.into_iter().collect();
        // It only sleeps and spawns; times that are missing show as such.
        let _ = thread.join();
        times
    });
    match collected.await {
        Ok(times) => times,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Numbers without a pattern, the same in every run.
struct Random(u64);

impl Random {
    /// The gap between two events that happen at random, once in a unit of time on average.
    fn exponential(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // 53 bits, as many as a float holds, none of them all zero.
        let uniform = ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -uniform.ln()
    }
}

/// The value below which this share of the sorted times lies, in milliseconds; `None` without times.
pub(super) fn quantile(sorted: &[Duration], share: f64) -> Option<f64> {
    let place = (share * sorted.len() as f64).ceil() as usize;
    let value = sorted.get(place.saturating_sub(1))?;
    Some(value.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_the_mean_that_was_asked_for() {
        let mut random = Random(1);
        let sum: f64 = (0..100_000).map(|_| random.exponential()).sum();
        assert!((sum / 1e5 - 1.0).abs() < 0.02, "{sum}");
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 0.5), Some(100.0));
        assert_eq!(quantile(&times, 0.99), Some(198.0));
        assert_eq!(quantile(&times[..1], 0.99), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
