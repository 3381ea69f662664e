//! `fumehood scan`: what the scanners say about files of the languages that they read, without running them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
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
use super::scanners::{Panel, ScannerArgs, find, say_costs, shared_name};
use crate::base::digest::Digest;
use crate::base::text::for_terminal;
use crate::scan::judge::config::{Judges, KEY_VARIABLE, PRESETS, URL_VARIABLE};
use crate::scan::run::{MAX_CODE, TOO_LONG};
use crate::scan::sarif::Sarif;
use crate::scan::{
    Finding, Language, Policy, ScanResult, Scanner, ScannerKind, Security, Severity, assess,
    how_to_get,
};
use crate::worker::Pool;

/// Files that one scanner gets at a time: enough to make its start cheap.
const BATCH: usize = 2000;
/// Bytes that are read at a time; what is longer than a scanner takes is not read at all.
const WAVE_BYTES: u64 = 64 << 20;

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
    if !args.list && (is_empty || panel.behaviour) {
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
    let mut counts = BTreeMap::<Security, usize>::new();
    let most = BATCH * pool.processors().max(1);
    let mut done = 0;
    while done < files.len() {
        let wave = wave(&files[done..], most);
        for mut told in scan(wave, &found, pool).await {
            told.add(reports, &args.paths);
            *counts.entry(told.security).or_default() += 1;
            print(&told.text(global)?)?;
        }
        done += wave.len();
        if !global.quiet && files.len() > most {
            say(&format!("{done} of {} files", files.len()));
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

/// A path as it is shown; one that is no UTF-8 must not end the scan.
fn as_shown<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

impl<'a> Told<'a> {
    /// A file that no scanner was asked about.
    fn unread(path: &'a Path, why: &str) -> Self {
        Self {
            path,
            security: Security::Unknown,
            results: Vec::new(),
            not_read: Some(why.to_owned()),
        }
    }

    /// Adds what the reports say, of which the paths may be seen from any of the `roots`.
    fn add(&mut self, reports: &[Sarif], roots: &[PathBuf]) {
        if reports.is_empty() {
            return;
        }
        let mut names = vec![self.path.to_path_buf()];
        names.extend(fs::canonicalize(self.path));
        let below = |root: &PathBuf| self.path.strip_prefix(root).ok().map(Path::to_path_buf);
        names.extend(roots.iter().filter_map(below));
        let plain = |name: &PathBuf| {
            let name = name.strip_prefix(".").unwrap_or(name);
            name.to_str().map(str::to_owned)
        };
        let mut names: Vec<String> = names.iter().filter_map(plain).collect();
        names.sort();
        names.dedup();
        self.results
            .extend(reports.iter().map(|report| report.result(&names)));
        self.not_read = None;
        self.security = assess(&self.results, &Policy::default()).combined;
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

/// Every file of `wave` with what every scanner says that reads its language, in their order.
async fn scan<'a>(
    wave: &'a [PathBuf],
    scanners: &Arc<[Scanner]>,
    pool: &Arc<Pool>,
) -> Vec<Told<'a>> {
    let codes: Vec<Result<Arc<str>, String>> = wave.iter().map(|path| read(path)).collect();
    let mut readable = BTreeMap::<Language, Vec<(Digest, Arc<str>)>>::new();
    for (path, code) in wave.iter().zip(&codes) {
        if let (Some(language), Ok(code)) = (language_of(path), code) {
            let list = readable.entry(language).or_default();
            list.push((Digest::of(code.as_bytes()), Arc::clone(code)));
        }
    }
    let mut tasks = JoinSet::new();
    for (language, list) in &readable {
        // As many as there are processors, where that still makes whole batches.
        let share = list.len().div_ceil(pool.processors().max(1));
        let (language, asked) = (*language, asked(scanners, *language));
        for chunk in list.chunks(share.clamp(BATCH / 10, BATCH)) {
            for (place, _) in asked.clone() {
                let (chunk, scanners, pool) =
                    (chunk.to_vec(), Arc::clone(scanners), Arc::clone(pool));
                tasks.spawn(async move {
                    let codes: Vec<(Digest, &str)> = chunk
                        .iter()
                        .map(|(digest, code)| (*digest, &**code))
                        .collect();
                    let results = scanners[place].scan_batch(&pool, language, &codes).await;
                    ((language, place), results)
                });
            }
        }
    }
    let mut results = std::collections::HashMap::<(Digest, (Language, usize)), ScanResult>::new();
    while let Some(done) = tasks.join_next().await {
        // A task that panicked has no results: its files are unknown below.
        if let Ok((key, found)) = done {
            results.extend(
                found
                    .into_iter()
                    .map(|(digest, result)| ((digest, key), result)),
            );
        }
    }
    wave.iter()
        .zip(codes)
        .map(|(path, code)| {
            let Some(language) = language_of(path) else {
                return Told::unread(path, "it is in no language that is known by its name");
            };
            let result = |(place, scanner): (usize, &Scanner)| {
                let why = match &code {
                    Ok(code) => {
                        let key = (Digest::of(code.as_bytes()), (language, place));
                        match results.get(&key) {
                            Some(result) => return result.clone(),
                            None => "the scanner was not run on it".to_owned(),
                        }
                    }
                    Err(why) => why.clone(),
                };
                ScanResult {
                    scanner: scanner.name().to_owned(),
                    version: scanner.version().to_owned(),
                    findings: Vec::new(),
                    not_analysed: Some(why),
                }
            };
            let results: Vec<ScanResult> = asked(scanners, language).map(result).collect();
            if results.is_empty() {
                return Told::unread(path, &format!("none of the scanners reads {language}"));
            }
            Told {
                path,
                security: assess(&results, &Policy::default()).combined,
                results,
                not_read: None,
            }
        })
        .collect()
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

/// The files to be read next: at least one, at most `most`.
fn wave(files: &[PathBuf], most: usize) -> &[PathBuf] {
    let mut bytes = 0;
    let fits = files.iter().take(most).take_while(|file| {
        bytes += fs::metadata(file).map_or(0, |about| about.len().min(MAX_CODE as u64));
        bytes <= WAVE_BYTES
    });
    let count = fits.count().max(1);
    &files[..count]
}

fn read(path: &Path) -> Result<Arc<str>, String> {
    let failed = |error: std::io::Error| format!("it cannot be read: {error}");
    // A pipe or a device may have no end, and no beginning.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let mut file = fs::File::open(path)
        .map_err(failed)?
        .take(MAX_CODE as u64 + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_CODE {
        return Err(TOO_LONG.to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(text.into())
}

/// The files that were named, and those in the folders that were named whose language is read, each folder's sorted.
fn files(paths: &[PathBuf], is_read: impl Fn(&Language) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let failed = |path: &Path, error: std::io::Error| {
            let error = anyhow::Error::new(error);
            Failure::new(
                Exit::Input,
                error.context(format!("cannot read {}", path.display())),
            )
        };
        if !fs::metadata(path)
            .map_err(|error| failed(path, error))?
            .is_dir()
        {
            found.push(path.clone());
            continue;
        }
        let begin = found.len();
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
                let entry = entry.map_err(|error| failed(&folder, error))?;
                let kind = entry
                    .file_type()
                    .map_err(|error| failed(&entry.path(), error))?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && Language::of(&entry.path()).as_ref().is_some_and(&is_read)
                {
                    found.push(entry.path());
                }
            }
        }
        found[begin..].sort();
    }
    Ok(found)
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
