//! Holm's step-down correction: several techniques against one base are several chances to be lucky.

/// The adjusted p-values, in the same order. Tests that gave no p-value are no part of the family.
///
/// The i-th smallest of m is multiplied by m - i + 1, never falls below the one before it, and is 1 at most.
pub fn adjust(ps: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = ps
        .iter()
        .enumerate()
        .filter_map(|(place, p)| p.map(|p| (place, p)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; ps.len()];
    let mut least = 0.0_f64;
    for (rank, (place, p)) in order.iter().enumerate() {
        let left = (order.len() - rank) as f64;
        least = least.max(p * left).min(1.0);
        adjusted[*place] = Some(least);
    }
    adjusted
}
