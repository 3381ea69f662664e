//! The warm interpreters of a worker: they live in a slot, and what is known about them outlives it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::tree::{Ladder, Place, ROOT, Tree};
use super::wire::{Answer, send_growth, send_job};
use crate::base::limits::{Limits, MIB};
use crate::harness::launch;
use crate::worker::confine::cpu_seconds;
use crate::worker::order::Descriptors;
use crate::worker::request::{Request, Reuse};
use crate::worker::slot::{Slot, channel};
use crate::worker::streams::{quiet_pipe, sealed};

/// How long an interpreter may take to come up. Large libraries take seconds of CPU, and hosts are busy.
const WITHIN: Duration = Duration::from_secs(60);
/// Drivers, with their environments, that are kept warm at one time.
const MOST_STEMS: usize = 3;
/// How often in a row warm interpreters may fail to come up before a driver goes without.
const MOST_DOUBTS: u32 = 3;
/// Bytes that the interpreters of one driver may always hold.
const LEAST: u64 = 256 * MIB;
/// How often a driver must be wanted before it is kept warm.
const OFTEN: u32 = 2;

/// Why the slot is in doubt, and a job has to run in another one.
#[derive(Debug)]
pub(in crate::worker) struct Doubt;

impl<E: std::error::Error> From<E> for Doubt {
    fn from(_: E) -> Self {
        Self
    }
}

/// One waiting interpreter.
#[derive(Debug)]
pub(in crate::worker) struct Zygote {
    link: UnixDatagram,
    pid: i32,
    /// Bytes of its own, as every process forked from it has them.
    resident: u64,
}

impl Zygote {
    /// Has a job forked with these limits and descriptors.
    pub(in crate::worker) fn start(
        &self,
        limits: &Limits,
        descriptors: &Descriptors,
    ) -> Result<(), Doubt> {
        let in_order = descriptors.iter().map(|(number, _)| *number).eq(0..5);
        let beside: Vec<BorrowedFd<'_>> = descriptors.iter().map(|(_, fd)| fd.as_fd()).collect();
        match <[BorrowedFd<'_>; 5]>::try_from(beside) {
            Ok(beside) if in_order => Ok(send_job(&self.link, cpu_seconds(limits), &beside)?),
            _ => Err(Doubt),
        }
    }

    /// Where it is heard.
    pub(in crate::worker) fn link(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// How its job ended: the wait status, CPU time, and the largest resident size.
    pub(in crate::worker) fn hear(&self) -> Result<(i32, Duration, u64), Doubt> {
        match Answer::receive(&self.link)? {
            Answer::Ended {
                status,
                cpu,
                largest,
            } => Ok((status, cpu, largest)),
            _ => Err(Doubt),
        }
    }
}

/// What must be equal for two jobs to be forked from one interpreter.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    argv: Vec<String>,
    env: Vec<(String, String)>,
    driver: Vec<u8>,
    /// Some of these bind every process that is forked.
    limits: Limits,
}

impl Key {
    fn fits(&self, request: &Request, driver: &[u8]) -> bool {
        self.driver == driver
            && self.argv == request.argv
            && self.env == request.env
            && self.limits == request.limits
    }
}

/// One driver.
#[derive(Debug)]
struct Stem {
    key: Key,
    /// Its text as it waits.
    waiting: String,
    tree: Tree,
    /// The slot in which the processes are.
    slot: u64,
    alive: BTreeMap<Place, Zygote>,
    wanted: u32,
    doubts: u32,
}

/// All warm interpreters of a worker, and what it learned about them.
#[derive(Debug)]
pub(in crate::worker) struct Forest {
    /// The one used last is the last.
    stems: Vec<Stem>,
    /// Bytes that the interpreters of one driver may hold.
    budget: u64,
}

