//! When to ask a judge again. Pure.

use std::time::Duration;

use crate::base::digest::Digest;

/// Longest that a server may make us wait.
const LONGEST: Duration = Duration::from_secs(300);
/// Longest that we wait by ourselves.
const LONGEST_OWN: Duration = Duration::from_secs(60);

/// How a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may go well another time; the server may have said when.
    Passing(String, Option<Duration>),
    /// This question will never be answered.
    Question(String),
    /// It is refused: this question, or every one.
    Refused(String),
    /// No question will be answered.
    Judge(String),
}

/// What a status means, with what the server said.
pub(super) fn of_status(status: u16, retry_after: Option<Duration>, said: &str) -> Trouble {
    let why = format!("the server answers {status}: {said}");
    match status {
        // So OpenAI says that the money is used up, with the status of a rate limit.
        429 if said.contains("insufficient_quota") => Trouble::Judge(why),
        408 | 409 | 425 | 429 | 500..=599 => Trouble::Passing(why, retry_after),
        // Key, payment, rights, address or model: the same for every question.
        // Gateways and guards of content answer so to what a program holds, and others to a key that is none.
        403 => Trouble::Refused(why),
        401..=405 | 410 => Trouble::Judge(why),
        300..=399 => Trouble::Judge(format!("the server sends us elsewhere ({status})")),
        _ => Trouble::Question(why),
    }
}

/// How long to wait before the next try, the first try being number 1: twice as long each time, and up to half of that
/// more or less, by the question, so that many do not come back at once.
pub(super) fn pause(
    number: u32,
    base: Duration,
    question: &Digest,
    asked: Option<Duration>,
) -> Duration {
    let doubled = base.saturating_mul(1 << number.saturating_sub(1).min(16));
    let [first, ..] = question.as_bytes();
    let share = 0.5 + f64::from(*first ^ (number as u8).wrapping_mul(89)) / 255.0;
    let own = doubled.min(LONGEST_OWN).mul_f64(share);
    own.max(asked.unwrap_or_default()).min(LONGEST)
}

/// The header `Retry-After` in seconds; a date is not understood and not waited for.
pub(super) fn retry_after(header: &str) -> Option<Duration> {
    let seconds: f64 = header.trim().parse().ok()?;
    let seconds = Some(seconds).filter(|s| s.is_finite() && *s >= 0.0)?;
    Some(Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_whether_to_ask_again() {
        let passing = |status| matches!(of_status(status, None, ""), Trouble::Passing(..));
        let judge = |status| matches!(of_status(status, None, ""), Trouble::Judge(_));
        let question = |status| matches!(of_status(status, None, ""), Trouble::Question(_));
        assert!([429, 500, 502, 503, 504, 529, 408].into_iter().all(passing));
        assert!([401, 402, 404, 302].into_iter().all(judge));
        assert!(matches!(of_status(403, None, ""), Trouble::Refused(_)));
        assert!([400, 413, 422].into_iter().all(question));
    }

    #[test]
    fn pauses_double_and_a_server_may_ask_for_more_but_not_for_ever() {
        let base = Duration::from_secs(1);
        let of = |number, asked| pause(number, base, &Digest::of("x"), asked);
        for number in 1..40 {
            let doubled = base
                .saturating_mul(1 << (number - 1).min(16))
                .min(LONGEST_OWN);
            let pause = of(number, None);
            assert!(
                pause >= doubled.mul_f64(0.5) && pause <= doubled.mul_f64(1.5),
                "{number}: {pause:?}"
            );
        }
        assert_eq!(
            of(1, Some(Duration::from_secs(20))),
            Duration::from_secs(20)
        );
        assert_eq!(of(1, Some(Duration::MAX)), LONGEST);
        assert_eq!(retry_after(" 2.5 "), Some(Duration::from_millis(2500)));
        assert_eq!(retry_after("1e30"), Some(LONGEST));
        for header in ["-1", "NaN", "inf", "Thu, 26 Nov 2026 16:00:00 GMT", ""] {
            assert_eq!(retry_after(header), None, "{header}");
        }
    }
}
