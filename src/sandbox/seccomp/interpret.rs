//! What the kernel would make of a program: a second opinion on the compiler, for tests and for
//! `fumehood doctor`, which checks the filters that it is about to load.

use crate::sandbox::sys::Instruction;

/// Runs a program over one system call and gives the raw return value, or `None` for a program
/// that the kernel would refuse or that does not end.
pub fn interpret(
    program: &[Instruction],
    architecture: u32,
    number: u32,
    arguments: &[u64; 6],
) -> Option<u32> {
    let mut data = [0_u32; 16];
    data[0] = number;
    data[1] = architecture;
    for (index, argument) in arguments.iter().enumerate() {
        data[4 + 2 * index] = *argument as u32;
        data[5 + 2 * index] = (*argument >> 32) as u32;
    }
    let mut accumulator = 0_u32;
    let mut position = 0_usize;
    // Jumps only lead forward, so every program ends within its length.
    while let Some(&Instruction { code, jt, jf, k }) = program.get(position) {
        position += 1;
        let code = u32::from(code);
        let jump = |holds: bool| usize::from(if holds { jt } else { jf });
        if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS {
            accumulator = *data.get(k as usize / 4)?;
        } else if code == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K {
            accumulator &= k;
        } else if code == libc::BPF_JMP | libc::BPF_JA {
            position += k as usize;
        } else if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K {
            position += jump(accumulator == k);
        } else if code == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K {
            position += jump(accumulator >= k);
        } else if code == libc::BPF_RET | libc::BPF_K {
            return Some(k);
        } else {
            return None;
        }
    }
    None
}
