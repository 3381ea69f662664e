//! What the requests of a pool came to, for whoever asks where the time went. No result depends on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::observation::Observation;
use crate::harness::transcript::Marks;

/// What the requests under one profile came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// How many there were.
    pub jobs: u64,
    /// CPU time of their processes.
    pub cpu: Duration,
    /// From the start of each program to its end.
    pub wall: Duration,
    /// From the moment when a worker had the request to its answer: the wall time, and what the
    /// sandbox took before and after.
    pub held: Duration,
    /// CPU time of the workers and their sandboxes around the programs, as far as somebody counts it.
    pub around: Duration,
    /// From the moment when the request was made: what was held, and waiting for a worker.
    pub asked: Duration,
    /// Of the wall time, until the driver's first event: the interpreter's start.
    pub start_up: Duration,
    /// From there until the code and its tests were loaded, their imports included.
    pub loading: Duration,
    /// From there to the driver's last event.
    pub tests: Duration,
    /// From there to the end.
    pub ending: Duration,
}

const TIMES: usize = 9;

impl Account {
    /// What one request came to that was answered so long after it was made.
    fn of(asked: Duration, observation: &Observation) -> Self {
        let [start_up, loading, tests, ending] = stages(observation);
        Self {
            jobs: 1,
            cpu: observation.usage.cpu,
            wall: observation.usage.wall,
            held: observation.course.held,
            around: observation.course.around,
            asked,
            start_up,
            loading,
            tests,
            ending,
        }
    }

    /// Adds what others came to.
    pub fn add(&mut self, mut more: Self) {
        self.jobs += more.jobs;
        for (mine, theirs) in self.times().into_iter().zip(more.times()) {
            *mine += *theirs;
        }
    }

    /// All times, in one order.
    fn times(&mut self) -> [&mut Duration; TIMES] {
        [
            &mut self.cpu,
            &mut self.wall,
            &mut self.held,
            &mut self.around,
            &mut self.asked,
            &mut self.start_up,
            &mut self.loading,
            &mut self.tests,
            &mut self.ending,
        ]
    }
}

/// An account that many add to at once.
#[derive(Debug, Default)]
struct Cells {
    jobs: AtomicU64,
    /// As in [`Account::times`], in nanoseconds.
    times: [AtomicU64; TIMES],
}

/// The accounts of a pool, by profile. Whoever adds locks nothing.
#[derive(Debug)]
pub(super) struct Accounts(BTreeMap<String, Cells>);

impl Accounts {
    /// Empty ones for these profiles.
    pub(super) fn of(profiles: impl Iterator<Item = String>) -> Self {
        Self(profiles.map(|name| (name, Cells::default())).collect())
    }

