use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

impl Tree {
    /// The imports on the way from the root.
    fn path(&self, place: Place) -> Vec<String> {
        let Some(parent) = self.nodes[place.0].parent else {
            return Vec::new();
        };
        let children = &self.nodes[parent.0].children;
        let own = children.iter().find(|(_, child)| **child == place);
        let mut path = self.path(parent);
        path.push(own.unwrap().0.clone());
        path
    }
}

fn names(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Serves a job as a worker would; every import costs what its name says in tenths of a millisecond.
fn serve(tree: &mut Tree, imports: &[String]) -> Vec<String> {
    serve_popular(tree, imports, 0)
}

/// The same for a job of whose imports so many are popular.
fn serve_popular(tree: &mut Tree, imports: &[String], popular: usize) -> Vec<String> {
    let ladder = Ladder { imports, popular };
    tree.wanted(ladder);
    loop {
        let plan = tree.plan(ladder);
        let Some(serve) = plan.serve else {
            tree.grown(ROOT, 0, 10);
            continue;
        };
        let Some((place, import)) = plan.grow else {
            return tree.path(serve);
        };
        match import.as_bytes()[0] {
            b'u' => tree.unfit(place),
            b'c' => assert_eq!(tree.grown(place, WORTH - 1, 1), [place]),
            _ => drop(tree.grown(place, WORTH, 10)),
        }
    }
}

#[test]
fn what_is_wanted_again_is_warm_from_then_on() {
    let mut tree = Tree::new(1000);
    let job = names("a b");
    assert_eq!(serve(&mut tree, &job), [""; 0]);
    assert_eq!(serve(&mut tree, &job), ["a"]);
    assert_eq!(serve(&mut tree, &job), ["a", "b"]);
    // Another order is another branch.
    let other = names("b a");
    assert_eq!(serve(&mut tree, &other), [""; 0]);
    assert_eq!(serve(&mut tree, &other), ["b"]);
    assert_eq!(serve(&mut tree, &names("a x b")), ["a"]);
}

#[test]
fn what_is_popular_is_warm_at_once_unless_it_had_to_go() {
    let mut tree = Tree::new(40);
    let job = names("a b c");
    assert_eq!(serve_popular(&mut tree, &job, 2), ["a", "b"]);
    assert_eq!(serve_popular(&mut tree, &names("x"), 1), ["x"]);
    // There is no room for more: what goes must be wanted like anything else before it comes back.
    assert_eq!(serve_popular(&mut tree, &names("y"), 1), ["y"]);
    assert_eq!(serve_popular(&mut tree, &job, 2), ["a"]);
    assert_eq!(tree.bytes(), 40);
}

#[test]
fn cheap_and_unfit_imports_are_left_to_the_job() {
    let mut tree = Tree::new(1000);
    let job = names("cheap unfit a");
    for _ in 0..4 {
        serve(&mut tree, &job);
    }
    assert_eq!(serve(&mut tree, &job), ["a"]);
    // What is cheap at the root is so everywhere, and what is unfit too.
    let before = tree.nodes.len();
    assert_eq!(serve(&mut tree, &names("a cheap unfit")), ["a"]);
    assert_eq!(tree.nodes.len(), before);
}

#[test]
fn the_budget_ends_the_leaf_that_was_not_used_for_longest() {
    let mut tree = Tree::new(40);
    for job in ["a b", "a b", "a b", "x", "x"] {
        serve(&mut tree, &names(job));
    }
    assert_eq!(tree.bytes(), 40);
    assert_eq!(serve(&mut tree, &names("d")), [""; 0]);
    assert_eq!(serve(&mut tree, &names("d")), ["d"]);
    assert_eq!(tree.bytes(), 40);
    assert_eq!(serve(&mut tree, &names("a b")), ["a"]);
    assert_eq!(serve(&mut tree, &names("x")), ["x"]);
}

#[test]
fn what_was_learned_outlives_the_processes() {
    let mut tree = Tree::new(1000);
    let job = names("cheap a");
    for _ in 0..3 {
        serve(&mut tree, &job);
    }
    tree.lost();
    assert_eq!(tree.bytes(), 0);
    assert_eq!(
        tree.plan(Ladder {
            imports: &job,
            popular: 0
        }),
        Plan {
            serve: None,
            grow: None
        }
    );
    assert_eq!(serve(&mut tree, &job), ["a"]);
}

proptest! {
    /// Whatever comes, a job is served by an interpreter whose imports are its own, in its order, and
    /// memory stays within the budget.
    #[test]
    fn jobs_find_only_what_they_import(
        jobs in prop::collection::vec(prop::collection::vec("[abcu][0-3]", 0..6), 1..60),
        budget in 10u64..100,
        losses in prop::collection::btree_set(0usize..60, 0..3),
    ) {
        let mut tree = Tree::new(budget);
        for (number, job) in jobs.iter().enumerate() {
            if losses.contains(&number) {
                tree.lost();
            }
            let mut seen = BTreeSet::new();
            let job: Vec<String> = job.iter().filter(|name| seen.insert(*name)).cloned().collect();
            let path = serve(&mut tree, &job);
            let mut left = job.iter();
            for import in &path {
                prop_assert!(left.any(|own| own == import), "{path:?} is not within {job:?}");
                prop_assert!(!import.starts_with(['u', 'c']));
            }
            prop_assert!(tree.bytes() <= budget.max(10));
        }
    }
}
