//! What a journal holds, each result once.

use std::collections::{BTreeMap, HashMap};

use super::error::JournalError;
use super::reader::{Place, Reader, Tail};
use super::record::{Record, ReferenceRecord, StateRecord, VerdictRecord};
use crate::base::digest::Digest;
use crate::base::id::{SampleId, TaskId};
use crate::metrics::Facts;
use crate::scan::ScanResult;

/// What a journal holds, each result once, however often and in whatever order it was recorded.
///
/// Verdicts stay in the file; only their keys and places are kept in memory, 64 bytes each.
#[derive(Debug)]
pub struct Index {
    reader: Reader,
    /// By index, each once, when the whole journal was read.
    verdicts: BTreeMap<TaskId, Vec<Entry>>,
    scans: HashMap<Digest, BTreeMap<String, ScanResult>>,
    references: BTreeMap<TaskId, ReferenceRecord>,
    rejected: BTreeMap<u64, String>,
    tail: Tail,
    finished: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    job: Digest,
    place: Place,
    /// The sample's, within its task.
    index: u32,
    is_infra: bool,
}

/// Which of two records for one key is kept: the smaller. A result outweighs an infrastructure
/// failure, which was tried again; two results are not expected, and told apart by their text.
type Precedence = (bool, Digest);

impl Index {
    /// Reads a whole journal.
    ///
    /// # Errors
    /// As [`Reader::each`].
    pub fn read(reader: Reader) -> Result<Self, JournalError> {
        Self::read_with(reader, |_| Ok(()))
    }

    /// The same; shows every record to `visit`, in the order of the file, before it is filed.
    ///
    /// # Errors
    /// As [`Reader::each`], and what `visit` refuses.
    pub fn read_with<E: From<JournalError>>(
        reader: Reader,
        mut visit: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut index = Self {
            reader,
            verdicts: BTreeMap::new(),
            scans: HashMap::new(),
            references: BTreeMap::new(),
            rejected: BTreeMap::new(),
            tail: Tail::default(),
            finished: false,
        };
        // The reader is lent out while the rest is filled.
        let reader = index.reader.try_clone()?;
        let mut refused = None;
        index.tail = reader.each(|place, record| {
            if refused.is_none() {
                refused = visit(&record).err();
            }
            index.insert(place, record);
        })?;
        if let Some(error) = refused {
            return Err(error);
        }
        for entries in index.verdicts.values_mut() {
            settle(entries, &reader)?;
        }
        Ok(index)
    }

    fn insert(&mut self, place: Place, record: Record) {
        match record {
            Record::Verdict(record) => {
                let entry = Entry {
                    job: record.job,
                    place,
                    index: record.sample.index,
                    is_infra: record.verdict.is_ours(),
                };
                match self.verdicts.get_mut(&record.sample.task) {
                    Some(entries) => entries.push(entry),
                    None => _ = self.verdicts.insert(record.sample.task, vec![entry]),
                }
            }
            Record::Scan(record) => {
                let results = self.scans.entry(record.code).or_default();
                let new = scan_precedence(&record.result);
                match results.get(&record.result.scanner) {
                    Some(known) if scan_precedence(known) <= new => {}
                    _ => {
                        results.insert(record.result.scanner.clone(), record.result);
                    }
                }
            }
            Record::Reference(record) => match self.references.get(&record.task) {
                Some(known) if reference_order(known) >= reference_order(&record) => {}
                _ => {
                    self.references.insert(record.task.clone(), record);
                }
            },
            Record::Rejected(record) => {
                // Of two reasons the greater, whatever the order of arrival.
                let known = self.rejected.entry(record.line).or_default();
                if *known < record.reason {
                    *known = record.reason;
                }
            }
            Record::State(state) => {
                self.finished |= matches!(state, StateRecord::Finished { .. });
            }
        }
    }

    fn entry(&self, sample: &SampleId) -> Option<&Entry> {
        let entries = self.verdicts.get(&sample.task)?;
        let place = entries.binary_search_by_key(&sample.index, |entry| entry.index);
        entries.get(place.ok()?)
    }

