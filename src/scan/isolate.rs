//! Finding the files on which a scanner fails, so that one hostile sample costs its batch nothing but
//! time. Pure: it says what to run next and is told the outcome.

use std::ops::Range;

use super::outcome::{BatchFailure, FileOutcome};

/// The samples of one batch on their way to one outcome each.
#[derive(Debug)]
pub(crate) struct Isolation {
    /// Ranges of samples still to be run, the next one last.
    todo: Vec<Range<usize>>,
    outcomes: Vec<Option<FileOutcome>>,
    /// Whether the scanner did its work on anything at all.
    works: bool,
}

impl Isolation {
    /// All of `count` samples, to be run together at first.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            todo: std::iter::once(0..count)
                .filter(|all| !all.is_empty())
                .collect(),
            outcomes: vec![None; count],
            works: false,
        }
    }

    /// What to run next; an empty range is a batch of nothing but the known answers.
    pub(crate) fn next(&self) -> Option<Range<usize>> {
        self.todo.last().cloned()
    }

    /// Takes what came of the range that [`Self::next`] named.
    pub(crate) fn report(&mut self, result: Result<Vec<FileOutcome>, BatchFailure>) {
        let Some(range) = self.todo.pop() else {
            return;
        };
        match result {
            Ok(outcomes) if outcomes.len() == range.len() => {
                self.works = true;
                for (index, outcome) in range.zip(outcomes) {
                    self.outcomes[index] = Some(outcome);
                }
            }
            Ok(outcomes) => self.failed(
                range.clone(),
                format!("{} results for {} files", outcomes.len(), range.len()),
            ),
            Err(why) => self.failed(range, why),
        }
    }

    fn failed(&mut self, range: Range<usize>, why: String) {
        match range.len() {
            // It fails even on nothing but known answers: no sample is to blame.
            0 => self.give_up(&why),
            1 => {
                self.outcomes[range.start] = Some(FileOutcome {
                    not_analysed: Some(why),
                    ..FileOutcome::default()
                });
            }
            count => {
                let middle = range.start + count / 2;
                self.todo.push(middle..range.end);
                self.todo.push(range.start..middle);
                if !self.works {
                    // Before samples are suspected one by one, is it the scanner itself?
                    self.todo.push(0..0);
                }
            }
        }
    }

    /// Every sample without an outcome gets `why`, and nothing more is run.
    pub(crate) fn give_up(&mut self, why: &str) {
        self.todo.clear();
        for outcome in &mut self.outcomes {
            outcome.get_or_insert_with(|| FileOutcome {
                not_analysed: Some(why.to_owned()),
                ..FileOutcome::default()
            });
        }
    }

    /// One outcome a sample, in order.
    pub(crate) fn finish(mut self) -> Vec<FileOutcome> {
        self.give_up("the scanner was not run on it");
        self.outcomes.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs to the end with a scanner that fails on the `guilty`; gives outcomes and runs.
    fn run(count: usize, guilty: &[usize], broken: bool) -> (Vec<FileOutcome>, usize) {
        let mut isolation = Isolation::new(count);
        let mut runs = 0;
        while let Some(range) = isolation.next() {
            runs += 1;
            let fails = broken || guilty.iter().any(|index| range.contains(index));
            isolation.report(if fails {
                Err("crashed".to_owned())
            } else {
                Ok(vec![FileOutcome::default(); range.len()])
            });
        }
        (isolation.finish(), runs)
    }

    fn blamed(outcomes: &[FileOutcome]) -> Vec<usize> {
        (0..outcomes.len())
            .filter(|&index| outcomes[index].not_analysed.is_some())
            .collect()
    }

    #[test]
    fn only_the_guilty_are_left_without_an_answer() {
        for guilty in [
            vec![],
            vec![0],
            vec![99],
            vec![3, 64, 65],
            (0..100).collect(),
        ] {
            let (outcomes, runs) = run(100, &guilty, false);
            assert_eq!(outcomes.len(), 100);
            assert_eq!(blamed(&outcomes), guilty);
            assert!(runs <= 2 + guilty.len() * 15, "{runs} runs for {guilty:?}");
        }
    }

    #[test]
    fn a_scanner_that_always_fails_is_found_out_at_once() {
        let (outcomes, runs) = run(1000, &[], true);
        assert_eq!((blamed(&outcomes).len(), runs), (1000, 2));
        assert_eq!(run(0, &[], true).1, 0);
    }

    #[test]
    fn too_few_results_are_a_failure() {
        let mut isolation = Isolation::new(1);
        isolation.report(Ok(vec![]));
        let outcomes = isolation.finish();
        assert_eq!(blamed(&outcomes), [0]);
    }
}
