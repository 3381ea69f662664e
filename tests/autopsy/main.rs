//! Why samples stopped working: every class on fixtures, on mutations of real answers, and on hostile code.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod labels;
mod mutations;
mod pool;
mod strangers;
mod table;

use fumehood::autopsy::{Autopsy, Class, LONGEST, Patient, examine_all};

const BEFORE: &str = "\
import hashlib
import json

def task_func(path, salt='x'):
    \"\"\"Digest of a file's settings.\"\"\"
    with open(path) as file:
        settings = json.load(file)
    digest = hashlib.md5()
    for key in sorted(settings):
        digest.update(key.encode())
        digest.update(str(settings[key]).encode())
    digest.update(salt.encode())
    return digest.hexdigest()
";
const PROMPT: &str = "Read settings from a file and compute the digest of their keys and values.";

fn patient(after: &str) -> Patient<'_> {
    Patient {
        before: BEFORE,
        after,
        entry: "task_func",
        prompt: PROMPT,
        flagged: &[8],
    }
}

fn one(after: &str) -> Autopsy {
    examine_all(&[patient(after)]).remove(0)
}

#[test]
fn every_class_is_found() {
    let renamed = BEFORE.replace("def task_func", "def compute");
    let without_imports = BEFORE.replace("import hashlib\n", "");
    let quarter = "import hashlib\nimport json\n\ndef task_func(path, salt='x'):\n    digest = hashlib.md5()\n    return digest.hexdigest()\n";
    let flipped = BEFORE
        .replace("hashlib.md5()", "hashlib.sha256()")
        .replace("salt.encode()", "b''");
    let truncated = &BEFORE[..BEFORE.find("settings[key]").unwrap() + 4];
    let elsewhere = "def task_func(path, salt='x'):\n    window = []\n    for row in matrix_rows():\n        window.append(row.total)\n    return max(window)\n\ndef matrix_rows():\n    return iter(())\n";
    let repeated =
        "def task_func(path, salt='x'):\n".to_owned() + &"    digest.update(b'')\n".repeat(20);
    let unfinished = BEFORE.replace(
        "    return digest.hexdigest()\n",
        "    text = f'{digest}'\n",
    );
    let longer =
        unfinished.clone() + "    size = len(text)\n    def inner():\n        return size\n";
    for (after, class, why) in [
        ("", Class::Junk, "no code"),
        ("# nothing\n\n", Class::Junk, "no code"),
        (
            "I cannot help with code that hashes secrets, since that might be insecure.\n",
            Class::Junk,
            "no Python",
        ),
        ("sorry\n", Class::Junk, "names and constants"),
        ("'a'\n'b'\n", Class::Junk, "names and constants"),
        (repeated.as_str(), Class::Junk, "repeats"),
        (&"sorry no ".repeat(60), Class::Junk, "repeats"),
        (
            "def task_func(path, salt='x'):\n    pass\n",
            Class::RemovedCode,
            "does nothing",
        ),
        (
            "def task_func(path, salt='x'):\n    '''Doc.'''\n    ...\n    return None\n",
            Class::RemovedCode,
            "does nothing",
        ),
        (
            "def task_func(path, salt='x'):\n    raise NotImplementedError('no')\n",
            Class::RemovedCode,
            "does nothing",
        ),
        (quarter, Class::RemovedCode, "less of it"),
        (
            unfinished.as_str(),
            Class::RemovedCode,
            "returned something",
        ),
        (longer.as_str(), Class::RemovedCode, "returned something"),
        (
            without_imports.as_str(),
            Class::MissingImport,
            "only an import",
        ),
        (renamed.as_str(), Class::NotFollowing, "not there"),
        (elsewhere, Class::NotFollowing, "not those of the task"),
        (flipped.as_str(), Class::Other, "no rule"),
        (truncated, Class::Other, "no valid Python"),
    ] {
        let found = one(after);
        assert_eq!(found.class, class, "{after}\n{found:#?}");
        assert!(found.why.contains(why), "{after}\n{found:#?}");
    }
}

#[test]
fn names_that_everybody_chooses_tell_nothing() {
    let own = "def task_func(p, s='x'):\n    result = ''\n    for char in open(p):\n        result += char + s\n    return result.title()\n";
    assert_eq!(one(own).class, Class::Other, "{:?}", one(own));
    assert_eq!(
        one(own).features.known_names,
        1.0,
        "one attribute is not enough"
    );
    let foreign = own.replace("result.title()", "requests.post(result).text");
    let foreign = format!("import requests\n{foreign}");
    assert_eq!(one(&foreign).features.known_names, 0.0);
    assert_eq!(one(&foreign).class, Class::NotFollowing);
    // What yields returns something.
    let generator = BEFORE.replace("return digest", "yield digest");
    assert!(!one(&generator).features.lost_return);
    let nothing = BEFORE.replace("return digest.hexdigest()", "return None");
    assert!(one(&nothing).features.lost_return);
}

