//! `fumehood scan`: what the scanners say about files of the languages that they read, without running them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::{Serialize, Serializer};
use tokio::task::JoinSet;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::{print, print_json, say};
use super::run::{runtime, start_pool};
use super::scan_files::{Code, files, next_batch};
use super::scanners::{Panel, ScannerArgs, find, say_costs, shared_name};
use crate::base::digest::Digest;
use crate::base::text::for_terminal;
use crate::scan::judge::config::{Judges, KEY_VARIABLE, PRESETS, URL_VARIABLE};
use crate::scan::run::BATCH_FILES;
use crate::scan::sarif::Sarif;
use crate::scan::{
    Finding, Language, Policy, ScanResult, Scanner, ScannerKind, Security, Severity, assess,
    how_to_get,
};
use crate::worker::Pool;

/// Batches beyond those that are scanned: one that is staged and waits, and one that is read.
const AHEAD: usize = 2;

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct ScanArgs {
    /// Files (.py; .c .h; .cc .cpp .cxx .hpp; .go), and folders to look for those in that one of the scanners reads (links
    /// in folders are passed over). A file whose name has no ending is read as Python.
    #[arg(value_name = "PATH", required_unless_present = "list")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    scanners: ScannerArgs,
    /// Show every scanner instead: found or not, which version, and how to get it.
    #[arg(long, conflicts_with = "paths")]
    list: bool,
    /// Scanners that work at a time.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

/// Runs it.
pub(super) fn run(args: &ScanArgs, global: Global) -> Result<Exit, Failure> {
    let panel = Panel::of(&args.scanners)?;
    let is_empty = panel.asked.is_empty() && panel.reports.is_empty();
    if !args.list && (is_empty || panel.dynamic().next().is_some()) {
        return Err(Failure::new(
            Exit::Usage,
            anyhow::anyhow!("name scanners that read code; nothing is run here"),
        ));
    }
    let reports = panel
        .reports
        .iter()
        .map(|path| report(path))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(name) = shared_name(reports.iter().map(|report| report.scanner.as_str())) {
        return Err(Failure::new(
            Exit::Input,
            anyhow::anyhow!("two reports are of {name}; join them into one"),
        ));
    }
    // A report may be of anything.
    let is_read = |language: &Language| {
        !reports.is_empty() || panel.asked.iter().any(|asked| asked.reads(*language))
    };
    let files = files(&args.paths, is_read)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.workers.unwrap_or(processors).max(1);
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let pool = Arc::new(start_pool(workers, &[]).await?);
        let outcome = tokio::select! {
            outcome = work(args, global, &panel, &reports, &files, &pool) => outcome,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        };
        if let Some(pool) = Arc::into_inner(pool) {
            pool.shutdown().await;
        }
        outcome
    });
    runtime.shutdown_background();
    outcome
}

async fn work(
    args: &ScanArgs,
    global: Global,
    panel: &Panel,
    reports: &[Sarif],
    files: &[PathBuf],
    pool: &Arc<Pool>,
) -> Result<Exit, Failure> {
    if args.list {
        return list(pool, global).await;
    }
    let found = panel.find(pool).await;
    if let Some(why) = found.iter().find_map(Scanner::missing) {
        return Err(Failure::new(Exit::Environment, anyhow::anyhow!("{why}"))
            .hint("`fumehood scan --list` shows what is there"));
    }
    let found: Arc<[Scanner]> = found.into();
    let processors = pool.processors().max(1);
    // As many batches as there are processors, where they are still worth a start.
    let most = files
        .len()
        .div_ceil(processors)
        .clamp(BATCH_FILES / 10, BATCH_FILES);
    let names = if reports.is_empty() {
        Names::default()
    } else {
        Names::of(files, &args.paths)
    };
    let mut counts = BTreeMap::<Security, usize>::new();
    let (mut under_way, mut ready) = (JoinSet::new(), BTreeMap::new());
    let (mut begun, mut done) = (0, 0);
    while done < files.len() {
        // While tools run, the batches that come next are read and staged.
        while begun < files.len() && under_way.len() + ready.len() < processors + AHEAD {
            let batch = next_batch(&files[begun..], most);
            let (first, end) = (begun, begun + batch.len());
            let languages = files[first..end].iter().map(|path| language_of(path));
            let batch = languages.zip(batch).collect();
            let scan = scan(batch, Arc::clone(&found), Arc::clone(pool));
            under_way.spawn(async move { (first, scan.await) });
            begun = end;
        }
        match under_way.join_next().await {
            Some(Ok((first, results))) => _ = ready.insert(first, results),
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            Some(Err(_)) | None => {}
        }
        while let Some(results) = ready.remove(&done) {
            let mut text = String::new();
            for (path, said) in files[done..].iter().zip(results) {
                let told = Told::new(path, said, reports, &names);
                *counts.entry(told.security).or_default() += 1;
                text.push_str(&told.text(global)?);
                done += 1;
            }
            print(&text)?;
            if !global.quiet && files.len() > most * processors {
                say(&format!("{done} of {} files", files.len()));
            }
        }
    }
    if !global.quiet {
        say_costs(&found);
    }
    let count = |security| counts.get(&security).copied().unwrap_or(0);
    let unknown = count(Security::Unknown);
    if !global.quiet {
        say(&format!(
            "{} files: {} secure, {} insecure, {unknown} unknown",
            files.len(),
            count(Security::Secure),
            count(Security::Insecure),
        ));
    }
    Ok(if unknown == 0 {
        Exit::Success
    } else {
        Exit::Incomplete
    })
}

