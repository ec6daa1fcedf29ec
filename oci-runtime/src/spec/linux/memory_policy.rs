use oci_image::json::model;

model! {
    /// On which memory nodes to allocate, as set_mempolicy(2) takes it.
    pub struct MemoryPolicy {
        /// The mode.
        required mode: MemoryPolicyMode = "mode";
        /// The nodes: `0-3,7`.
        optional nodes: String = "nodes";
        /// Flags.
        list flags: Vec<MemoryPolicyFlag> = "flags";
    }
}

open! {
    /// A mode of memory policy.
    pub enum MemoryPolicyMode {
        Default = "MPOL_DEFAULT",
        Bind = "MPOL_BIND",
        Interleave = "MPOL_INTERLEAVE",
        WeightedInterleave = "MPOL_WEIGHTED_INTERLEAVE",
        Preferred = "MPOL_PREFERRED",
        PreferredMany = "MPOL_PREFERRED_MANY",
        Local = "MPOL_LOCAL",
    }

    /// A flag of memory policy.
    pub enum MemoryPolicyFlag {
        NumaBalancing = "MPOL_F_NUMA_BALANCING",
        RelativeNodes = "MPOL_F_RELATIVE_NODES",
        StaticNodes = "MPOL_F_STATIC_NODES",
    }
}

impl MemoryPolicyMode {
    /// The number by which set_mempolicy(2) knows it.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Default => Some(0),
            Self::Preferred => Some(1),
            Self::Bind => Some(2),
            Self::Interleave => Some(3),
            Self::Local => Some(4),
            Self::PreferredMany => Some(5),
            Self::WeightedInterleave => Some(6),
            Self::Other(_) => None,
        }
    }
}

impl MemoryPolicyFlag {
    /// The bit of the mode by which set_mempolicy(2) knows it.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::NumaBalancing => Some(1 << 13),
            Self::RelativeNodes => Some(1 << 14),
            Self::StaticNodes => Some(1 << 15),
            Self::Other(_) => None,
        }
    }
}
