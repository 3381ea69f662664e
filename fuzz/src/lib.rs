//! What must hold for any bytes: one law for everything that reads what others wrote.
//!
//! A law takes bytes, gives them to a reader of fumehood, and panics when the reader breaks its word. A
//! fuzzer looks for bytes that do (`fuzz/run`), and `tests/fuzzing.rs` holds every law against the seeds
//! and what was once found.

mod bytes;
mod code;
mod datasets;
mod equality;
mod imports;
mod journal;
mod labels;
mod lines;
mod manifests;
mod probe;
mod proc;
mod profile;
mod samples;
mod scanners;
mod seccomp;
mod states;
mod text;
mod transcript;
mod value;
mod wire;

/// One law.
#[derive(Clone, Copy)]
pub struct Law {
    /// Its name, which its fuzz target and its seeds carry.
    pub name: &'static str,
    /// Panics when the bytes break the law.
    pub check: fn(&[u8]),
    /// Memory that checking may take whatever the bytes are.
    pub memory: usize,
    /// Memory that it may take for each byte.
    pub memory_per_byte: usize,
}

const MIB: usize = 1 << 20;

const fn law(name: &'static str, check: fn(&[u8])) -> Law {
    Law {
        name,
        check,
        memory: MIB,
        memory_per_byte: 512,
    }
}

/// Every law.
pub const LAWS: [Law; 20] = [
    law("code", code::check),
    law("datasets", datasets::check),
    law("equality", equality::check),
    law("imports", imports::check),
    law("journal", journal::check),
    Law {
        // As for lines.
        memory: 24 * MIB,
        ..law("labels", labels::check)
    },
    Law {
        // A zstd window, and a line, as far as they are allowed.
        memory: 24 * MIB,
        ..law("lines", lines::check)
    },
    law("manifests", manifests::check),
    law("neutral", code::check_neutral),
    law("probe", probe::check),
    law("proc", proc::check),
    law("profile", profile::check),
    law("samples", samples::check),
    law("scanners", scanners::check),
    law("seccomp", seccomp::check),
    law("states", states::check),
    law("text", text::check),
    law("transcript", transcript::check),
    law("value", value::check),
    law("wire", wire::check),
];
