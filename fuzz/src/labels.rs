//! Files of labels.

use fumehood::base::id::SampleId;
use fumehood::dataset::{Labels, Which};

use super::bytes::file;

/// Every label is there once until its sample takes it, and then no more; whatever is wrong with the file
/// is said with its name.
pub(crate) fn check(data: &[u8]) {
    let path = file("labels.jsonl", data);
    let mut labels = match Labels::read(&path) {
        Ok(labels) => labels,
        Err(error) => {
            assert!(error.to_string().contains("labels.jsonl"));
            return;
        }
    };
    let (rejected, lines) = labels.rejected();
    assert!(rejected.len() <= 100 && rejected.len() as u64 <= lines);
    for error in rejected {
        assert!(error.line.is_some() && error.to_string().contains("labels.jsonl:"));
    }
    let open = labels.unmatched();
    assert_eq!(open.len() as u64, labels.count());
    assert!(labels.count() + labels.nulls() > 0);
    for label in &open {
        let free = open.iter().filter_map(|other| match other.which {
            Which::Index(index) if other.task == label.task => Some(index),
            _ => None,
        });
        // A name alone is asked for with a number that nobody labelled.
        let free = free.max().map_or(Some(0), |most| most.checked_add(1));
        let (index, name) = match &label.which {
            Which::Index(index) => (Some(*index), None),
            Which::Name(name) => (free, Some(name.as_str())),
        };
        let Some(index) = index else { return };
        let task = label.task.clone();
        let taken = labels.take(&SampleId { task, index }, name);
        assert!(matches!(taken, Ok(Some(_))), "{label:?}: {taken:?}");
    }
    assert!(labels.unmatched().is_empty());
}
