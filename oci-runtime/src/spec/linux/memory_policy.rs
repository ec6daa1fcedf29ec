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
