//! One message, in assembly, by BMI2 and AVX2.
//!
//! Each round waits for the one before it, so all depends on how few instructions a round has and in which order
//! they stand; compilers change both. The message schedule does not wait for the rounds: vectors compute it for
//! two blocks at once, in between the rounds of the first.
//!
//! Miri cannot run this, and finds no processor that has AVX2.

#[macro_use]
mod rounds;

use core::arch::asm;
use core::mem::{MaybeUninit, offset_of};

use super::super::constants::K;
use super::super::{Block, State};

/// What the message and the constants add in each round, `W + K`: that of four rounds of a block, the same of the
/// block behind it, and so on.
#[repr(align(32))]
struct Addends(#[expect(dead_code, reason = "only the assembly reads it")] [[u32; 8]; 16]);

#[repr(C, align(32))]
struct Constants {
    /// Those of four rounds, for both blocks.
    k: [[u32; 8]; 16],
    /// From the bytes of a block to its words.
    big_endian: [u8; 16],
    /// From two words, each in the lower half of 64 bits, to the first two of four.
    first_two: [u8; 16],
    /// The same to the last two of four.
    last_two: [u8; 16],
}

const ZERO: u8 = 0x80;

static CONSTANTS: Constants = Constants {
    k: twice(K),
    big_endian: [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12],
    first_two: [0, 1, 2, 3, 8, 9, 10, 11, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO],
    last_two: [ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, 0, 1, 2, 3, 8, 9, 10, 11],
};

const fn twice(k: [u32; 64]) -> [[u32; 8]; 16] {
    let mut both = [[0; 8]; 16];
    let mut t = 0;
    while t < 64 {
        both[t / 4][t % 4] = k[t];
        both[t / 4][t % 4 + 4] = k[t];
        t += 1;
    }
    both
}

/// The four words at `$at` of both blocks, and their addends.
macro_rules! load {
    ($words:ident $half:ident $at:literal) => {
        instructions!(
            [vmovdqu $half, [r13 + $at]]
            [vinserti128 $words, $words, [r12 + $at], 1]
            [vpshufb $words, $words, ymm11]
            [vpaddd ymm4, $words, [rsi + 2 * $at]]
            [vmovdqa [rdi + 2 * $at], ymm4]
        )
    };
}

macro_rules! add_to_state {
    ($($working:ident $at:literal)*) => {
        instructions!($(
            [add $working, [r12 + $at]]
            [mov [r12 + $at], $working]
        )*)
    };
}

/// Compresses the blocks, section 6.2.2.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[expect(unsafe_code, reason = "a compiler does not keep the order of instructions")]
pub(super) fn compress(state: &mut State, blocks: &[Block]) {
    if blocks.is_empty() {
        return;
    }
    let mut addends = MaybeUninit::<Addends>::uninit();
    // SAFETY: it reads `CONSTANTS` and `blocks`, of which there are some, reads and writes `state`, and writes `addends`
    // before it reads them. The red zone is not touched, what is pushed is popped, and that restores `rbx` and
    // `rbp`, which cannot be operands; all else that changes is declared. The processor has the instructions, as this
    // function is compiled for them. Which of them are executed depends on `blocks.len()` alone.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "push rdx", // [rsp + 24]: how many blocks are left
            "push rcx", // [rsp + 16]: the addends
            "push rdi", // [rsp + 8]: the state
            "push rsi", // [rsp]: the next block
            "vbroadcasti128 ymm9, [rip + {constants} + {first_two}]",
            "vbroadcasti128 ymm10, [rip + {constants} + {last_two}]",
            "vbroadcasti128 ymm11, [rip + {constants} + {big_endian}]",
            // Step 2.
            "mov eax, [rdi]",
            "mov ebx, [rdi + 4]",
            "mov ecx, [rdi + 8]",
            "mov edx, [rdi + 12]",
            "mov r8d, [rdi + 16]",
            "mov r9d, [rdi + 20]",
            "mov r10d, [rdi + 24]",
            "mov r11d, [rdi + 28]",

            "2:", // two blocks, or the last one
            "mov r13, [rsp]",
            "mov rdi, [rsp + 16]",
            "lea rsi, [rip + {constants}]",
            "lea r12, [r13 + 64]",
            "cmp qword ptr [rsp + 24], 1",
            "cmove r12, r13", // nothing is behind the last one: it is loaded twice
            load!(ymm0 xmm0 0),
            load!(ymm1 xmm1 16),
            load!(ymm2 xmm2 32),
            load!(ymm3 xmm3 48),
            "mov r15d, ebx",
            "xor r15d, ecx",

            // Steps 1 and 3: the first 48 rounds of the first block, and the addends of all others.
            ".p2align 5",
            "3:",
            sixteen_rounds!(four_rounds_and_schedule),
            "sub rdi, -128", // a shorter instruction than to add 128
            "sub rsi, -128",
            "lea r12, [rip + {constants} + 3 * 128]",
            "cmp rsi, r12",
            "jne 3b",
            "mov esi, 1",

            // Step 3: the last 16 rounds of the first block, and all 64 of the second.
            ".p2align 5",
            "4:",
            sixteen_rounds!(four_rounds),
            "sub rdi, -128",
            "dec esi",
            "jnz 4b",

            // Step 4.
            "mov r12, [rsp + 8]",
            add_to_state!(eax 0 ebx 4 ecx 8 edx 12 r8d 16 r9d 20 r10d 24 r11d 28),
            "dec qword ptr [rsp + 24]",
            "jz 5f",
            "mov r15d, ebx",
            "xor r15d, ecx",
            "test dil, 16", // set after the second block, whose addends begin there
            "lea rdi, [rdi - 512 + 16]",
            "mov esi, 4",
            "jz 4b",
            "sub qword ptr [rsp], -128",
            "jmp 2b",

            "5:",
            "vzeroupper",
            "add rsp, 32",
            "pop rbp",
            "pop rbx",
            constants = sym CONSTANTS,
            big_endian = const offset_of!(Constants, big_endian),
            first_two = const offset_of!(Constants, first_two),
            last_two = const offset_of!(Constants, last_two),
            inout("rdi") state.as_mut_ptr() => _,
            inout("rsi") blocks.as_ptr() => _,
            inout("rdx") blocks.len() => _,
            inout("rcx") addends.as_mut_ptr() => _,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("sysv64"),
        );
    }
}