/// The driver in a payload, and what comes behind it.
pub(in crate::worker) fn split(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = payload.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

impl Default for Forest {
    fn default() -> Self {
        // A quarter of what the host has, for as many workers as it has processors.
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        Self {
            stems: Vec::new(),
            budget: (host_memory() / 4 / processors).max(LEAST),
        }
    }
}

/// Bytes of memory that this host has.
fn host_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

impl Forest {
    /// An interpreter for a request in this slot, made first if it is worth it. `None` when the request is
    /// to be run cold.
    ///
    /// # Errors
    /// When the slot is in doubt. It must not be used again.
    pub(in crate::worker) fn interpreter(
        &mut self,
        slot: &mut Slot,
        request: &Request,
        supervisor: BorrowedFd<'_>,
    ) -> Result<Option<&Zygote>, Doubt> {
        let (Reuse::Interpreter { imports, popular }, Some(payload), Some(_)) =
            (&request.reuse, &request.payload, request.events_limit)
        else {
            return Ok(None);
        };
        if !slot.sets_off_residents() {
            return Ok(None);
        }
        let Some((driver, _)) = split(payload) else {
            return Ok(None);
        };
        let Some(stem) = self.stem(slot, request, driver)? else {
            return Ok(None);
        };
        stem.wanted = stem.wanted.saturating_add(1);
        let ladder = Ladder {
            imports,
            popular: *popular,
        };
        stem.tree.wanted(ladder);
        if stem.doubts > MOST_DOUBTS || stem.wanted < OFTEN && *popular == 0 {
            return Ok(None);
        }
        if stem.slot != slot.number {
            stem.alive.clear();
            stem.tree.lost();
            stem.slot = slot.number;
        }
        let residents = self.stems.iter().filter(|stem| stem.slot == slot.number);
        let residents: usize = residents.map(|stem| stem.alive.len()).sum();
        let Some(stem) = self.stems.last_mut() else {
            return Ok(None);
        };
        match stem.climb(slot, request, ladder, supervisor, residents) {
            Ok(place) => {
                stem.doubts = 0;
                Ok(stem.alive.get(&place))
            }
            Err(doubt) => {
                stem.doubts += 1;
                stem.alive.clear();
                stem.tree.lost();
                Err(doubt)
            }
        }
    }

    /// Lets go of all interpreters, whose slots are gone. What was learned stays.
    pub(in crate::worker) fn rest(&mut self) {
        for stem in &mut self.stems {
            stem.alive.clear();
            stem.tree.lost();
        }
    }

    fn stem(
        &mut self,
        slot: &mut Slot,
        request: &Request,
        driver: &[u8],
    ) -> Result<Option<&mut Stem>, Doubt> {
        let known = self
            .stems
            .iter()
            .position(|stem| stem.key.fits(request, driver));
        let stem = match known {
            Some(place) => self.stems.remove(place),
            None => {
                let text = std::str::from_utf8(driver).ok().and_then(launch::waiting);
                let Some(waiting) = text else {
                    return Ok(None);
                };
                Stem {
                    key: Key {
                        argv: request.argv.clone(),
                        env: request.env.clone(),
                        driver: driver.to_vec(),
                        limits: request.limits.clone(),
                    },
                    waiting,
                    tree: Tree::new(self.budget),
                    slot: 0,
                    alive: BTreeMap::new(),
                    wanted: 0,
                    doubts: 0,
                }
            }
        };
        self.stems.push(stem);
        if self.stems.len() > MOST_STEMS {
            let oldest = self.stems.remove(0);
            if oldest.slot == slot.number {
                for zygote in oldest.alive.into_values() {
                    slot.dismiss(zygote.pid)?;
                }
                let left = self.stems.iter().filter(|stem| stem.slot == slot.number);
                let left: usize = left.map(|stem| stem.alive.len()).sum();
                slot.set_off(left as u64)?;
            }
        }
        Ok(self.stems.last_mut())
    }
}

impl Stem {
    /// The place from which a job with these imports is to be forked, after what is worth making was made.
    fn climb(
        &mut self,
        slot: &mut Slot,
        request: &Request,
        ladder: Ladder<'_>,
        supervisor: BorrowedFd<'_>,
        mut residents: usize,
    ) -> Result<Place, Doubt> {
        loop {
            let plan = self.tree.plan(ladder);
            let Some(serve) = plan.serve else {
                let root = self.plant(slot, request, supervisor)?;
                self.tree.grown(ROOT, 0, root.resident);
                self.alive.insert(ROOT, root);
                residents += 1;
                slot.set_off(residents as u64)?;
                continue;
            };
            let Some((place, import)) = plan.grow else {
                let shared = self.alive.get(&serve).ok_or(Doubt)?.resident;
                slot.share(shared)?;
                return Ok(serve);
            };
            let parent = self.alive.get(&serve).ok_or(Doubt)?;
            // What fails is not tried again, whatever the reason.
            let grown = parent.grow(slot, &import, supervisor);
            let Ok(Some((child, micros))) = grown else {
                self.tree.unfit(place);
                grown?;
                slot.set_off(residents as u64)?;
                continue;
            };
            let own = child.resident.saturating_sub(parent.resident);
            self.alive.insert(place, child);
            residents += 1;
            for gone in self.tree.grown(place, micros, own) {
                if let Some(zygote) = self.alive.remove(&gone) {
                    slot.dismiss(zygote.pid)?;
                    residents -= 1;
                }
            }
            slot.set_off(residents as u64)?;
        }
    }

    /// Starts the first interpreter of a tree.
    fn plant(
        &self,
        slot: &mut Slot,
        request: &Request,
        supervisor: BorrowedFd<'_>,
    ) -> Result<Zygote, Doubt> {
        let (link, far) = channel()?;
        let driver = self.waiting.as_bytes();
        let mut input = (driver.len() as u64).to_be_bytes().to_vec();
        input.extend_from_slice(driver);
        // Where a job's key stands.
        input.extend_from_slice(&[0; 32]);
        // Descriptors of the kinds that a job has. What comes up keeps none of them; until then its output has to
        // go somewhere, where it is never read.
        let (stdout, stdout_end) = quiet_pipe()?;
        let (stderr, stderr_end) = quiet_pipe()?;
        let descriptors: Descriptors = vec![
            (0, sealed(&[])?),
            (1, stdout_end),
            (2, stderr_end),
            (3, sealed(&input)?),
            (4, far.into()),
        ];
        slot.listener.begin();
        let started = slot.settle(request, &descriptors)?;
        drop(descriptors);
        let answer = await_answer(&link, slot, supervisor)?;
        let Answer::Ready { pid, resident, .. } = answer else {
            return Err(Doubt);
        };
        if pid != started || slot.listener.was_used() {
            return Err(Doubt);
        }
        slot.clear()?;
        drop((stdout, stderr));
        Ok(Zygote {
            link,
            pid,
            resident,
        })
    }
}

impl Zygote {
    /// Has a copy made that imports one thing more; with it, what the import cost. `None` when the import
    /// is unfit.
    fn grow(
        &self,
        slot: &mut Slot,
        import: &str,
        supervisor: BorrowedFd<'_>,
    ) -> Result<Option<(Self, u64)>, Doubt> {
        let (link, far) = channel()?;
        slot.listener.begin();
        send_growth(&self.link, import, &far)?;
        drop(far);
        let grown = match await_answer(&link, slot, supervisor)? {
            // What an import attempts is each job's to answer for: this one is cleared away with its files.
            Answer::Ready { .. } if slot.listener.was_used() => None,
            Answer::Ready {
                pid,
                micros,
                resident,
            } => {
                slot.adopt(pid)?;
                let zygote = Self {
                    link,
                    pid,
                    resident,
                };
                Some((zygote, micros))
            }
            Answer::Unfit => None,
            Answer::Ended { .. } => return Err(Doubt),
        };
        // The import's files, and what else of it is no resident.
        slot.clear()?;
        Ok(grown)
    }
}

/// Waits for an answer, but not for ever, and not when the supervisor has gone. Refused calls are answered on
/// the way.
fn await_answer(
    link: &UnixDatagram,
    slot: &mut Slot,
    supervisor: BorrowedFd<'_>,
) -> Result<Answer, Doubt> {
    let started = Instant::now();
    let filter = Rc::clone(&slot.filter);
    loop {
        let left = WITHIN.saturating_sub(started.elapsed());
        let millis = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
        let mut fds = vec![
            PollFd::new(link.as_fd(), PollFlags::POLLIN),
            PollFd::new(supervisor, PollFlags::empty()),
        ];
        let listener = slot.listener.fd();
        fds.extend(listener.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(0) => return Err(Doubt),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let happened = |place: usize| {
            let events = fds.get(place).and_then(PollFd::revents);
            events.is_some_and(|events| !events.is_empty())
        };
        let (spoke, has_gone) = (happened(0), happened(1));
        drop(fds);
        slot.listener.listen(&filter.policy, started.elapsed());
        if has_gone {
            return Err(Doubt);
        }
        if spoke {
            return Ok(Answer::receive(link)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_split_behind_its_driver() {
        let payload = b"\0\0\0\0\0\0\0\x03abckey and payload";
        let whole = split(payload);
        assert_eq!(whole, Some((&b"abc"[..], &b"key and payload"[..])));
        assert_eq!(split(b"\0\0\0\0\0\0\0\x04abc"), None);
        assert_eq!(split(b"\xff\xff\xff\xff\xff\xff\xff\xffabc"), None);
        assert_eq!(split(b"short"), None);
    }
}
