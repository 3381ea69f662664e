//! Records of a journal, for tests that only need some.

use fumehood::base::digest::Digest;
use fumehood::base::limits::Limits;
use fumehood::base::version::{HARNESS, MANIFEST};
use fumehood::journal::{Host, Identity, Manifest, Record, ScanRecord, ScannerIdentity};
use fumehood::scan::{Policy, ScanResult};

pub(crate) fn manifest() -> Manifest {
    Manifest {
        version: MANIFEST,
        fumehood: "0.0.0".to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        identity: Identity {
            dataset: "bigcodebench".to_owned(),
            tasks: Digest::of("tasks"),
            samples: Digest::of("samples"),
            selection: String::new(),
            grading: "strict".to_owned(),
            check_ground_truth: false,
            limits: Limits::default(),
            profile: "snippet".to_owned(),
            profile_digest: Digest::of("profile"),
            without: Vec::new(),
            scanners: vec![ScannerIdentity {
                name: "bandit".to_owned(),
                version: "1.8.0".to_owned(),
                digest: Digest::of("rules"),
            }],
            policy: Policy::default(),
            interpreter: Digest::of("interpreter"),
            harness: HARNESS,
        },
        tasks: 2,
        python: "3.12.0".to_owned(),
        warm: true,
        sources: Vec::new(),
        is_mixed: false,
        host: Host::default(),
        attestation: serde_json::Value::Null,
    }
}

pub(crate) fn scan(scanner: &str) -> Record {
    Record::Scan(ScanRecord {
        code: Digest::of("code"),
        result: ScanResult {
            scanner: scanner.to_owned(),
            version: "1".to_owned(),
            findings: Vec::new(),
            not_analysed: None,
        },
    })
}