    /// The job of the sample's verdict, where it has one that is no infrastructure failure.
    pub fn judged(&self, sample: &SampleId) -> Option<Digest> {
        let entry = self.entry(sample).filter(|entry| !entry.is_infra);
        entry.map(|entry| entry.job)
    }

    /// Every job that has a verdict which is no infrastructure failure, and where that stands.
    pub fn executed(&self) -> impl Iterator<Item = (&Digest, Place)> {
        let entries = self.verdicts.values().flatten();
        let judged = entries.filter(|entry| !entry.is_infra);
        judged.map(|entry| (&entry.job, entry.place))
    }

    /// Whether what the scanner says about this code is recorded. That it could say nothing is no
    /// answer: the cause may have been the host, and be gone.
    pub fn is_scanned(&self, code: &Digest, scanner: &str) -> bool {
        let result = self.scans.get(code).and_then(|found| found.get(scanner));
        result.is_some_and(|result| result.not_analysed.is_none())
    }

    /// What the scanners say about a piece of code, by scanner.
    pub fn scans(&self, code: &Digest) -> Option<&BTreeMap<String, ScanResult>> {
        self.scans.get(code)
    }

    /// What became of ground truths, by task.
    pub fn references(&self) -> &BTreeMap<TaskId, ReferenceRecord> {
        &self.references
    }

    /// Lines of the sample file that are no samples, with the reason.
    pub fn rejected(&self) -> &BTreeMap<u64, String> {
        &self.rejected
    }

    /// Samples with a verdict.
    pub fn samples(&self) -> usize {
        self.verdicts.values().map(Vec::len).sum()
    }

    /// Whether a process came to the end of the run.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Where the whole records end.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The verdict of one sample, if it has one.
    ///
    /// # Errors
    /// When it cannot be read any more.
    pub fn verdict(&self, sample: &SampleId) -> Result<Option<VerdictRecord>, JournalError> {
        match self.entry(sample) {
            Some(entry) => self.reader.verdict_at(entry.place).map(Some),
            None => Ok(None),
        }
    }

    /// Every sample's verdict once, by sorted sample id, read from the file one at a time.
    pub fn verdicts(&self) -> impl Iterator<Item = Result<VerdictRecord, JournalError>> {
        let entries = self.verdicts.values().flatten();
        entries.map(|entry| self.reader.verdict_at(entry.place))
    }
}

/// Sorts a task's verdicts as they stand in the journal by sample, and keeps of each sample the one that counts.
fn settle(entries: &mut Vec<Entry>, reader: &Reader) -> Result<(), JournalError> {
    entries.sort_by_key(|entry| entry.index);
    let mut kept = 0;
    for at in 1..entries.len() {
        let (known, new) = (entries[kept], entries[at]);
        if known.index != new.index {
            kept += 1;
            entries[kept] = new;
        } else if counts_more(&new, &known, reader)? {
            entries[kept] = new;
        }
    }
    entries.truncate(kept + 1);
    entries.shrink_to_fit();
    Ok(())
}

fn counts_more(new: &Entry, known: &Entry, reader: &Reader) -> Result<bool, JournalError> {
    if new.is_infra != known.is_infra {
        return Ok(known.is_infra);
    }
    let of = |entry: &Entry| {
        let record = reader.verdict_at(entry.place)?;
        // As the figures count, so that lists and exports say the same.
        let facts = Facts::of(record.sample.clone(), &record.verdict).ranked(record.rank);
        Ok((facts.precedence(), precedence(entry.is_infra, &record)))
    };
    Ok(of(new)? < of(known)?)
}

fn precedence(second_best: bool, record: &impl serde::Serialize) -> Precedence {
    let text = serde_json::to_vec(record).unwrap_or_default();
    (second_best, Digest::of(text))
}

fn scan_precedence(result: &ScanResult) -> (bool, Precedence) {
    // As the figures count: something found, then nothing found, then not analysed.
    let is_clean = result.findings.is_empty();
    (is_clean, precedence(result.not_analysed.is_some(), result))
}

fn reference_order(record: &ReferenceRecord) -> impl Ord + '_ {
    (record.status, &record.cause)
}
