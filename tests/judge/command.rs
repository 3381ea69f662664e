//! Judges as a user meets them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::server::{Asked, Server, honest, says, words};
use super::{CLEAN, WEAK};

fn fumehood(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(arguments)
        .current_dir(home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("OPENED", "sk-secret")
        // Nobody is there: what is asked on this host goes by no other.
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .env_remove("FUMEHOOD_JUDGE_URL")
        .output()
        .unwrap()
}

#[test]
fn several_judges_take_part_in_scans_and_runs() {
    let doctor = fumehood(Path::new("/"), &["doctor"]);
    if !doctor.status.success() {
        eprintln!("SKIPPED: this host cannot enforce the sandbox");
        return;
    }
    let careful = Server::start(honest);
    // It sees no weakness in `eval`.
    let lax = Server::start(|asked| {
        let blind = Asked {
            code: asked.code.replace("eval(", ""),
            ..asked.clone()
        };
        says("lax-2", &words(&blind), "stop")
    });
    let home = tempfile::tempdir().unwrap();
    let judges = format!(
        "[judge.careful]\nurl = \"{}\"\nkey_variable = \"OPENED\"\n[judge.\"llama-3.3-70b\"]\nurl = \"{}\"\n",
        careful.url, lax.url
    );
    fs::write(home.path().join("judges.toml"), judges).unwrap();
    for (name, code) in [
        ("a.py", CLEAN),
        ("b.py", "def f(x):\n    return eval(x)\n"),
        ("c.py", WEAK),
    ] {
        fs::write(home.path().join(name), code).unwrap();
    }
    let judges = ["--scanners", "none", "--judges", "judges.toml"];
    let both = [
        "--scanner",
        "judge:careful",
        "--scanner",
        "judge:llama-3.3-70b",
    ];
    let output = fumehood(
        home.path(),
        &[
            &["scan", "--json"],
            &judges[..],
            &both,
            &["a.py", "b.py", "c.py"],
        ]
        .concat(),
    );
    let (stdout, stderr) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("judge:careful: 1500 tokens in and 100 out"),
        "{stderr}"
    );
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found = |file: usize, judge: usize| {
        lines[file]["results"][judge]["findings"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        [0, 1, 2].map(|file| [found(file, 0), found(file, 1)]),
        [[0, 0], [1, 0], [1, 1]]
    );
    assert_eq!(lines[0]["results"][1]["version"], "lax-2 (prompt 1)");
    let asked = lax.asked.lock().unwrap()[0].body["model"].clone();
    assert_eq!(asked, "meta-llama/Llama-3.3-70B-Instruct");

    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    let data = demo.join("bigcodebench.jsonl").display().to_string();
    let samples = demo
        .join("bigcodebench.samples.jsonl")
        .display()
        .to_string();
    let inputs = [
        "eval",
        "bigcodebench",
        "--data",
        &data,
        "--samples",
        &samples,
        "--limit",
        "4",
        "-o",
        "run",
    ];
    let output = fumehood(home.path(), &[&inputs[..], &judges, &both].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "{stderr}"
    );
    for file in ["run/journal.jsonl", "run/manifest.json", "run/summary.json"] {
        let text = fs::read_to_string(home.path().join(file)).unwrap();
        assert!(
            text.contains("judge:careful") && !text.contains("sk-secret"),
            "{file}"
        );
    }
    assert!(!stderr.contains("sk-secret"));

    for (arguments, code, says) in [
        (
            &["scan", "--scanner", "judge:x", "a.py"][..],
            2,
            "FUMEHOOD_JUDGE_URL",
        ),
        (
            &[
                "scan",
                "--scanner",
                "judge:x",
                "--judges",
                "none.toml",
                "a.py",
            ],
            3,
            "none.toml",
        ),
    ] {
        let output = fumehood(home.path(), arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}
