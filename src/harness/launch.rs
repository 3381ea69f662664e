//! How a driver is started under any Python interpreter.

use std::path::Path;

/// The few lines that `python -c` gets. They read descriptor 3 to its end (the driver's length in
/// eight bytes, the driver, its payload), close it, and run the driver in a namespace with builtins
/// of its own. Neither driver nor payload touches a disk or an argument list, where the snippet
/// could read them later.
const BOOTSTRAP: &str = include_str!("drivers/bootstrap.py");

/// What keeps an interpreter that has run a driver's definitions waiting for jobs.
const ZYGOTE: &str = include_str!("drivers/zygote.py");
/// The last line of every driver.
const START: &str = "main()\n";

/// A driver that waits for jobs between its definitions and its last line, and forks for each; `None` for
/// one that does not end as drivers do.
///
/// Whether cold or warm, it is one text: what a job meets is run by the same lines, which have the
/// same numbers but for the last.
pub fn waiting(driver: &str) -> Option<String> {
    let definitions = driver.strip_suffix(START)?;
    definitions
        .ends_with('\n')
        .then(|| [definitions, ZYGOTE, START].concat())
}

/// The argument list for a cold interpreter, and for one that waits.
///
/// No bytecode is written (`-B`) and the user's own site-packages stay out (`-s`). Isolated mode
/// (`-I`) would do both, but it also ignores `PYTHONHASHSEED`. The current folder, which `-c` puts
/// first on `sys.path`, is taken off by the bootstrap: a file that a snippet writes there must not
/// be imported in place of a library.
pub fn command(python: &str) -> Vec<String> {
    [python, "-B", "-s", "-c", BOOTSTRAP]
        .map(str::to_owned)
        .to_vec()
}

/// The whole environment of a driver: the same on every host, and what BigCodeBench's evaluator
/// sets. There is no `MPLBACKEND`: without a display matplotlib chooses Agg by itself, and a set
/// variable would change what `matplotlib.use` and some tests see.
///
/// Programs that tests start by the name `python` are the interpreter's own: its folder comes first
/// on `PATH`, as in an activated environment.
pub fn environment(python: &Path, hash_seed: u32) -> Vec<(String, String)> {
    let own = python.parent().unwrap_or(Path::new("/usr/bin"));
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", own.display());
    let mut variables: Vec<(String, String)> = [
        ("HOME", "/tmp"),
        ("TMPDIR", "/tmp"),
        ("USER", "user"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("OMP_NUM_THREADS", "1"),
        ("OPENBLAS_NUM_THREADS", "1"),
        ("MKL_NUM_THREADS", "1"),
        ("TF_CPP_MIN_LOG_LEVEL", "3"),
        ("TF_ENABLE_ONEDNN_OPTS", "0"),
        ("MPLCONFIGDIR", "/tmp/matplotlib"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    variables.push(("PATH".to_owned(), path));
    variables.push(("PYTHONHASHSEED".to_owned(), hash_seed.to_string()));
    variables
}