/// A file with what was found in it.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(serialize_with = "as_shown")]
    path: &'a Path,
    /// By the default policy: any finding of any scanner.
    security: Security,
    results: Vec<ScanResult>,
    /// Why nobody was asked about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_read: Option<String>,
}

/// By which names reports may mean the files.
#[derive(Debug, Default)]
struct Names {
    roots: Vec<PathBuf>,
    /// Names that several files have: nobody knows which is meant.
    shared: HashSet<String>,
}

impl Names {
    /// Of these files, whose paths may be seen from any of the `roots`.
    fn of(files: &[PathBuf], roots: &[PathBuf]) -> Self {
        let mut names = Self {
            roots: roots.to_vec(),
            shared: HashSet::new(),
        };
        let mut owners = HashMap::<String, PathBuf>::new();
        for file in files {
            // The same file named twice is one.
            let real = fs::canonicalize(file).unwrap_or_else(|_| file.clone());
            for name in names.all(file) {
                if owners.get(&name).is_some_and(|owner| *owner != real) {
                    names.shared.insert(name.clone());
                }
                owners.insert(name, real.clone());
            }
        }
        names
    }

    /// Those that only this file has.
    fn of_file(&self, file: &Path) -> Vec<String> {
        let mut names = self.all(file);
        names.retain(|name| !self.shared.contains(name));
        names
    }

