//! A dataset in memory: its tasks by name, and what could not be used.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::error::InputError;
use super::kind::DatasetKind;
use super::task::Task;
use super::tasks::open;
use crate::base::id::TaskId;

/// The tasks of one dataset. Samples refer to them in any order, so they are kept.
#[derive(Clone, Debug, Default)]
pub struct TaskSet {
    tasks: Vec<Arc<Task>>,
    places: HashMap<TaskId, usize>,
    errors: Vec<InputError>,
}

impl TaskSet {
    /// Reads a whole dataset. Tasks that cannot be used are left out and listed by
    /// [`TaskSet::errors`].
    ///
    /// # Errors
    /// When the dataset cannot be opened, is of another kind, or has no usable task.
    pub fn load(kind: DatasetKind, path: &Path) -> Result<Self, InputError> {
        let set: Self = open(kind, path)?.collect();
        if set.is_empty() {
            return Err(set.errors.into_iter().next().unwrap_or_else(|| {
                InputError::of_file(path, "no task in it can be used", "check the file")
            }));
        }
        Ok(set)
    }

    /// The task of this name.
    pub fn get(&self, id: &TaskId) -> Option<&Arc<Task>> {
        self.places.get(id).map(|place| &self.tasks[*place])
    }

    /// The tasks in file order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.iter()
    }

    /// How many tasks can be used.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// What is wrong with the others.
    pub fn errors(&self) -> &[InputError] {
        &self.errors
    }

    /// Why a task that the dataset names cannot be used.
    pub fn error_of(&self, id: &TaskId) -> Option<&InputError> {
        self.errors
            .iter()
            .find(|error| error.task.as_ref() == Some(id))
    }
}

impl FromIterator<Result<Task, InputError>> for TaskSet {
    fn from_iter<I: IntoIterator<Item = Result<Task, InputError>>>(items: I) -> Self {
        let mut set = Self::default();
        for item in items {
            match item {
                Ok(task) => {
                    set.places.insert(task.id.clone(), set.tasks.len());
                    set.tasks.push(Arc::new(task));
                }
                Err(error) => set.errors.push(error),
            }
        }
        set
    }
}
