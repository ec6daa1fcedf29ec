use oci_image::json::model;

model! {
    /// How a container's packets are marked.
    pub struct Network {
        /// The class of the packets.
        optional class_id: u32 = "classID";
        /// The priority of the packets on each interface.
        list priorities: Vec<InterfacePriority> = "priorities";
    }

    /// The priority of packets on an interface.
    pub struct InterfacePriority {
        /// The interface.
        required name: String = "name";
        /// The priority.
        required priority: u32 = "priority";
    }
}
