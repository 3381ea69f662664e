//! What a job could leave behind in its slot's namespaces beside files and processes, and how it is
//! found out or taken back.
//!
//! Message objects are refused by every profile's filter, and without capabilities no namespace can be
//! configured. What is left are process ids, which go on counting, and the network: connections that
//! linger after their processes, and counters of what was sent. The former are set back. The latter
//! cannot be; they are compared with how they were before the first job, those of wider networks only where
//! the profile lets programs make such sockets. So is how the slot's first process
//! is scheduled, which jobs inherit and might change, being of the same user (its capabilities forbid it).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::sandbox::sys::Scheduling;

/// What tells of local sockets, also of those that nobody holds any more but each other.
const LOCAL: &str = "unix";
/// What tells of traffic, connections and other sockets.
const WIDE: [&str; 4] = ["dev", "snmp", "snmp6", "netstat"];
/// The longest of these, with room to spare.
const LONGEST: usize = 64 << 10;
/// The least that a kernel has for a page.
const PAGE: usize = 4096;

/// A table of the network, and what was in it.
#[derive(Debug)]
struct Table {
    name: &'static str,
    file: File,
    before: Vec<u8>,
}

/// The traces of a slot.
#[derive(Debug)]
pub(super) struct Traces {
    last_pid: File,
    network: Vec<Table>,
    scheduling: Scheduling,
    buffer: Vec<u8>,
}

impl Traces {
    /// Of a slot that no job has used. `last_pid` is where its last process id is set; `is_local` says that its
    /// programs can make no sockets but local ones.
    ///
    /// # Errors
    /// When they cannot be told.
    pub(super) fn new(last_pid: Option<File>, is_local: bool) -> io::Result<Self> {
        let last_pid = last_pid.ok_or(io::ErrorKind::NotFound)?;
        let mut traces = Self {
            last_pid,
            network: Vec::new(),
            scheduling: Scheduling::own()?,
            buffer: vec![0; LONGEST],
        };
        let wide = if is_local { &[][..] } else { &WIDE[..] };
        for name in [LOCAL].iter().chain(wide).copied() {
            let file = match File::open(format!("/proc/self/net/{name}")) {
                Ok(file) => file,
                // A kernel without IPv6.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let before = read(&file, &mut traces.buffer, None)?.to_vec();
            traces.network.push(Table { name, file, before });
        }
        Ok(traces)
    }

    /// Has the next process be numbered like the first job's, after the processes that stay.
    ///
    /// # Errors
    /// What the kernel said.
    pub(super) fn count_from_start(&mut self) -> io::Result<()> {
        // Beyond the first byte of the file the kernel ignores what is written.
        self.last_pid.write_all_at(b"1", 0)
    }

    /// Whether this process is scheduled as before: programs run as the same user, and may change that.
    /// The next one would inherit it.
    pub(super) fn is_scheduled_as_before(&self) -> bool {
        Scheduling::own().as_ref() == Ok(&self.scheduling)
    }

    /// The name of a table of the network that is not as it was.
    ///
    /// # Errors
    /// What the kernel said.
    pub(super) fn of_network(&mut self) -> io::Result<Option<&'static str>> {
        for Table { name, file, before } in &self.network {
            if read(file, &mut self.buffer, Some(before.len()))? != before {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

/// A table's text. Where one of this length is expected, and that is what comes, its end is not asked for: the
/// kernel fills what it is given as far as it can, or a page at least, and goes on only after that.
fn read<'a>(file: &File, buffer: &'a mut [u8], expected: Option<usize>) -> io::Result<&'a [u8]> {
    let mut length = 0;
    loop {
        match file.read_at(&mut buffer[length..], length as u64)? {
            0 => return Ok(&buffer[..length]),
            count => length += count,
        }
        if Some(length) == expected && length < PAGE {
            return Ok(&buffer[..length]);
        }
    }
}
