//! What a refused system call was about, from its number and arguments: for people to read, never
//! for a decision, since a program can change its memory at any moment.

use std::fs::File;
use std::os::unix::fs::FileExt;

use syscalls::Sysno;

use crate::base::text::one_line;

/// Bytes of a text that are read from a program's memory.
const READ: usize = 256;
/// Characters of a text that are kept.
const KEPT: usize = 100;

/// The name of a system call.
pub(super) fn name(number: u32) -> String {
    match Sysno::new(number as usize) {
        Some(call) => call.name().to_owned(),
        None => format!("call {number}"),
    }
}

/// The memory of the thread that makes the call.
pub(super) struct Memory {
    thread: u32,
    file: Option<Option<File>>,
}

impl Memory {
    /// Nothing is opened before something is read.
    pub(super) fn of(thread: u32) -> Self {
        Self { thread, file: None }
    }

    /// Whether anything was looked for in it.
    pub(super) fn was_read(&self) -> bool {
        self.file.is_some()
    }

    /// The text at an address, up to its NUL byte, made printable; `None` where there is none.
    fn text(&mut self, address: u64) -> Option<String> {
        if address == 0 {
            return None;
        }
        let thread = self.thread;
        let file = self
            .file
            .get_or_insert_with(|| File::open(format!("/proc/{thread}/mem")).ok())
            .as_ref()?;
        let mut buffer = [0; READ];
        // Up to the end of the memory that is there, and no further.
        let length = file.read_at(&mut buffer, address).ok()?;
        let bytes = &buffer[..length];
        let end = bytes.iter().position(|byte| *byte == 0);
        let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(length)]);
        Some(one_line(&text, KEPT))
    }
}

/// What the call was to be done to or with; empty where nothing can be told.
pub(super) fn detail(call: &str, arguments: &[u64; 6], memory: &mut Memory) -> String {
    let [first, second, third, fourth, ..] = *arguments;
    match call {
        "unshare" | "clone" => namespaces(first),
        "setns" => namespaces(second),
        "mount" => {
            let kind = memory.text(third).filter(|kind| !kind.is_empty());
            let target = memory.text(second).unwrap_or_default();
            match kind {
                Some(kind) => format!("{kind} on {target}"),
                None => target,
            }
        }
        "umount2" | "pivot_root" | "chroot" | "acct" | "swapon" | "swapoff" | "uselib"
        | "fsopen" | "mknod" => memory.text(first).unwrap_or_default(),
        "open_tree" | "fspick" | "mount_setattr" | "name_to_handle_at" | "mknodat" => {
            memory.text(second).unwrap_or_default()
        }
        "move_mount" => memory.text(fourth).unwrap_or_default(),
        "add_key" | "request_key" => {
            let kind = memory.text(first).unwrap_or_default();
            let name = memory.text(second).unwrap_or_default();
            format!("{kind} {name}")
        }
        "socket" | "socketpair" => socket(first as u32, second as u32, third as u32),
        "ptrace" => format!("{}, process {}", ptrace_request(first), second as i32),
        "process_vm_readv" | "process_vm_writev" | "migrate_pages" | "move_pages" | "prlimit64" => {
            format!("process {}", first as i32)
        }
        "kcmp" => format!("processes {} and {}", first as i32, second as i32),
        "pidfd_getfd" => format!("descriptor {}", second as i32),
        "keyctl" => format!("operation {}", first as i32),
        "bpf" | "seccomp" | "landlock_create_ruleset" => format!("command {}", first as u32),
        "ioctl" => match second as u32 {
            0x5412 => "TIOCSTI".to_owned(),
            0x541C => "TIOCLINUX".to_owned(),
            other => format!("{other:#x}"),
        },
        "fcntl" => match second as u32 {
            0x400 => "F_SETLEASE".to_owned(),
            0x402 => "F_NOTIFY".to_owned(),
            other => format!("{other:#x}"),
        },
        "prctl" => match first as u32 {
            22 => "PR_SET_SECCOMP".to_owned(),
            35 => "PR_SET_MM".to_owned(),
            62 => "PR_SCHED_CORE".to_owned(),
            other => format!("{other:#x}"),
        },
        "setsockopt" => format!("level {}, option {}", second as u32, third as u32),
        "personality" => format!("{:#x}", first as u32),
        _ => String::new(),
    }
}