    /// Adds a request under a profile that was answered so long after it was made.
    pub(super) fn add(&self, profile: &str, asked: Duration, observation: &Observation) {
        let Some(cells) = self.0.get(profile) else {
            return;
        };
        cells.jobs.fetch_add(1, Ordering::Relaxed);
        let mut account = Account::of(asked, observation);
        for (cell, time) in cells.times.iter().zip(account.times()) {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            cell.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// What there is by now.
    pub(super) fn read(&self) -> BTreeMap<String, Account> {
        let account = |cells: &Cells| {
            let mut account = Account {
                jobs: cells.jobs.load(Ordering::Relaxed),
                ..Account::default()
            };
            for (cell, time) in cells.times.iter().zip(account.times()) {
                *time = Duration::from_nanos(cell.load(Ordering::Relaxed));
            }
            account
        };
        let all = self.0.iter();
        all.map(|(name, cells)| (name.clone(), account(cells)))
            .collect()
    }
}

/// How the wall time of a job divides: until its first event, until its code was loaded, until its
/// last event, until its end. A stage that was not reached took nothing; whatever is left belongs to
/// the last one that began. All zero without a channel for events.
fn stages(observation: &Observation) -> [Duration; 4] {
    let mut stages = [Duration::ZERO; 4];
    if observation.course.events.is_empty() && observation.events.is_empty() {
        return stages;
    }
    let marks = Marks::of(&observation.events);
    let wall = observation.usage.wall;
    let mut from = Duration::ZERO;
    let mut last = 0;
    for (stage, mark) in [marks.begin, marks.loaded, marks.end]
        .into_iter()
        .enumerate()
    {
        let when = mark.and_then(|bytes| observation.course.when(bytes as u64));
        if let (Some(when), Some(time)) = (when, stages.get_mut(stage)) {
            let when = when.clamp(from, wall.max(from));
            *time = when - from;
            from = when;
            last = stage + 1;
        }
    }
    if let Some(time) = stages.get_mut(last) {
        *time += wall.saturating_sub(from);
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::{Captured, Course, End, Origin, Usage};

    const BEGIN: &str = "{\"seq\":0,\"event\":\"begin\"} 00\n";
    const LOADED: &str = "{\"seq\":1,\"event\":\"loaded\"} 00\n";
    const LAST: &str = "{\"seq\":2,\"event\":\"end\"} 00\n";

    fn observed(events: &[(&str, u64)], wall: u64) -> Observation {
        let mut text = String::new();
        let mut course = Course {
            origin: Origin::Own,
            held: Duration::from_millis(wall + 5),
            around: Duration::from_millis(3),
            events: Vec::new(),
        };
        for (event, at) in events {
            text.push_str(event);
            let at = Duration::from_millis(*at);
            course.events.push((text.len() as u64, at));
        }
        Observation {
            end: End::Exited(0),
            limit: None,
            usage: Usage {
                cpu: Duration::from_millis(1),
                wall: Duration::from_millis(wall),
                peak_memory: None,
            },
            stdout: Captured::default(),
            stderr: Captured::default(),
            events: text.into_bytes(),
            events_overflow: false,
            behaviour: None,
            course: Box::new(course),
        }
    }

    fn millis(observation: &Observation) -> [u128; 4] {
        stages(observation).map(|time| time.as_millis())
    }

    #[test]
    fn the_time_of_a_job_divides_into_its_stages() {
        let whole = observed(&[(BEGIN, 20), (LOADED, 50), (LAST, 90)], 100);
        assert_eq!(millis(&whole), [20, 30, 40, 10]);
        // It hung in a test; it never loaded; it said nothing.
        let hung = observed(&[(BEGIN, 20), (LOADED, 50)], 100);
        assert_eq!(millis(&hung), [20, 30, 50, 0]);
        assert_eq!(millis(&observed(&[(BEGIN, 20)], 100)), [20, 80, 0, 0]);
        assert_eq!(millis(&observed(&[], 100)), [0, 0, 0, 0]);
        // What does not load reports that, and ends.
        let broken = observed(&[(BEGIN, 20), (LAST, 90)], 100);
        assert_eq!(millis(&broken), [20, 0, 70, 10]);
    }

    #[test]
    fn accounts_add_up_by_profile() {
        let accounts = Accounts::of(["grade", "strict"].map(str::to_owned).into_iter());
        let job = observed(&[(BEGIN, 20), (LOADED, 50), (LAST, 90)], 100);
        accounts.add("grade", Duration::from_millis(150), &job);
        accounts.add("grade", Duration::from_millis(150), &job);
        accounts.add("unknown", Duration::from_millis(150), &job);
        let read = accounts.read();
        assert_eq!(read["strict"], Account::default());
        let grade = read["grade"];
        assert_eq!(grade.jobs, 2);
        let times = [
            grade.cpu,
            grade.wall,
            grade.held,
            grade.around,
            grade.asked,
            grade.start_up,
            grade.loading,
            grade.tests,
            grade.ending,
        ];
        let expected = [2, 200, 210, 6, 300, 40, 60, 80, 20];
        assert_eq!(times.map(|time| time.as_millis()), expected);
        let mut both = read["strict"];
        both.add(grade);
        assert_eq!(both, grade);
        both.add(grade);
        assert_eq!((both.jobs, both.around.as_millis()), (4, 12));
    }
}
