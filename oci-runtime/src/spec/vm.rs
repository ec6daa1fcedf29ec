//! What only virtual machines have ([config-vm.md]).
//!
//! [config-vm.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-vm.md

use oci_image::json::model;
use serde::de::{Deserialize, Deserializer, Error};

model! {
    /// The configuration that only virtual machines have.
    pub struct Vm {
        /// The program that runs the machine.
        optional hypervisor: Hypervisor = "hypervisor";
        /// The kernel of the machine.
        required kernel: Kernel = "kernel";
        /// The root filesystem of the machine.
        optional image: Image = "image";
        /// The hardware of the machine.
        optional hw_config: HwConfig = "hwConfig";
        /// The hardware of the machine as the spec's Go package spells it. A document that has both
        /// spellings is refused; [`Vm::hardware`] reads either.
        optional hwconfig: HwConfig = "hwconfig";
    }

    /// The program that runs a virtual machine.
    pub struct Hypervisor {
        /// Its absolute path.
        required path: String = "path";
        /// Its arguments.
        list parameters: Vec<String> = "parameters";
    }

    /// The kernel of a virtual machine.
    pub struct Kernel {
        /// Its absolute path.
        required path: String = "path";
        /// Its parameters.
        list parameters: Vec<String> = "parameters";
        /// The absolute path of the initial RAM disk.
        optional initrd: String = "initrd";
    }

    /// The root filesystem of a virtual machine; not an OCI image.
    pub struct Image {
        /// Its absolute path.
        required path: String = "path";
        /// Its format.
        required format: ImageFormat = "format";
    }

    /// The hardware of a virtual machine.
    pub struct HwConfig {
        /// The path of the device tree.
        optional device_tree: String = "deviceTree";
        /// How many virtual CPUs.
        optional vcpus: u32 = "vcpus";
        /// The memory in bytes.
        optional memory: u64 = "memory";
        /// Nodes of the host's device tree to pass through.
        list dtdevs: Vec<String> = "dtdevs";
        /// Memory of the host's devices to pass through.
        list iomems: Vec<IoMem> = "iomems";
        /// Interrupts of the host to pass through.
        list irqs: Vec<u32> = "irqs";
    }

    /// Memory of a device of the host.
    pub struct IoMem {
        /// The first page in the machine; absent is `first_mfn`.
        optional first_gfn: u64 = "firstGFN";
        /// The first page on the host.
        required first_mfn: u64 = "firstMFN";
        /// How many pages.
        required nr_mfns: u64 = "nrMFNs";
    }
}

open! {
    /// The format of a virtual machine's root filesystem.
    pub enum ImageFormat {
        Raw = "raw",
        Qcow2 = "qcow2",
        Vdi = "vdi",
        Vmdk = "vmdk",
        Vhd = "vhd",
    }
}

impl Vm {
    /// The hardware of the machine, under either spelling of its name.
    pub fn hardware(&self) -> Option<&HwConfig> {
        self.hw_config.as_ref().or(self.hwconfig.as_ref())
    }
}

/// Refuses a document that says both `hwConfig` and `hwconfig`, as readers differ on which counts.
pub(super) struct OneHwConfig(Vm);

impl From<OneHwConfig> for Vm {
    fn from(one: OneHwConfig) -> Self {
        one.0
    }
}

impl<'de> Deserialize<'de> for OneHwConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let vm = Vm::deserialize(deserializer)?;
        let has = |spelling| vm.unknown.get(spelling).is_some();
        let camel = vm.hw_config.is_some() || has("hwConfig");
        let lower = vm.hwconfig.is_some() || has("hwconfig");
        if camel && lower {
            return Err(D::Error::custom(
                "member `hwconfig` differs from `hwConfig` only by letter case",
            ));
        }
        Ok(Self(vm))
    }
}
