//! The least program there is: a static one of two instructions that ends with exit code 0. Every
//! host can run it, nothing has to be installed, and what it costs is what the kernel costs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::error::BenchError;

/// Where it is loaded: a multiple of every page size there is.
const ADDRESS: u64 = 0x40_0000;
const PAGE: u64 = 0x1_0000;
/// Bytes of an ELF header for 64 bits, and of one program header.
const HEADER: u16 = 64;
const PROGRAM_HEADER: u16 = 56;

/// The number of this machine in ELF, and `exit(0)` in its instructions.
#[cfg(target_arch = "x86_64")]
const MACHINE: (u16, &[u8]) = (
    62,
    // xor edi, edi; mov eax, 60; syscall
    &[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05],
);
#[cfg(target_arch = "aarch64")]
const MACHINE: (u16, &[u8]) = (
    183,
    // mov x0, #0; mov x8, #93; svc #0
    &[
        0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4,
    ],
);

/// The program that is measured.
#[derive(Debug)]
pub(super) enum Program {
    /// The least one, in a folder of its own, which goes away with this.
    Least(TempDir),
    /// One that the user named.
    Named(PathBuf),
}

impl Program {
    /// Writes the least one.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn write() -> Result<Self, BenchError> {
        let folder = tempfile::Builder::new()
            .prefix("fumehood-bench-")
            .tempdir()
            .map_err(BenchError::io("make a folder for temporary files"))?;
        let this = Self::Least(folder);
        let path = this.path();
        let failed = || format!("write {}", path.display());
        fs::write(&path, image()).map_err(BenchError::io(failed()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(BenchError::io(failed()))?;
        Ok(this)
    }

    /// Its path.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Least(folder) => folder.path().join("exit"),
            Self::Named(path) => path.clone(),
        }
    }
}

/// The bytes of the file: an ELF header, one program header, the instructions; see elf(5).
fn image() -> Vec<u8> {
    let (machine, code) = MACHINE;
    let start = u64::from(HEADER + PROGRAM_HEADER);
    let length = start + code.len() as u64;
    let mut image = Vec::new();
    // 64 bits, little-endian, version 1, System V.
    image.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let half = |image: &mut Vec<u8>, value: u16| image.extend_from_slice(&value.to_le_bytes());
    let word = |image: &mut Vec<u8>, value: u32| image.extend_from_slice(&value.to_le_bytes());
    let long = |image: &mut Vec<u8>, value: u64| image.extend_from_slice(&value.to_le_bytes());
    half(&mut image, 2); // e_type: an executable at a fixed address
    half(&mut image, machine);
    word(&mut image, 1); // e_version
    long(&mut image, ADDRESS + start); // e_entry
    long(&mut image, u64::from(HEADER)); // e_phoff
    long(&mut image, 0); // e_shoff: no sections
    word(&mut image, 0); // e_flags
    for size in [HEADER, PROGRAM_HEADER, 1, 0, 0, 0] {
        half(&mut image, size);
    }
    word(&mut image, 1); // p_type: to be loaded
    word(&mut image, 5); // p_flags: readable and executable
    for value in [0, ADDRESS, ADDRESS, length, length, PAGE] {
        long(&mut image, value); // offset, addresses, sizes in file and memory, alignment
    }
    image.extend_from_slice(code);
    image
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn it_runs_here_and_ends_with_zero() {
        let program = Program::write().unwrap();
        let status = Command::new(program.path()).env_clear().status().unwrap();
        assert_eq!(status.code(), Some(0));
        // Nothing but the two headers and the instructions.
        assert!(fs::metadata(program.path()).unwrap().len() < 140);
    }
}
