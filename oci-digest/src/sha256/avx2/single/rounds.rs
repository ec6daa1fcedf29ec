//! The parts of the assembly of one message that repeat. Its steps are those of FIPS 180-4, section 6.2.2.
//!
//! | register | contents |
//! |---|---|
//! | in brackets | the working variables `a` to `h`: a round rotates the names, not the values |
//! | `ebp`, `r15d` | in turn `a ^ b`, and `b ^ c`, which was `a ^ b` in the last round |
//! | `rdi` | where the addends of sixteen rounds are; those of the next sixteen are 128 bytes on |
//! | `rsi` | where the constants are, in the same order |
//! | `ymm0` to `ymm3` | sixteen words of both blocks |
//! | `ymm9`, `ymm10` | `first_two` and `last_two` |
//! | `r12d` to `r14d`, `ymm4` to `ymm8` | intermediate results |

/// The text of instructions.
macro_rules! instructions {
    ($([$($instruction:tt)*])*) => { concat!($(stringify!($($instruction)*), "\n"),*) };
}

/// Step 3, with the addend at `$at + $word`. What is `h` before is `a` after. After each third instruction there is
/// room for one of the schedule.
///
/// Of thousands of orders this one is among the fastest on Zen 3: measure what you change.
macro_rules! round {
    ($working:tt $a_xor_b:ident $b_xor_c:ident $at:literal $word:literal []) => {
        round!($working $a_xor_b $b_xor_c $at $word [[] [] [] [] [] [] [] []])
    };
    (
        [$a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident]
        $a_xor_b:ident $b_xor_c:ident $at:literal $word:literal
        [$s0:tt $s1:tt $s2:tt $s3:tt $s4:tt $s5:tt $s6:tt $s7:tt]
    ) => {
        instructions!(
            [mov r14d, $f]
            [add $h, [rdi + $at + $word]] // h + K + W
            [xor r14d, $g]
            $s0
            [rorx r12d, $e, 25]
            [rorx r13d, $e, 11]
            [and r14d, $e]
            $s1
            [xor r12d, r13d]
            [xor r14d, $g] // Ch(e, f, g)
            [rorx r13d, $e, 6]
            $s2
            [add $h, r14d]
            [mov $a_xor_b, $a]
            [xor $a_xor_b, $b]
            $s3
            [xor r12d, r13d] // Σ1(e)
            [add $h, r12d] // T1
            [rorx r13d, $a, 13]
            $s4
            [and $b_xor_c, $a_xor_b]
            [rorx r12d, $a, 22]
            [xor r12d, r13d]
            $s5
            [xor $b_xor_c, $b] // Maj(a, b, c)
            [rorx r13d, $a, 2]
            [add $d, $h] // the next e
            $s6
            [add $h, $b_xor_c]
            [xor r12d, r13d] // Σ0(a)
            [add $h, r12d] // the next a
            $s7
        )
    };
}

/// Four rounds, and what stands between the instructions of each.
macro_rules! rounds {
    (
        [$a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident]
        $at:literal $s0:tt $s1:tt $s2:tt $s3:tt
    ) => {
        concat!(
            round!([$a $b $c $d $e $f $g $h] ebp r15d $at 0 $s0),
            round!([$h $a $b $c $d $e $f $g] r15d ebp $at 4 $s1),
            round!([$g $h $a $b $c $d $e $f] ebp r15d $at 8 $s2),
            round!([$f $g $h $a $b $c $d $e] r15d ebp $at 12 $s3),
        )
    };
}

/// Four rounds alone.
macro_rules! four_rounds {
    ($working:tt $at:literal $($words:ident)*) => { rounds!($working $at [] [] [] []) };
}

/// Four rounds, and step 1: the first four of the sixteen words become the four behind them, and their
/// addends are stored.
///
/// σ1 shifts words that stand twice in 64 bits, which is a rotation, and takes two at a time: the last two need
/// the first two.
macro_rules! four_rounds_and_schedule {
    ($working:tt $at:literal $w16:ident $w12:ident $w8:ident $w4:ident) => {
        rounds!(
            $working $at
            [
                [vpalignr ymm4, $w12, $w16, 4] // W15
                [vpalignr ymm5, $w4, $w8, 4] // W7
                [vpsrld ymm6, ymm4, 7]
                [vpaddd $w16, $w16, ymm5]
                [vpslld ymm7, ymm4, 14]
                [vpsrld ymm5, ymm4, 3]
                [vpxor ymm5, ymm5, ymm6]
                [vpsrld ymm6, ymm6, 11]
            ]
            [
                [vpshufd ymm8, $w4, 0xfa] // W2 of the first two words
                [vpxor ymm5, ymm5, ymm7]
                [vpslld ymm7, ymm7, 11]
                [vpxor ymm6, ymm6, ymm7]
                [vpxor ymm5, ymm5, ymm6] // σ0
                [vpsrld ymm6, ymm8, 10]
                [vpaddd $w16, $w16, ymm5]
                [vpsrlq ymm7, ymm8, 17]
            ]
            [
                [vpsrlq ymm8, ymm8, 19]
                [vpxor ymm6, ymm6, ymm7]
                [vpxor ymm6, ymm6, ymm8]
                [vpshufb ymm6, ymm6, ymm9] // σ1
                [vpaddd $w16, $w16, ymm6]
                [vpshufd ymm8, $w16, 0x50] // W2 of the last two words
                [vpsrld ymm6, ymm8, 10]
                [vpsrlq ymm7, ymm8, 17]
            ]
            [
                [vpsrlq ymm8, ymm8, 19]
                [vpxor ymm6, ymm6, ymm7]
                [vpxor ymm6, ymm6, ymm8]
                [vpshufb ymm6, ymm6, ymm10] // σ1
                [vpaddd $w16, $w16, ymm6]
                [vpaddd ymm6, $w16, [rsi + 128 + $at]]
                [vmovdqa [rdi + 128 + $at], ymm6]
                []
            ]
        )
    };
}

/// Sixteen rounds, after which each name has its first register again.
macro_rules! sixteen_rounds {
    ($four_rounds:ident) => {
        concat!(
            $four_rounds!([eax ebx ecx edx r8d r9d r10d r11d] 0 ymm0 ymm1 ymm2 ymm3),
            $four_rounds!([r8d r9d r10d r11d eax ebx ecx edx] 32 ymm1 ymm2 ymm3 ymm0),
            $four_rounds!([eax ebx ecx edx r8d r9d r10d r11d] 64 ymm2 ymm3 ymm0 ymm1),
            $four_rounds!([r8d r9d r10d r11d eax ebx ecx edx] 96 ymm3 ymm0 ymm1 ymm2),
        )
    };
}