    fn all(&self, file: &Path) -> Vec<String> {
        let mut names = vec![file.to_path_buf()];
        names.extend(fs::canonicalize(file));
        let below = |root: &PathBuf| file.strip_prefix(root).ok().map(Path::to_path_buf);
        names.extend(self.roots.iter().filter_map(below));
        let plain = |name: &PathBuf| {
            let name = name.strip_prefix(".").unwrap_or(name);
            name.to_str().map(str::to_owned)
        };
        let mut names: Vec<String> = names.iter().filter_map(plain).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// A path as it is shown; one that is no UTF-8 must not end the scan.
fn as_shown<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

impl<'a> Told<'a> {
    /// With what the reports say.
    fn new(path: &'a Path, (results, not_read): Said, reports: &[Sarif], names: &Names) -> Self {
        let mut told = Self {
            path,
            security: Security::Unknown,
            results,
            not_read,
        };
        if !reports.is_empty() {
            told.add(reports, names);
        }
        told.security = assess(&told.results, &Policy::default()).combined;
        told
    }

    fn add(&mut self, reports: &[Sarif], names: &Names) {
        let names = names.of_file(self.path);
        self.results
            .extend(reports.iter().map(|report| report.result(&names)));
        if !self.results.is_empty() {
            self.not_read = None;
        }
    }

    /// One line of JSON, or a line for each finding and each scanner that could not read it.
    fn text(&self, global: Global) -> Result<String, Failure> {
        if global.json {
            let line = serde_json::to_string(self)
                .map_err(|error| Failure::new(Exit::Incomplete, error))?;
            return Ok(line + "\n");
        }
        let path = for_terminal(&self.path.display().to_string());
        let mut text = String::new();
        if let Some(why) = &self.not_read {
            text.push_str(&format!("{path}: not analysed: {why}\n"));
        }
        for result in &self.results {
            for finding in &result.findings {
                let line = describe(finding);
                text.push_str(&format!(
                    "{path}:{}: {} {line}\n",
                    finding.line, result.scanner
                ));
            }
            if let Some(why) = &result.not_analysed {
                let why = for_terminal(why);
                text.push_str(&format!(
                    "{path}: not analysed by {}: {why}\n",
                    result.scanner
                ));
            }
        }
        Ok(text)
    }
}

fn describe(finding: &Finding) -> String {
    let cwe = finding
        .cwe
        .map_or_else(String::new, |cwe| format!(" CWE-{cwe}"));
    let severity = match finding.severity {
        Severity::Undefined => "",
        Severity::Low => " low",
        Severity::Medium => " medium",
        Severity::High => " high",
    };
    let text = format!("{}{cwe}{severity}: {}", finding.rule, finding.message);
    for_terminal(&text)
}

/// What is said of a file, and why nobody was asked about it.
type Said = (Vec<ScanResult>, Option<String>);

/// What every scanner says of every file of a batch whose language it reads, in their order.
async fn scan(
    batch: Vec<(Option<Language>, Code)>,
    scanners: Arc<[Scanner]>,
    pool: Arc<Pool>,
) -> Vec<Said> {
    let batch = Arc::new(batch);
    let mut tasks = JoinSet::new();
    let languages: BTreeSet<Language> = batch.iter().filter_map(|(of, _)| *of).collect();
    for language in languages {
        for (place, _) in asked(&scanners, language) {
            let (batch, scanners, pool) =
                (Arc::clone(&batch), Arc::clone(&scanners), Arc::clone(&pool));
            tasks.spawn(async move {
                let own = batch.iter().filter(|(of, _)| *of == Some(language));
                let codes: Vec<(Digest, &str)> = own
                    .filter_map(|(_, code)| code.as_ref().ok())
                    .map(|(digest, code)| (*digest, code.as_str()))
                    .collect();
                let results = scanners[place].scan_batch(&pool, language, &codes).await;
                ((language, place), results)
            });
        }
    }
    // One result for each code that could be read, in their order.
    let mut found = HashMap::new();
    while let Some(done) = tasks.join_next().await {
        // A task that panicked has no results: its files are unknown below.
        if let Ok((asked, results)) = done {
            found.insert(asked, results.into_iter());
        }
    }
    let of_file = |(language, code): &(Option<Language>, Code)| {
        let Some(language) = *language else {
            let why = "it is in no language that is known by its name";
            return (Vec::new(), Some(why.to_owned()));
        };
        let of_scanner = |(place, scanner): (usize, &Scanner)| {
            let why = match code {
                Ok((digest, _)) => {
                    let next = found.get_mut(&(language, place)).and_then(Iterator::next);
                    match next {
                        Some((of, result)) if of == *digest => return result,
                        _ => "the scanner was not run on it",
                    }
                }
                Err(why) => why,
            };
            ScanResult {
                scanner: scanner.name().to_owned(),
                version: scanner.version().to_owned(),
                findings: Vec::new(),
                not_analysed: Some(why.to_owned()),
            }
        };
        let results: Vec<ScanResult> = asked(&scanners, language).map(of_scanner).collect();
        let why = || format!("none of the scanners reads {language}");
        let not_read = results.is_empty().then(why);
        (results, not_read)
    };
    batch.iter().map(of_file).collect()
}

/// The scanners that read a language, with their places.
fn asked(
    scanners: &[Scanner],
    language: Language,
) -> impl Iterator<Item = (usize, &Scanner)> + Clone {
    let all = scanners.iter().enumerate();
    all.filter(move |(_, scanner)| scanner.reads(language))
}

/// What a file is written in: as its name says, and Python where the name has no ending, as scripts have none.
fn language_of(path: &Path) -> Option<Language> {
    match path.extension() {
        Some(_) => Language::of(path),
        None => Some(Language::Python),
    }
}

fn report(path: &Path) -> Result<Sarif, Failure> {
    let failed =
        |why: String| Failure::new(Exit::Input, anyhow::anyhow!("{}: {why}", path.display()));
    let bytes =
        fs::read(path).map_err(|error| failed(format!("cannot read the report: {error}")))?;
    Sarif::parse(&bytes).map_err(failed)
}

/// A scanner as `--list` shows it.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    found: bool,
    version: String,
    languages: Vec<Language>,
    /// Of everything that decides its findings: version, flags, rules, the table of CWE numbers.
    identity: Option<String>,
    get: String,
    why_not: Option<String>,
}

async fn list(pool: &Pool, global: Global) -> Result<Exit, Failure> {
    let mut scanners = Vec::new();
    for kind in ScannerKind::ALL {
        scanners.push(find(kind, pool).await);
    }
    let tools = scanners
        .iter()
        .zip(ScannerKind::ALL)
        .map(|(scanner, kind)| Listed {
            name: kind.name().to_owned(),
            found: scanner.missing().is_none(),
            version: scanner.version().to_owned(),
            languages: kind.languages().to_vec(),
            identity: scanner
                .missing()
                .is_none()
                .then(|| scanner.digest().short(12)),
            get: how_to_get(kind),
            why_not: scanner.missing().map(str::to_owned),
        });
    let listed: Vec<Listed> = tools.chain(PRESETS.map(judge)).collect();
    if global.json {
        print_json(&listed)?;
        return Ok(Exit::Success);
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "name",
        "reads",
        "found",
        "version",
        "identity",
        "how to get it",
    ]);
    for scanner in &listed {
        let languages: Vec<&str> = scanner.languages.iter().map(|l| l.name()).collect();
        table.add_row([
            scanner.name.as_str(),
            &languages.join(", "),
            if scanner.found { "yes" } else { "no" },
            &scanner.version,
            scanner.identity.as_deref().unwrap_or(""),
            &scanner.get,
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(Exit::Success)
}

/// A judge, found if its endpoint is known. Nobody is asked for a list: that would cost money.
fn judge((name, model): (&str, &str)) -> Listed {
    let found = Judges::default().named(name, |variable| std::env::var(variable).ok());
    Listed {
        name: format!("judge:{name}"),
        found: found.is_ok(),
        version: model.to_owned(),
        languages: vec![Language::Python],
        identity: None,
        get: format!(
            "name an endpoint of OpenAI's protocol in {URL_VARIABLE}, its key in {KEY_VARIABLE}, or write it down (--judges)"
        ),
        why_not: found.err(),
    }
}
