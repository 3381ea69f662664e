//! Manifests: of runs, which may come from elsewhere, and of the corpus of hostile programs.

use fumehood::base::limits::Limits;
use fumehood::containment::manifest::Manifest as Corpus;
use fumehood::journal::Manifest;

use super::bytes::file;

/// A manifest that is read is the same when written and read again, and can be compared with any
/// other, in bounded text; limits never overflow.
pub(crate) fn check(data: &[u8]) {
    if let Ok(manifest) = Manifest::read(&file("manifest.json", data)) {
        let path = file("again.json", b"");
        manifest.write(&path).expect("it can be written");
        let again = Manifest::read(&path).expect("what was written can be read");
        assert_eq!(again, manifest);
        assert!(manifest.identity.differences(&again.identity).is_empty());
        let mut other = again.identity.clone();
        other.dataset.push('x');
        other.selection.push_str("\u{1b}[2J");
        other.grading.clear();
        let differences = manifest.identity.differences(&other);
        assert!(differences.len() >= 2);
        for difference in &differences {
            assert!(difference.len() < 2000);
            assert!(!difference.chars().any(char::is_control), "{difference:?}");
        }
        let back = other.differences(&manifest.identity);
        assert_eq!(differences.len(), back.len());
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(corpus) = toml::from_str::<Corpus>(text) {
        for row in &corpus.program {
            let limits = row.limits.over(corpus.limits.over(Limits::default()));
            let asked = row.limits.memory_mib.or(corpus.limits.memory_mib);
            assert!(asked.is_none_or(|mib| limits.memory >= mib));
        }
    }
}
