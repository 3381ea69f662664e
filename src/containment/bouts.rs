//! The order of the bouts: which program is let loose where and when, alone, after another one or beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::corpus::Program;
use super::error::ContainmentError;
use super::field::Field;
use super::judge::{Offers, Seen, judge};
use super::manifest::Family;
use super::mode::Mode;
use super::report::Trial;
use crate::worker::{Origin, Pool, WorkerError};

/// How often honest jobs are run until one is forked: the first of a worker never is.
const WARMING: usize = 4;
/// How often a program is run until it has been forked.
const TRIES: usize = 3;
/// Why nothing is tried warm on some hosts.
const NOT_WARM: &str = "no job is forked from a warm interpreter on this host: that takes control groups which \
    bound memory and processes and count CPU time";

/// What came of all bouts.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) trials: Vec<Trial>,
    /// Honest programs that were run in between, and how many came to what they should.
    pub(super) honest: (usize, usize),
}

impl Outcome {
    fn add(&mut self, bout: Bout) {
        self.trials.extend(bout.trials);
        for is_unharmed in bout.honest {
            self.honest = (self.honest.0 + 1, self.honest.1 + usize::from(is_unharmed));
        }
    }
}

/// What came of one bout.
#[derive(Debug, Default)]
struct Bout {
    trials: Vec<Trial>,
    /// Of each honest program in it, whether it came to what it should.
    honest: Vec<bool>,
}

/// The programs, and the workers that they are let loose on.
#[derive(Debug)]
pub(super) struct Arena {
    field: Arc<Field>,
    /// Many workers, one of which takes a program.
    crowd: Arc<Pool>,
    /// Single workers: what runs there has the slot, and the interpreters, of what ran there before.
    lanes: Arc<Vec<Pool>>,
    offers: Offers,
}

impl Arena {
    /// Finds out whether this host forks jobs from warm interpreters.
    pub(super) async fn new(
        field: Arc<Field>,
        crowd: Pool,
        lanes: Vec<Pool>,
        offers: Offers,
    ) -> Self {
        let mut arena = Self {
            field,
            crowd: Arc::new(crowd),
            lanes: Arc::new(lanes),
            offers,
        };
        let programs = &arena.field.corpus.programs;
        let snippet = programs
            .iter()
            .find(|program| program.modes().contains(&Mode::Warm));
        if let (Some(program), Some(lane)) = (snippet, arena.lanes.first()) {
            arena.offers.warm = arena.field.warm_up(lane, program).await.is_ok();
        }
        arena
    }

    /// Gives back what it was made of.
    pub(super) fn close(self) -> Result<(Field, Pool, Vec<Pool>, Offers), ContainmentError> {
        let whole = (
            Arc::into_inner(self.field),
            Arc::into_inner(self.crowd),
            Arc::into_inner(self.lanes),
        );
        match whole {
            (Some(field), Some(crowd), Some(lanes)) => Ok((field, crowd, lanes, self.offers)),
            _ => Err(lost("a trial did not end")),
        }
    }

    /// All bouts: those of two first, then programs one by one, cold and then warm. Both at
    /// one time would keep each other from being ended in time.
    pub(super) async fn run(&self) -> Result<Outcome, ContainmentError> {
        let mut outcome = Outcome::default();
        let programs = &self.field.corpus.programs;
        let mut paired = Vec::new();
        for second in programs {
            let row = &second.row;
            let other = row.after.as_ref().or(row.beside.as_ref());
            let Some(first) = other.and_then(|name| self.field.corpus.get(name)) else {
                continue;
            };
            for mode in Mode::ALL {
                if first.modes().contains(&mode) && second.modes().contains(&mode) {
                    outcome.add(self.two(first, second, mode).await);
                }
            }
            paired.extend([&row.name, &first.row.name]);
        }
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for (place, program) in programs.iter().enumerate() {
            if paired.contains(&&program.row.name) {
                continue;
            }
            for mode in program.modes() {
                match mode {
                    Mode::Exec | Mode::Cold => cold.push((place, *mode)),
                    Mode::Warm => warm.push(place),
                }
            }
        }
        let cold = self.in_the_crowd(cold).await?;
        let warm = self.in_lanes(warm).await?;
        for bout in cold.into_iter().chain(warm) {
            outcome.add(bout);
        }
        Ok(outcome)
    }

    async fn in_the_crowd(&self, bouts: Vec<(usize, Mode)>) -> Result<Vec<Bout>, ContainmentError> {
        let mut running = JoinSet::new();
        for (place, mode) in bouts {
            let (field, crowd, offers) = (self.field.clone(), self.crowd.clone(), self.offers);
            running.spawn(async move { vec![field.cold(place, mode, &crowd, offers).await] });
        }
        collect(running).await
    }

