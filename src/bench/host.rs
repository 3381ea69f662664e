//! The host that was measured.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// What a figure means nothing without.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Host {
    /// The processor's name, as far as the kernel knows one.
    pub cpu: String,
    /// Processors that we may use.
    pub cores: usize,
    /// Kernel name and release.
    pub kernel: String,
    /// Processor architecture.
    pub machine: String,
    /// Whether it is a virtual machine; `None` where nothing tells.
    pub virtualised: Option<bool>,
    /// Processes that ran or waited to run on average over the minute before, and 5 and 15.
    pub load_before: Option<[f64; 3]>,
}

impl Host {
    /// This host, now.
    pub fn look() -> Self {
        let named = crate::journal::Host::current();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: processor(&cpuinfo),
            cores: named.processors,
            kernel: named.kernel,
            machine: named.machine,
            virtualised: is_virtual(&cpuinfo),
            load_before: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| load(&text)),
        }
    }

    /// Whether others use more of the host than figures can bear: a tenth of its processors.
    pub fn is_busy(&self) -> bool {
        self.load_before
            .is_some_and(|[minute, ..]| minute > self.cores as f64 / 10.0)
    }
}

fn processor(cpuinfo: &str) -> String {
    let value = |wanted: &str| {
        cpuinfo.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == wanted).then(|| value.trim().to_owned())
        })
    };
    value("model name")
        .or_else(|| value("Model"))
        .or_else(|| {
            // Arm: numbers, which lscpu(1) turns into names.
            let (maker, part) = (value("CPU implementer")?, value("CPU part")?);
            Some(format!("implementer {maker}, part {part}"))
        })
        .unwrap_or_else(|| "unknown".to_owned())
}

/// A guest's processor says so on x86; elsewhere the firmware's or the hypervisor's files do.
fn is_virtual(cpuinfo: &str) -> Option<bool> {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    if let Some(flags) = flags {
        return Some(flags.split_whitespace().any(|flag| flag == "hypervisor"));
    }
    let places = ["/sys/hypervisor/type", "/proc/device-tree/hypervisor"];
    places
        .iter()
        .any(|place| Path::new(place).exists())
        .then_some(true)
}

fn load(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_kernel_are_read() {
        let x86 = "processor\t: 0\nmodel name\t: A B @ 2.60GHz\nflags\t\t: fpu hypervisor vme\n";
        assert_eq!(processor(x86), "A B @ 2.60GHz");
        assert_eq!(is_virtual(x86), Some(true));
        assert_eq!(is_virtual("flags\t\t: fpu vme\n"), Some(false));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(processor(arm), "implementer 0x41, part 0xd0c");
        assert_eq!(processor(""), "unknown");
        assert_eq!(
            load("0.49 1.41 1.74 2/160 4242\n"),
            Some([0.49, 1.41, 1.74])
        );
        assert_eq!(load("garbage"), None);
        assert!(Host::look().cores > 0);
    }
}
