//! Labels that were given by reading real codes, without seeing what the rules say of them.

use std::fs;

use fumehood::autopsy::examine_all;
use serde_json::json;

use super::pool::pool;

/// Writes the pool and what the rules say of it, for `tools/failure_labels.py` to draw from.
#[test]
fn the_pool_is_written_where_it_is_asked_for() {
    let Some(path) = std::env::var_os("FUMEHOOD_LABEL_POOL") else {
        return;
    };
    let pairs = pool().unwrap();
    let patients: Vec<_> = pairs.iter().map(|pair| pair.patient()).collect();
    let rows = pairs
        .iter()
        .zip(examine_all(&patients))
        .map(|(pair, autopsy)| {
            let mut row = json!(pair);
            row["predicted"] = json!(autopsy.class);
            row.to_string() + "\n"
        });
    fs::write(path, rows.collect::<String>()).unwrap();
}
