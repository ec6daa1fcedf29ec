//! Limits in the words of the unified hierarchy, or why they cannot be had there.

use oci_runtime::{Host, Spec};

use super::plan;

/// What is written for these `resources`, or every reason why not.
fn writes(resources: &str) -> String {
    let mut spec = Spec::linux_default();
    let linux = spec.linux.as_mut().unwrap();
    linux.cgroups_path = Some("/one".into());
    linux.resources = Some(oci_image::json::from_slice(resources.as_bytes()).unwrap());
    match plan(spec, &Host::typical()) {
        Ok(plan) => {
            let step = plan.steps().next().unwrap();
            let writes = step.strip_prefix("make cgroup /one").unwrap();
            // Those that every container needs, whatever its limits are.
            writes.trim_end_matches(", 11 device rules").trim_start_matches(", ").into()
        }
        Err(refusals) => super::texts(&refusals).join("; "),
    }
}

// covers: RT-LINUX-18, RT-LINUX-19, RT-LINUX-20, RT-LINUX-21, RT-LINUX-23, RT-LINUX-24, RT-LINUX-25
#[test]
fn limits_are_written_as_the_unified_hierarchy_has_them() {
    for (resources, expected) in [
        (r#"{"cpu":{"shares":1024}}"#, "cpu.weight=39"),
        (r#"{"cpu":{"shares":2,"idle":1}}"#, "cpu.weight=1, cpu.idle=1"),
        (r#"{"cpu":{"quota":50000,"period":200000}}"#, "cpu.max=50000 200000"),
        (r#"{"cpu":{"quota":-1}}"#, "cpu.max=max 100000"),
        (
            r#"{"cpu":{"quota":9,"burst":8,"cpus":"0-1","mems":"0"}}"#,
            "cpu.max=9 100000, cpu.max.burst=8, cpuset.cpus=0-1, cpuset.mems=0",
        ),
        (
            r#"{"memory":{"limit":1000,"swap":3000,"reservation":500}}"#,
            "memory.max=1000, memory.swap.max=2000, memory.low=500",
        ),
        (r#"{"memory":{"limit":-1,"swap":-1}}"#, "memory.max=max, memory.swap.max=max"),
        (r#"{"memory":{"limit":1000,"swap":0}}"#, "memory.max=1000"),
        // No limit is what there is without one.
        (r#"{"memory":{"limit":1000,"kernel":-1,"kernelTCP":-1}}"#, "memory.max=1000"),
        (r#"{"pids":{"limit":-1}}"#, "pids.max=max"),
        (r#"{"blockIO":{"weight":10}}"#, "io.weight=1"),
        (
            r#"{"blockIO":{"weight":1000,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600}]}}"#,
            "io.weight=10000, io.max=8:0 rbps=600",
        ),
        (r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4096}]}"#, "hugetlb.2MB.max=4096"),
        (r#"{"pids":{"limit":0}}"#, "pids.max=0"),
        (
            r#"{"rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":9}}}"#,
            "rdma.max=mlx5_1 hca_handle=3 hca_object=9",
        ),
        (r#"{"unified":{"memory.high":"900"}}"#, "memory.high=900"),
    ] {
        assert_eq!(writes(resources), expected, "{resources}");
    }
}

#[test]
fn limits_that_cannot_be_had_are_refused() {
    let old = "of the v1 hierarchy `memory`, which this host does not have";
    for (resources, expected) in [
        (
            r#"{"cpu":{"quota":9,"burst":10}}"#,
            "`/linux/resources/cpu`: the burst is above the quota",
        ),
        (
            r#"{"memory":{"swap":3000}}"#,
            "`/linux/resources/memory`: `swap` is memory and swap together, and there is no `limit`",
        ),
        (
            r#"{"memory":{"limit":-1,"swap":3000}}"#,
            "`/linux/resources/memory`: `swap` is memory and swap together, and there is no `limit`",
        ),
        (
            r#"{"memory":{"limit":3000,"swap":1000}}"#,
            "`/linux/resources/memory`: `swap` is memory and swap together, and below `limit`",
        ),
        (
            r#"{"memory":{"kernel":5}}"#,
            &format!("`/linux/resources/memory`: `memory.kmem.limit_in_bytes` is {old}"),
        ),
        (
            r#"{"memory":{"swappiness":0}}"#,
            &format!("`/linux/resources/memory`: `memory.swappiness` is {old}"),
        ),
        (
            r#"{"blockIO":{"weight":9}}"#,
            "`/linux/resources/blockIO/weight`: it is not between 10 and 1000",
        ),
        (
            r#"{"blockIO":{"weight":1001}}"#,
            "`/linux/resources/blockIO/weight`: it is not between 10 and 1000",
        ),
        (r#"{"rdma":{"mlx5_1":{}}}"#, "`/linux/resources/rdma/mlx5_1`: it has no limit"),
        (
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0}]}}"#,
            "`/linux/resources/blockIO/weightDevice/0`: it has no weight",
        ),
        (
            r#"{"unified":{"../x":"1"}}"#,
            "`/linux/resources/unified/../x`: it is not the name of a file of a cgroup",
        ),
    ] {
        assert_eq!(writes(resources), expected, "{resources}");
    }
}

/// A number that is out of range must not become any number.
// covers: RT-LINUX-17
#[test]
fn rules_for_devices_have_numbers_or_mean_any() {
    let rule = |major: i64| {
        writes(&format!(
            r#"{{"devices":[{{"allow":true,"type":"c","major":{major},"access":"rwm"}}]}}"#
        ))
    };
    for any_or_number in [-1, 0, 4_294_967_295] {
        assert_eq!(rule(any_or_number), "12 device rules");
    }
    for none in [-2, 4_294_967_296] {
        let expected =
            "`/linux/resources/devices/0`: a device number is not between 0 and 4294967295";
        assert_eq!(rule(none), expected);
    }
}

// covers: RT-LINUX-17
#[test]
fn rules_for_devices_have_a_kind_and_uses_of_devices() {
    let rule = |text: &str| writes(&format!(r#"{{"devices":[{{"allow":true{text}}}]}}"#));
    for text in [r#","type":"b","access":"mm""#, r#","type":"c""#, r#","type":"a","access":"rwm""#]
    {
        assert_eq!(rule(text), "12 device rules", "{text}");
    }
    for access in ["", "x", "rwmx", "r w"] {
        let expected = format!(
            "`/linux/resources/devices/0`: access `{access}` is not made of `r`, `w` and `m`"
        );
        assert_eq!(rule(&format!(r#","access":"{access}""#)), expected);
    }
    assert_eq!(
        rule(r#","type":"p","access":"x","minor":-2"#),
        "`/linux/resources/devices/0`: `p` is not a type of device for a rule; \
         `/linux/resources/devices/0`: access `x` is not made of `r`, `w` and `m`; \
         `/linux/resources/devices/0`: a device number is not between 0 and 4294967295"
    );
}
