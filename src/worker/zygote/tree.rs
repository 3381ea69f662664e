//! Which warm interpreters are worth having, and which of them a job may use. Pure: no process is touched.
//!
//! The root has run a driver's definitions. Every other interpreter is a copy of its parent that has
//! imported one thing more. The imports on the way from the root to it are some of those that a job makes
//! first of all; so a job that is forked there finds nothing that it would not have imported itself, before
//! any of its own code. In which order jobs have them is up to the caller
//! ([`ImportOrder`](crate::harness::ImportOrder)).

use std::collections::BTreeMap;

/// An import is worth an interpreter from this much CPU time on, in microseconds.
const WORTH: u64 = 3_000;
/// Imports that are remembered, wanted or not. Beyond that a run is too motley for more.
const MOST_KNOWN: usize = 20_000;
/// How often an import must be wanted before it is worth a try.
const OFTEN: u32 = 2;

/// One place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(usize);

/// The first interpreter, without any imports of jobs.
pub(super) const ROOT: Place = Place(0);

#[derive(Debug, Default)]
struct Node {
    parent: Option<Place>,
    children: BTreeMap<String, Place>,
    wanted: u32,
    state: State,
    /// Bytes that its process holds beside its parent's.
    bytes: u64,
    /// The last job that used it.
    used: u64,
    /// It was ended for want of memory.
    was_ended: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// There is no process.
    #[default]
    Absent,
    /// A process waits.
    Alive,
    /// Not worth a process: it costs next to nothing here, and so everywhere below.
    Cheap,
    /// It leaves behind what a fork would not carry over.
    Unfit,
}

/// The tree of one driver under one interpreter.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Imports that no process may have made.
    unfit: BTreeMap<String, ()>,
    /// Bytes that all processes may hold together.
    budget: u64,
    jobs: u64,
}

/// What a job would have an interpreter import.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ladder<'a> {
    /// In this order.
    pub(super) imports: &'a [String],
    /// So many of them, from the first, are known to be wanted by others, too.
    pub(super) popular: usize,
}

impl Ladder<'_> {
    /// Whether a place for one of the imports is worth a try.
    fn is_worth(self, number: usize, node: &Node) -> bool {
        node.wanted >= OFTEN || number < self.popular && !node.was_ended
    }
}

/// What to do for a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The interpreter that serves it, unless another is to be made first; `None` while there is no root.
    pub(super) serve: Option<Place>,
    /// An interpreter to be made from the one that serves.
    pub(super) grow: Option<(Place, String)>,
}

impl Tree {
    pub(super) fn new(budget: u64) -> Self {
        Self {
            nodes: vec![Node::default()],
            unfit: BTreeMap::new(),
            budget,
            jobs: 0,
        }
    }

    /// A job comes, with the imports that it makes first of all.
    pub(super) fn wanted(&mut self, ladder: Ladder<'_>) {
        self.jobs += 1;
        let mut at = ROOT;
        for (number, import) in ladder.imports.iter().enumerate() {
            if let Some(next) = self.step(at, import) {
                let node = &mut self.nodes[next.0];
                node.wanted = node.wanted.saturating_add(1);
                // What is not known yet may turn out to be cheap. Until then nothing is planned beyond.
                if node.state == State::Absent && !ladder.is_worth(number, node) {
                    break;
                }
                at = next;
            }
        }
    }

    /// What to do for a job that was counted by [`Self::wanted`]. To be asked again after each growth.
    pub(super) fn plan(&mut self, ladder: Ladder<'_>) -> Plan {
        if self.nodes[ROOT.0].state != State::Alive {
            return Plan {
                serve: None,
                grow: None,
            };
        }
        let mut at = ROOT;
        let mut grow = None;
        for (number, import) in ladder.imports.iter().enumerate() {
            let Some(next) = self.step(at, import) else {
                continue;
            };
            let node = &self.nodes[next.0];
            match node.state {
                State::Alive => at = next,
                State::Absent if ladder.is_worth(number, node) => {
                    grow = Some((next, import.clone()));
                    break;
                }
                // An import that is left to the job: what comes after it is, too.
                _ => break,
            }
        }
        self.touch(at);
        Plan {
            serve: Some(at),
            grow,
        }
    }

