//! Processes as owners of things that they leave behind when they are killed: temporary folders and
//! control groups carry the owner's name, and a later process removes those of owners that are gone.

use std::fmt;
use std::str::FromStr;

use super::stat::Stat;

/// A process, told apart from a later one with the same process id. Written as `PID-START`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pid: u32,
    /// In clock ticks since the host was started.
    started: u64,
}

impl Owner {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: start_time(pid).unwrap_or(0),
        }
    }

    /// Whether that very process still runs.
    pub fn is_alive(self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// The owner in a name of the form `PREFIXPID-START-REST`.
    pub fn of_name(name: &str, prefix: &str) -> Option<Self> {
        let mut fields = name.strip_prefix(prefix)?.splitn(3, '-');
        let (pid, started, _rest) = (fields.next()?, fields.next()?, fields.next()?);
        format!("{pid}-{started}").parse().ok()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pid, self.started)
    }
}

impl FromStr for Owner {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pid, started) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self {
            pid: pid.parse()?,
            started: started.parse()?,
        })
    }
}

/// When a process started.
fn start_time(pid: u32) -> Option<u64> {
    let stat = Stat::read(&pid.to_string())?;
    // A zombie runs no more, however long its parent takes to notice.
    let runs = !matches!(stat.state(), 'Z' | 'X');
    runs.then(|| stat.field(22))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_another_with_its_number_is_not() {
        let this = Owner::this();
        assert!(this.is_alive());
        assert_eq!(Owner::of_name(&format!("x-{this}-7"), "x-"), Some(this));
        assert!(
            !Owner {
                started: this.started + 1,
                ..this
            }
            .is_alive()
        );
    }

    #[test]
    fn other_names_have_no_owner() {
        for name in ["x-1-probe", "x-1", "x-", "y-1-2-3", "x-a-2-3"] {
            assert_eq!(Owner::of_name(name, "x-"), None, "{name}");
        }
    }
}
