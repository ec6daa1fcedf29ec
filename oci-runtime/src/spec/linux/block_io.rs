use oci_image::json::model;

model! {
    /// Limits of block devices.
    pub struct BlockIo {
        /// The weight beside other cgroups: 10 to 1000.
        optional weight: u16 = "weight";
        /// The weight beside its own children: 10 to 1000.
        optional leaf_weight: u16 = "leafWeight";
        /// Weights by device.
        list weight_device: Vec<WeightDevice> = "weightDevice";
        /// Limits of bytes read a second.
        list throttle_read_bps_device: Vec<ThrottleDevice> = "throttleReadBpsDevice";
        /// Limits of bytes written a second.
        list throttle_write_bps_device: Vec<ThrottleDevice> = "throttleWriteBpsDevice";
        /// Limits of reads a second.
        list throttle_read_iops_device: Vec<ThrottleDevice> = "throttleReadIOPSDevice";
        /// Limits of writes a second.
        list throttle_write_iops_device: Vec<ThrottleDevice> = "throttleWriteIOPSDevice";
    }

    /// Weights of a device; at least one is needed.
    pub struct WeightDevice {
        /// The device's major number.
        required major: i64 = "major";
        /// The device's minor number.
        required minor: i64 = "minor";
        /// The weight beside other cgroups.
        optional weight: u16 = "weight";
        /// The weight beside its own children.
        optional leaf_weight: u16 = "leafWeight";
    }

    /// A limit of a device.
    pub struct ThrottleDevice {
        /// The device's major number.
        required major: i64 = "major";
        /// The device's minor number.
        required minor: i64 = "minor";
        /// Bytes or operations a second.
        required rate: u64 = "rate";
    }
}