    /// The place below `at` for an import; `None` when it is not worth one or must not have one.
    fn step(&mut self, at: Place, import: &str) -> Option<Place> {
        if self.unfit.contains_key(import) {
            return None;
        }
        let mut above = Some(at);
        while let Some(place) = above {
            let node = &self.nodes[place.0];
            if let Some(child) = node.children.get(import)
                && self.nodes[child.0].state == State::Cheap
            {
                return None;
            }
            above = node.parent;
        }
        if let Some(known) = self.nodes[at.0].children.get(import) {
            return Some(*known);
        }
        if self.nodes.len() >= MOST_KNOWN {
            return None;
        }
        let new = Place(self.nodes.len());
        self.nodes.push(Node {
            parent: Some(at),
            ..Node::default()
        });
        self.nodes[at.0].children.insert(import.to_owned(), new);
        Some(new)
    }

    fn touch(&mut self, place: Place) {
        let mut at = Some(place);
        while let Some(place) = at {
            self.nodes[place.0].used = self.jobs;
            at = self.nodes[place.0].parent;
        }
    }

    /// A process has come up at `place`: what its import cost in microseconds, and the bytes that it holds in
    /// all beside what its parent holds. Gives the processes to be ended, this one among them when it is
    /// not worth keeping.
    pub(super) fn grown(&mut self, place: Place, micros: u64, bytes: u64) -> Vec<Place> {
        let node = &mut self.nodes[place.0];
        if place != ROOT && micros < WORTH {
            node.state = State::Cheap;
            self.pass_up(place);
            return vec![place];
        }
        node.state = State::Alive;
        node.bytes = bytes;
        self.touch(place);
        let mut gone = Vec::new();
        while self.bytes() > self.budget {
            let Some(leaf) = self.oldest_leaf() else {
                break;
            };
            self.nodes[leaf.0].state = State::Absent;
            // It has to be wanted anew: a tree that is too large for its memory must not grow for every job.
            self.nodes[leaf.0].wanted = 0;
            self.nodes[leaf.0].was_ended = true;
            gone.push(leaf);
        }
        gone
    }

    /// The import at `place` cannot be had warm.
    pub(super) fn unfit(&mut self, place: Place) {
        self.nodes[place.0].state = State::Unfit;
        self.pass_up(place);
        let Some(parent) = self.nodes[place.0].parent else {
            return;
        };
        let children = &self.nodes[parent.0].children;
        let import = children.iter().find(|(_, child)| **child == place);
        if let Some((import, _)) = import {
            self.unfit.insert(import.clone(), ());
        }
    }

    /// What was wanted behind an import that gets no process is wanted in its place.
    fn pass_up(&mut self, place: Place) {
        let Some(parent) = self.nodes[place.0].parent else {
            return;
        };
        for (import, child) in std::mem::take(&mut self.nodes[place.0].children) {
            let wanted = self.nodes[child.0].wanted;
            if let Some(known) = self.nodes[parent.0].children.get(&import).copied() {
                let node = &mut self.nodes[known.0];
                node.wanted = node.wanted.saturating_add(wanted);
            } else {
                self.nodes[child.0].parent = Some(parent);
                self.nodes[parent.0].children.insert(import, child);
            }
        }
    }

    /// All processes are gone. What was learned stays.
    pub(super) fn lost(&mut self) {
        for node in &mut self.nodes {
            if node.state == State::Alive {
                node.state = State::Absent;
            }
        }
    }

    /// Bytes that all processes hold.
    pub(super) fn bytes(&self) -> u64 {
        let alive = self.nodes.iter().filter(|node| node.state == State::Alive);
        alive.map(|node| node.bytes).sum()
    }

    /// The process that was used the longest time ago, of those from which no other was made. The root stays.
    fn oldest_leaf(&self) -> Option<Place> {
        let is_leaf = |node: &Node| {
            let mut children = node.children.values();
            !children.any(|child| self.nodes[child.0].state == State::Alive)
        };
        let alive = (1..self.nodes.len()).filter(|index| {
            let node = &self.nodes[*index];
            node.state == State::Alive && is_leaf(node)
        });
        alive
            .min_by_key(|index| (self.nodes[*index].used, *index))
            .map(Place)
    }
}

#[cfg(test)]
mod tests;
