//! What the jobs of a run hold at most, learned as they end.

/// Jobs that must have ended before what they held says something about the next.
const ENOUGH: u32 = 16;
/// One job in so many may hold more than is expected.
const ONE_IN: u32 = 50;
/// How often the past is halved, in jobs.
const HALVE_EVERY: u32 = 4096;
/// The smallest class ends here, in bytes; each further one is a quarter larger.
const SMALLEST: u64 = 1 << 20;
const CLASSES: usize = 64;

/// How many jobs held how much, in classes.
#[derive(Clone, Debug)]
pub(super) struct Peaks {
    classes: [u32; CLASSES],
    jobs: u32,
}

impl Default for Peaks {
    fn default() -> Self {
        Self {
            classes: [0; CLASSES],
            jobs: 0,
        }
    }
}

impl Peaks {
    /// Counts a job.
    pub(super) fn add(&mut self, peak: u64) {
        let class = ends().position(|end| peak <= end);
        self.classes[class.unwrap_or(CLASSES - 1)] += 1;
        self.jobs += 1;
        if self.jobs >= HALVE_EVERY {
            self.classes.iter_mut().for_each(|jobs| *jobs /= 2);
            self.jobs = self.classes.iter().sum();
        }
    }

    /// What the next job will hold in all likelihood, once enough is known.
    pub(super) fn estimate(&self) -> Option<u64> {
        if self.jobs < ENOUGH {
            return None;
        }
        let mut more = self.jobs;
        ends().zip(self.classes).find_map(|(end, jobs)| {
            more -= jobs;
            (more <= self.jobs / ONE_IN).then_some(end)
        })
    }
}

/// Where the classes end.
fn ends() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(SMALLEST), |end| Some(end + end / 4)).take(CLASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_jobs_hold_no_more_than_is_estimated() {
        let mut peaks = Peaks::default();
        for number in 1..=ENOUGH {
            assert_eq!(peaks.estimate(), None);
            peaks.add(u64::from(number) << 20);
        }
        let estimate = peaks.estimate().unwrap();
        assert!((16 << 20..21 << 20).contains(&estimate), "{estimate}");
        (0..100).for_each(|_| peaks.add(1 << 10));
        peaks.add(u64::MAX);
        let estimate = peaks.estimate().unwrap();
        assert!(estimate < 32 << 20, "one outlier says nothing: {estimate}");
        // What jobs hold now counts more than what they held long ago.
        (0..100_000).for_each(|_| peaks.add(1 << 10));
        assert_eq!(peaks.estimate(), Some(SMALLEST));
    }
}