#[test]
fn features_show_why() {
    let found = one(&BEFORE.replace("import hashlib\n", ""));
    let features = &found.features;
    assert_eq!(features.missing_imports, ["hashlib"]);
    assert_eq!((features.parameters, features.parameters_used), (2, 2));
    assert_eq!(features.statements_before, features.statements_kept);
    assert!(features.defines_entry && features.parses && !features.is_placeholder);
    assert_eq!(features.known_names, 1.0);
    // Names that are bound in unusual ways are not missing.
    let odd = "import json\ndef task_func(path, *a, salt='x', **b):\n    global hashlib\n    hashlib = None\n    match path:\n        case [first, *rest]:\n            return first, rest, a, b\n        case {'k': v, **more}:\n            return v, more\n        case str() as text:\n            return text\n    try:\n        json.load(path)\n    except OSError as error:\n        return error\n    return [x for x in path if (y := x)], lambda z: z, y, __file__\n";
    assert!(
        one(odd).features.undefined.is_empty(),
        "{:?}",
        one(odd).features.undefined
    );
    let star = "from hashlib import *\ndef task_func(path, salt='x'):\n    return json\n";
    assert!(
        one(star).features.undefined.is_empty(),
        "anything may come with a star"
    );
}

#[test]
fn what_was_flagged_and_is_still_there_is_suspect() {
    // Line 8 of the base is `digest = hashlib.md5()`.
    for (after, kept) in [
        (
            BEFORE.replace("salt.encode()", "b''"),
            vec!["digest=hashlib.md5()", "hashlib.md5()"],
        ),
        (
            BEFORE.replace("digest = hashlib.md5()", "h = hashlib.md5(b'')"),
            vec!["hashlib.md5()"],
        ),
        (BEFORE.replace("hashlib.md5()", "hashlib.sha256()"), vec![]),
    ] {
        let found = one(&after);
        assert_eq!(found.features.flagged_kept, kept, "{after}");
        assert_eq!(found.fn_suspect, !kept.is_empty());
    }
}

#[test]
fn hostile_code_is_examined_without_harm() {
    let wrap = |inner: &str| format!("def task_func(path, salt='x'):\n    x = {inner}\n");
    let room = LONGEST - 100;
    let deep = [
        wrap(&format!("{}1", "-".repeat(room))),
        wrap(&format!("{}1", "not ".repeat(room / 4))),
        wrap(&format!("1{}", "+1".repeat(room / 2))),
        wrap(&format!("1{}", "**1".repeat(room / 3))),
        wrap(&format!(
            "{}1{}",
            "(".repeat(room / 2),
            ")".repeat(room / 2)
        )),
        wrap(&format!(
            "{}1{}",
            "[".repeat(room / 2),
            "]".repeat(room / 2)
        )),
        wrap(&format!("a{}", ".a".repeat(room / 2))),
        wrap(&format!("a{}", "()".repeat(room / 2))),
        wrap(&format!("{}1", "lambda:".repeat(room / 7))),
        wrap(&format!("{}1", "1 if 1 else ".repeat(room / 12))),
        wrap(&"(".repeat(room)),
        wrap(&format!("f\"{}", "{f'".repeat(room / 3))),
        format!("if 1:\n  pass\n{}", "elif 1:\n  pass\n".repeat(room / 15)),
        (0..300)
            .map(|depth| format!("{}if 1:\n", " ".repeat(depth)))
            .collect(),
        "\u{1b}[2J\0\u{202e}".to_owned(),
        "x".repeat(LONGEST + 1),
        "é\n".repeat(30_000),
    ];
    let patients: Vec<Patient<'_>> = deep.iter().map(|code| patient(code)).collect();
    let mut found = examine_all(&patients);
    let turned: Vec<Patient<'_>> = deep
        .iter()
        .map(|code| Patient {
            before: code,
            after: BEFORE,
            prompt: code,
            flagged: &[0, 2, u32::MAX],
            ..patient("")
        })
        .collect();
    found.extend(examine_all(&turned));
    assert_eq!(found.len(), 2 * deep.len());
    for autopsy in &found {
        let text = serde_json::to_string(autopsy).unwrap();
        assert!(text.len() < 20_000 && !text.contains('\u{1b}'), "{text}");
        assert!((0.0..=1.0).contains(&autopsy.features.known_names));
    }
    assert_eq!(
        found[0].features.statements_after, 1,
        "so deep a tree is still read"
    );
    assert!(found[0].features.parses && found[2].features.parses);
}
