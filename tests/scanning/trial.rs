//! A scanner run by hand, so that a flag of its can be taken away and its trap be seen to work.

use std::path::Path;
use std::process::Command;

use fumehood::base::digest::Digest;
use fumehood::environment::Interpreter;
use fumehood::scan::brought::PROGRAM;
use fumehood::scan::run::environment;
use fumehood::scan::{BatchFailure, FileOutcome, Language, ScannerKind, ToolOutput};
use fumehood::worker::End;

/// A scanner run outside of the sandbox, with what is changed of its ways.
pub(super) struct Trial<'a> {
    pub(super) kind: ScannerKind,
    pub(super) interpreter: &'a Interpreter,
    pub(super) language: Language,
    /// May add files to the batch.
    pub(super) plant: &'a dyn Fn(&Path),
    /// May change the command line.
    pub(super) change: &'a dyn Fn(&mut Vec<String>),
    /// A variable that is taken away.
    pub(super) without: &'a str,
}

impl<'a> Trial<'a> {
    /// One in which nothing is changed.
    pub(super) fn of(kind: ScannerKind, interpreter: &'a Interpreter, language: Language) -> Self {
        Self {
            kind,
            interpreter,
            language,
            plant: &|_| {},
            change: &|_| {},
            without: "",
        }
    }

    pub(super) fn scan(&self, codes: &[&str]) -> Result<Vec<FileOutcome>, BatchFailure> {
        use std::os::unix::process::ExitStatusExt;
        let (kind, language) = (self.kind, self.language);
        let codes: Vec<(Digest, &str)> = codes.iter().map(|c| (Digest::of(c), *c)).collect();
        let (files, mark) = (kind.files(language), kind.mark(language));
        let batch = fumehood::scan::Batch::stage(language, &codes, files, mark, None).unwrap();
        (self.plant)(batch.folder());
        let root = batch.folder().to_str().unwrap();
        let mut argv = kind.command(self.interpreter, root, language);
        if argv[0] == PROGRAM {
            let program = kind.wants().and_then(|wanted| wanted.program()).unwrap();
            argv[0] = program.to_str().unwrap().to_owned();
        }
        (self.change)(&mut argv);
        let mut env = environment(&*kind, self.interpreter);
        env.retain(|(name, _)| name != self.without);
        // What the sandbox shows at other places.
        if let Some(go) = env.iter().position(|(name, _)| name == "GOROOT") {
            env.remove(go);
            env.retain(|(name, _)| name != "PATH");
            env.push(("PATH".to_owned(), std::env::var("PATH").unwrap()));
        }
        let out = Command::new(&argv[0])
            .args(&argv[1..])
            .env_clear()
            .envs(env)
            // As in the sandbox, it does not start where the files are.
            .current_dir(batch.folder().parent().unwrap())
            .output()
            .unwrap();
        let end = match (out.status.code(), out.status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, signal) => End::Signaled(signal.unwrap_or(0)),
        };
        let output = ToolOutput {
            stdout: &out.stdout,
            stderr: &out.stderr,
            end,
        };
        kind.parse(&output, batch.layout())
    }
}
