//! `--latex` and `--csv`: tables for papers, spreadsheets and data frames, on standard output.

use clap::Args;

use super::exit_code::Exit;
use super::failure::Failure;
use super::output::{print, say};
use crate::base::text::one_line;
use crate::metrics::paired::Verdict;
use crate::report::{CompareSummary, Summary, csv, latex};

/// Arguments as typed.
#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
pub(super) struct TableArgs {
    /// Print LaTeX tables for a paper instead.
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    latex: bool,
    /// Print the numbers as rows of CSV instead.
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    csv: bool,
}

impl TableArgs {
    /// Prints a run's, if they are asked for.
    pub(super) fn print(self, summary: &Summary) -> Result<bool, Failure> {
        self.print_either(|| latex::render(summary), || csv::render(summary))
    }

    /// Prints a comparison's, if they are asked for. What the rules of `--fail-if` say has no place in them.
    pub(super) fn print_compare(self, summary: &CompareSummary) -> Result<bool, Failure> {
        let latex = || latex::render_compare(summary);
        let is_printed = self.print_either(latex, || csv::render_compare(summary))?;
        if is_printed {
            say_broken(summary);
        }
        Ok(is_printed)
    }

    fn print_either(
        self,
        latex: impl FnOnce() -> String,
        csv: impl FnOnce() -> std::io::Result<String>,
    ) -> Result<bool, Failure> {
        let failed = |error| Failure::new(Exit::RunFolder, anyhow::Error::new(error));
        let text = match (self.latex, self.csv) {
            (true, _) => latex(),
            (_, true) => csv().map_err(failed)?,
            _ => return Ok(false),
        };
        print(&text)?;
        Ok(true)
    }
}

/// Names the rules of `--fail-if` that do not hold, where what is printed does not.
pub(super) fn say_broken(summary: &CompareSummary) {
    for technique in &summary.techniques {
        let rulings = technique.rulings.iter();
        for ruling in rulings.filter(|ruling| ruling.verdict != Verdict::Holds) {
            let (rule, name) = (&ruling.rule, one_line(&technique.side.name, 100));
            say(&format!("failed: --fail-if '{rule}': {name}"));
        }
    }
}
