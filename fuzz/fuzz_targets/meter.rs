//! Holds a law against bytes, and its reader to its memory.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Panics when the bytes break the law, or take more memory than it grants.
pub fn hold(name: &str, data: &[u8]) {
    let law = laws::LAWS
        .iter()
        .find(|law| law.name == name)
        .expect("every target has a law");
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    (law.check)(data);
    let used = MEMORY.peak_usage().saturating_sub(before);
    let granted = law.memory + law.memory_per_byte * data.len();
    assert!(
        used <= granted,
        "{used} bytes of memory for {} bytes of input",
        data.len()
    );
}