fn namespaces(flags: u64) -> String {
    const NAMES: [(u64, &str); 8] = [
        (0x0000_0080, "CLONE_NEWTIME"),
        (0x0002_0000, "CLONE_NEWNS"),
        (0x0200_0000, "CLONE_NEWCGROUP"),
        (0x0400_0000, "CLONE_NEWUTS"),
        (0x0800_0000, "CLONE_NEWIPC"),
        (0x1000_0000, "CLONE_NEWUSER"),
        (0x2000_0000, "CLONE_NEWPID"),
        (0x4000_0000, "CLONE_NEWNET"),
    ];
    let named = NAMES.iter().filter(|(flag, _)| flags & flag != 0);
    named.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

fn socket(family: u32, kind: u32, protocol: u32) -> String {
    let family = match family {
        1 => "AF_UNIX".to_owned(),
        2 => "AF_INET".to_owned(),
        10 => "AF_INET6".to_owned(),
        16 => "AF_NETLINK".to_owned(),
        17 => "AF_PACKET".to_owned(),
        38 => "AF_ALG".to_owned(),
        40 => "AF_VSOCK".to_owned(),
        44 => "AF_XDP".to_owned(),
        other => format!("family {other}"),
    };
    let kind = match kind & 0xF {
        1 => "SOCK_STREAM".to_owned(),
        2 => "SOCK_DGRAM".to_owned(),
        3 => "SOCK_RAW".to_owned(),
        5 => "SOCK_SEQPACKET".to_owned(),
        other => format!("type {other}"),
    };
    format!("{family}, {kind}, {protocol}")
}

fn ptrace_request(request: u64) -> String {
    match request {
        0 => "PTRACE_TRACEME".to_owned(),
        16 => "PTRACE_ATTACH".to_owned(),
        0x4206 => "PTRACE_SEIZE".to_owned(),
        other => format!("request {other:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_from_memory_bounded_and_printable() {
        let own = || Memory::of(std::process::id());
        let hostile =
            std::ffi::CString::new(format!("/a\u{1b}[31m\n{}", "x".repeat(1000))).unwrap();
        let mut memory = own();
        let text = memory.text(hostile.as_ptr() as u64).unwrap();
        assert!(text.starts_with("/a\\u{1b}[31m x"), "{text}");
        assert!(text.chars().count() <= KEPT && memory.was_read());
        for nowhere in [0, 1, 8, u64::MAX, u64::MAX - 100, 1 << 63] {
            assert_eq!(own().text(nowhere), None, "{nowhere:#x}");
        }
        assert_eq!(Memory::of(u32::MAX).text(hostile.as_ptr() as u64), None);
    }

    #[test]
    fn calls_say_what_they_are_about() {
        let target = c"/tmp/m";
        let kind = c"tmpfs";
        let at = |text: &std::ffi::CStr| text.as_ptr() as u64;
        let told = |call: &str, arguments: [u64; 6]| {
            detail(call, &arguments, &mut Memory::of(std::process::id()))
        };
        let mount = |kind| told("mount", [0, at(target), kind, 0, 0, 0]);
        assert_eq!(mount(at(kind)), "tmpfs on /tmp/m");
        assert_eq!(mount(0), "/tmp/m");
        assert_eq!(
            told("unshare", [0x1002_0000, 0, 0, 0, 0, 0]),
            "CLONE_NEWNS CLONE_NEWUSER"
        );
        assert_eq!(
            told("socket", [16, 3, 4, 0, 0, 0]),
            "AF_NETLINK, SOCK_RAW, 4"
        );
        assert_eq!(
            told("ptrace", [16, 1, 0, 0, 0, 0]),
            "PTRACE_ATTACH, process 1"
        );
        assert_eq!(told("reboot", [1; 6]), "");
        assert_eq!((name(165).as_str(), name(9999).as_str()).1, "call 9999");
    }

    #[test]
    fn any_arguments_are_told_without_a_fault() {
        for number in 0..600 {
            for value in [0, 1, u64::MAX, 1 << 47, 0x5412] {
                let _ = detail(
                    &name(number),
                    &[value; 6],
                    &mut Memory::of(std::process::id()),
                );
            }
        }
    }
}
