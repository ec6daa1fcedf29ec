//! Signals to processes.

use std::fmt;
use std::str::FromStr;

/// A signal of Linux: a number from 1 to 64, real-time signals included ([signal(7)]).
///
/// It is parsed from what [kill(1)] and the `StopSignal` of an image have: a name with or without `SIG`, in any case, a
/// name of a real-time signal such as `SIGRTMIN+3` or `RTMAX-1`, or a number.
///
/// ```
/// use oci_runtime::Signal;
///
/// assert_eq!("SIGTERM".parse(), Ok(Signal::TERM));
/// assert_eq!("15".parse(), Ok(Signal::TERM));
/// assert_eq!("rtmin+3".parse::<Signal>()?.to_string(), "SIGRTMIN+3");
/// # Ok::<(), oci_runtime::SignalError>(())
/// ```
///
/// [signal(7)]: https://man7.org/linux/man-pages/man7/signal.7.html
/// [kill(1)]: https://man7.org/linux/man-pages/man1/kill.1.html
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// A text or number that is not a [`Signal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is neither a name such as `TERM` or `SIGRTMIN+3` nor a number from 1 to 64",
    text.escape_debug()
)]
pub struct SignalError {
    text: String,
}

macro_rules! signals {
    ($($name:ident = $number:ident,)*) => {
        impl Signal {
            $(
                #[doc = concat!("`", stringify!($number), "`.")]
                pub const $name: Self = Self(libc::$number);
            )*

            const NAMED: &[(&str, Self)] = &[$((stringify!($name), Self::$name)),*];
        }
    };
}

signals! {
    HUP = SIGHUP,
    INT = SIGINT,
    QUIT = SIGQUIT,
    ILL = SIGILL,
    TRAP = SIGTRAP,
    ABRT = SIGABRT,
    BUS = SIGBUS,
    FPE = SIGFPE,
    KILL = SIGKILL,
    USR1 = SIGUSR1,
    SEGV = SIGSEGV,
    USR2 = SIGUSR2,
    PIPE = SIGPIPE,
    ALRM = SIGALRM,
    TERM = SIGTERM,
    CHLD = SIGCHLD,
    CONT = SIGCONT,
    STOP = SIGSTOP,
    TSTP = SIGTSTP,
    TTIN = SIGTTIN,
    TTOU = SIGTTOU,
    URG = SIGURG,
    XCPU = SIGXCPU,
    XFSZ = SIGXFSZ,
    VTALRM = SIGVTALRM,
    PROF = SIGPROF,
    WINCH = SIGWINCH,
    IO = SIGIO,
    PWR = SIGPWR,
    SYS = SIGSYS,
}

/// Other names of the same signals.
const ALIASES: [(&str, Signal); 3] =
    [("IOT", Signal::ABRT), ("POLL", Signal::IO), ("CLD", Signal::CHLD)];

/// What programs take for the first real-time signal: glibc keeps the kernel's first two, 32 and 33, to itself. A
/// constant and not the C library's answer, because the program that is signalled may have another C library.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

impl Signal {
    /// The number.
    pub fn number(self) -> i32 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::numbered(text.parse().ok()?);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let named = Self::NAMED.iter().chain(&ALIASES).find(|(known, _)| *known == name);
        named.map(|(_, signal)| *signal).or_else(|| Self::real_time(name))
    }

    fn numbered(number: i32) -> Option<Self> {
        (1..=RTMAX).contains(&number).then_some(Self(number))
    }

    fn real_time(name: &str) -> Option<Self> {
        let distance = |text: &str, sign| match text.strip_prefix(sign) {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            Some(_) => None,
            None => text.is_empty().then_some(0),
        };
        let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
            (Some(rest), _) => RTMIN.checked_add(distance(rest, '+')?)?,
            (None, Some(rest)) => RTMAX.checked_sub(distance(rest, '-')?)?,
            (None, None) => return None,
        };
        (RTMIN..=RTMAX).contains(&number).then_some(Self(number))
    }
}

impl FromStr for Signal {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, SignalError> {
        Self::parse(text).ok_or_else(|| SignalError { text: text.chars().take(64).collect() })
    }
}

impl TryFrom<i32> for Signal {
    type Error = SignalError;

    fn try_from(number: i32) -> Result<Self, SignalError> {
        Self::numbered(number).ok_or_else(|| SignalError { text: number.to_string() })
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.0
    }
}

/// The name with `SIG`, or the number of one that has no name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMED.iter().find(|(_, signal)| signal == self) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None if self.0 == RTMIN => f.write_str("SIGRTMIN"),
            None if self.0 > RTMIN => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_what_kill_takes() {
        for (text, expected) in [
            ("TERM", Some(15)),
            ("SIGTERM", Some(15)),
            ("sigterm", Some(15)),
            ("9", Some(9)),
            ("064", Some(64)),
            ("CLD", Some(libc::SIGCHLD)),
            ("SIGRTMIN", Some(34)),
            ("RTMIN+3", Some(37)),
            ("SIGRTMIN+30", Some(64)),
            ("RTMAX", Some(64)),
            ("SIGRTMAX-30", Some(34)),
            ("32", Some(32)),
            ("", None),
            ("0", None),
            ("65", None),
            ("-9", None),
            ("+9", None),
            ("99999999999", None),
            ("SIG", None),
            ("SIGSIGTERM", None),
            ("SIG15", None),
            ("RTMIN+", None),
            ("RTMIN-1", None),
            ("RTMIN++1", None),
            ("RTMIN+31", None),
            ("RTMAX-31", None),
            ("RTMIN+2147483647", None),
            ("TERM ", None),
        ] {
            let found = text.parse::<Signal>().ok().map(Signal::number);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn every_signal_comes_back_from_its_text() {
        for number in 1..=64 {
            let signal = Signal::try_from(number).unwrap();
            assert_eq!(signal.to_string().parse(), Ok(signal));
        }
        assert_eq!(Signal::try_from(0).unwrap_err().to_string(), {
            "`0` is neither a name such as `TERM` or `SIGRTMIN+3` nor a number from 1 to 64"
        });
        Signal::try_from(65).unwrap_err();
        assert_eq!(Signal::KILL.to_string(), "SIGKILL");
    }
}
