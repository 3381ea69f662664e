//! What two judges say of the same things, for any number of classes: fumehood's own kappa is of two.

use fumehood::metrics::agreement::Agreement;
use fumehood::scan::Security;

/// Standard errors that 95 % of a normal distribution lie within.
const Z: f64 = 1.959_963_984_540_054;

/// Weights of the cells: what the first judge says, then what the second does.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    cells: Vec<Vec<f64>>,
}

impl Table {
    pub(crate) fn of(classes: usize, judged: impl Iterator<Item = (usize, usize, f64)>) -> Self {
        let mut cells = vec![vec![0.0; classes]; classes];
        for (first, second, weight) in judged {
            cells[first][second] += weight;
        }
        Self { cells }
    }

    pub(crate) fn cell(&self, first: usize, second: usize) -> f64 {
        self.cells[first][second]
    }

    pub(crate) fn total(&self) -> f64 {
        self.cells.iter().flatten().sum()
    }

    /// How often the first judge says this.
    pub(crate) fn first(&self, class: usize) -> f64 {
        self.cells[class].iter().sum()
    }

    /// How often the second judge says this.
    pub(crate) fn second(&self, class: usize) -> f64 {
        self.cells.iter().map(|row| row[class]).sum()
    }

    /// The share of which both say the same.
    pub(crate) fn observed(&self) -> f64 {
        let agreed = (0..self.cells.len()).map(|class| self.cells[class][class]);
        agreed.sum::<f64>() / self.total()
    }

    fn expected(&self) -> f64 {
        let by_chance = (0..self.cells.len()).map(|class| self.first(class) * self.second(class));
        by_chance.sum::<f64>() / self.total().powi(2)
    }

    /// Cohen's kappa.
    pub(crate) fn kappa(&self) -> f64 {
        (self.observed() - self.expected()) / (1.0 - self.expected())
    }

    /// Kappa's 95 % interval by the large-sample formula of Fleiss, Cohen and Everitt (1969), where each thing weighs 1.
    pub(crate) fn interval(&self) -> (f64, f64) {
        let (total, kappa, expected) = (self.total(), self.kappa(), self.expected());
        let mut spread = -(kappa - expected * (1.0 - kappa)).powi(2);
        for (first, row) in self.cells.iter().enumerate() {
            for (second, count) in row.iter().enumerate() {
                let margins = (self.second(first) + self.first(second)) / total * (1.0 - kappa);
                spread += count / total * (f64::from(u8::from(first == second)) - margins).powi(2);
            }
        }
        let error = (spread.max(0.0) / total).sqrt() / (1.0 - expected);
        (kappa - Z * error, (kappa + Z * error).min(1.0))
    }
}

#[test]
fn of_two_classes_it_is_what_fumehood_prints_for_scanners() {
    use Security::{Insecure, Secure};
    let counts = [
        (Secure, Secure, 41),
        (Secure, Insecure, 7),
        (Insecure, Secure, 3),
        (Insecure, Insecure, 19),
    ];
    let mut agreement = Agreement::default();
    for (first, second, count) in counts {
        agreement.add(first, second, count);
    }
    let place = |security| usize::from(security == Insecure);
    let cells = counts.map(|(first, second, count)| (place(first), place(second), count as f64));
    let table = Table::of(2, cells.into_iter());
    let (ours, theirs) = (table.interval(), agreement.kappa().unwrap());
    let interval = theirs.interval.unwrap();
    for (one, other) in [
        (table.kappa(), theirs.value),
        (ours.0, interval.low),
        (ours.1, interval.high),
    ] {
        assert!((one - other).abs() < 1e-9, "{one} {other}");
    }
}

#[test]
fn of_three_classes_it_is_what_the_formula_gives_by_hand() {
    // Agreed 70 of 100; by chance (40*50 + 35*30 + 25*20) / 100^2 = 0.355.
    let cells = [[35.0, 3.0, 2.0], [10.0, 22.0, 3.0], [5.0, 5.0, 13.0]];
    let mut cells: Vec<_> = (0..9)
        .map(|at| (at / 3, at % 3, cells[at / 3][at % 3]))
        .collect();
    cells.push((2, 2, 0.0));
    cells.push((2, 2, 2.0));
    let table = Table::of(3, cells.into_iter());
    assert_eq!((table.first(2), table.second(2)), (25.0, 20.0));
    assert!((table.observed() - 0.72).abs() < 1e-12);
    assert!((table.kappa() - (0.72 - 0.355) / 0.645).abs() < 1e-12);
}
