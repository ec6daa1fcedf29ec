//! Resources that getrlimit(2) limits.

use serde::{Deserialize, Serialize};

use crate::spec::RlimitType;

/// The names are the same in the specification, here and in `rustix`, which has the numbers: they differ between
/// machines.
macro_rules! resources {
    ($($name:ident,)*) => {
        /// A resource that the kernel limits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum Resource {
            $($name,)*
        }

        impl Resource {
            /// All that the specification names.
            #[cfg(target_os = "linux")]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// The resource of a word of the specification, if the kernel has it.
            pub(crate) fn parse(word: &RlimitType) -> Option<Self> {
                match word {
                    $(RlimitType::$name => Some(Self::$name),)*
                    RlimitType::Other(_) => None,
                }
            }

            /// The word of the specification.
            pub(crate) fn word(self) -> RlimitType {
                match self {
                    $(Self::$name => RlimitType::$name,)*
                }
            }

            /// As the kernel knows it.
            #[cfg(target_os = "linux")]
            pub(crate) fn kernel(self) -> rustix::process::Resource {
                match self {
                    $(Self::$name => rustix::process::Resource::$name,)*
                }
            }
        }
    };
}

resources! {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}