    async fn in_lanes(&self, places: Vec<usize>) -> Result<Vec<Bout>, ContainmentError> {
        let (next, places) = (Arc::new(AtomicUsize::new(0)), Arc::new(places));
        let mut running = JoinSet::new();
        for lane in 0..self.lanes.len() {
            let (next, places) = (Arc::clone(&next), Arc::clone(&places));
            let (field, lanes, offers) = (self.field.clone(), self.lanes.clone(), self.offers);
            running.spawn(async move {
                let mut bouts = Vec::new();
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bouts.push(field.warm(*place, &lanes[lane], offers).await);
                }
                bouts
            });
        }
        collect(running).await
    }

    /// A program after another one in its slot, or beside it.
    async fn two(&self, first: &Program, second: &Program, mode: Mode) -> Bout {
        let (field, offers) = (&self.field, self.offers);
        let mut bout = Bout::default();
        let [one, other, ..] = &self.lanes[..] else {
            return bout;
        };
        let seen = if mode == Mode::Warm {
            if !offers.warm {
                [Seen::skipped(NOT_WARM), Seen::skipped(NOT_WARM)]
            } else if second.row.after.is_some() {
                let first = field.let_loose_warm(one, first, &mut bout.honest).await;
                let second = field.run(one, second, mode).await;
                [first, second]
            } else {
                for (lane, program) in [(one, first), (other, second)] {
                    let is_warm = field.warm_up(lane, program).await.is_ok();
                    bout.honest.push(is_warm);
                }
                let both =
                    tokio::join!(field.run(one, first, mode), field.run(other, second, mode));
                both.into()
            }
        } else if second.row.after.is_some() {
            [
                field.run(one, first, mode).await,
                field.run(one, second, mode).await,
            ]
        } else {
            let pool = &self.crowd;
            tokio::join!(field.run(pool, first, mode), field.run(pool, second, mode)).into()
        };
        for (program, seen) in [first, second].into_iter().zip(&seen) {
            let trial = judge(program, mode, seen, field.traps.secret(), offers);
            bout.trials.push(trial);
        }
        bout
    }
}

impl Field {
    /// One program, and an honest one after it where it exhausts something.
    async fn cold(&self, place: usize, mode: Mode, pool: &Pool, offers: Offers) -> Bout {
        let program = &self.corpus.programs[place];
        let seen = self.run(pool, program, mode).await;
        let honest = match program.family {
            Family::Exhaustion => vec![self.honest(pool).await],
            Family::Escape | Family::Forgery => Vec::new(),
        };
        let trial = judge(program, mode, &seen, self.traps.secret(), offers);
        Bout {
            trials: vec![trial],
            honest,
        }
    }

    /// One program, forked from an interpreter from which an honest answer was forked before it, and
    /// another one is after it.
    async fn warm(&self, place: usize, lane: &Pool, offers: Offers) -> Bout {
        let program = &self.corpus.programs[place];
        let mut bout = Bout::default();
        let seen = match offers.warm {
            true => self.let_loose_warm(lane, program, &mut bout.honest).await,
            false => Seen::skipped(NOT_WARM),
        };
        if offers.warm {
            let after = self.truth(lane, program, Mode::Warm).await;
            bout.honest.push(after.is_ok_and(|(passed, _)| passed));
        }
        let trial = judge(program, Mode::Warm, &seen, self.traps.secret(), offers);
        bout.trials.push(trial);
        bout
    }

    /// Runs a program warm, again while it is not: a host that is busy for long may lose an interpreter.
    async fn let_loose_warm(&self, lane: &Pool, program: &Program, honest: &mut Vec<bool>) -> Seen {
        let mut seen = Seen::default();
        for _ in 0..TRIES {
            if let Err(why) = self.warm_up(lane, program).await {
                honest.push(false);
                seen.detail = why;
                continue;
            }
            honest.push(true);
            seen = self.run(lane, program, Mode::Warm).await;
            if seen.origin.is_some_and(|origin| origin != Origin::Own) {
                break;
            }
        }
        seen
    }

    /// Runs the honest answer to the task of a program until it is forked from an interpreter, so that the
    /// program is, too.
    async fn warm_up(&self, lane: &Pool, program: &Program) -> Result<(), String> {
        for _ in 0..WARMING {
            let (passed, origin) = self.truth(lane, program, Mode::Warm).await?;
            if !passed {
                return Err("the honest answer does not pass".to_owned());
            }
            if origin == Origin::Forked {
                return Ok(());
            }
        }
        Err("the honest answer is never forked from a warm interpreter".to_owned())
    }
}

async fn collect(mut running: JoinSet<Vec<Bout>>) -> Result<Vec<Bout>, ContainmentError> {
    let mut bouts = Vec::new();
    while let Some(ended) = running.join_next().await {
        bouts.extend(ended.map_err(|error| lost(&format!("a trial ended: {error}")))?);
    }
    Ok(bouts)
}

fn lost(what: &str) -> ContainmentError {
    ContainmentError::Worker(WorkerError::Lost(what.to_owned()))
}
