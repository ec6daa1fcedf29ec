//! Conversions to `oci-spec` and back.

use std::fmt::Debug;

use oci_image::json;
use oci_runtime::compat::oci_spec_0_10::{Converted, Counterpart};
use oci_runtime::spec::ContainerProcessState;
use oci_runtime::{Features, Spec, State};

macro_rules! document {
    ($name:literal) => {
        include_str!(concat!("spec/documents/", $name, ".json"))
    };
}

fn convert<T: Counterpart>(text: &str) -> Converted<T::OciSpec> {
    json::from_slice::<T>(text.as_bytes()).unwrap().to_oci_spec().unwrap()
}

fn losses<T: Counterpart>(text: &str) -> (Vec<String>, Vec<String>) {
    let converted = convert::<T>(text);
    let back = T::from_oci_spec(&converted.value).unwrap();
    assert_eq!((back.lost, back.added), (vec![], vec![]), "{text}");
    (converted.lost, converted.added)
}

/// What `oci-spec` says and what it was made of are the same documents, and reading the text by
/// `oci-spec` itself gives the same value.
fn is_exact<T: Counterpart + PartialEq + Debug>(text: &str)
where
    T::OciSpec: PartialEq + Debug,
{
    let ours: T = json::from_slice(text.as_bytes()).unwrap();
    let theirs = ours.to_oci_spec().unwrap().exact().unwrap();
    assert_eq!(theirs, serde_json::from_str::<T::OciSpec>(text).unwrap());
    let back = T::from_oci_spec(&theirs).unwrap().exact().unwrap();
    assert!(back.to_oci_spec().unwrap().exact().unwrap() == theirs);
}

#[test]
fn what_oci_spec_holds_it_reads_as_we_do() {
    is_exact::<Spec>(document!("solaris"));
    is_exact::<Spec>(document!("zos"));
    is_exact::<State>(document!("state"));
    is_exact::<ContainerProcessState>(document!("container-process-state"));
    is_exact::<Features>(document!("features"));
}

#[test]
fn what_oci_spec_cannot_hold_is_named() {
    let (lost, added) = losses::<Spec>(document!("linux"));
    assert_eq!(
        lost,
        [
            "/linux/intelRdt/enableCMT",
            "/linux/intelRdt/enableMBM",
            "/linux/resources/hugepageLimits/0/limit",
            "/process/capabilities/bounding/1",
            "/process/scheduler/flags/0",
            "/process/scheduler/flags/1",
        ]
    );
    assert_eq!(
        added,
        [
            "/linux/devices/1/major",
            "/linux/devices/1/minor",
            "/linux/resources/hugepageLimits/0/limit",
        ]
    );
    let (lost, added) = losses::<Spec>(document!("windows"));
    assert_eq!(
        lost,
        [
            "/windows/credentialSpec/n",
            "/windows/hyperv/utilityVMPath",
            "/windows/resources/cpu/affinity",
        ]
    );
    assert_eq!(added, ["/process/user/gid", "/process/user/uid"]);
    assert_eq!(losses::<Spec>(document!("vm")).0, ["/vm/hwConfig"]);
    assert_eq!(losses::<Spec>(document!("vm-go")).0, ["/vm/hwconfig"]);
    assert_eq!(losses::<Spec>(document!("freebsd")).0, ["/freebsd"]);
}

#[test]
fn a_loss_is_named_by_its_place_in_the_whole_document() {
    let text = r#"{"ociVersion":"1.0.0","linux":{"namespaces":[
        {"type":"soul"},{"type":"pid"},{"type":"mind"},{"type":"user","x":1}]}}"#;
    let converted = convert::<Spec>(text);
    assert_eq!(
        converted.lost,
        ["/linux/namespaces/0", "/linux/namespaces/2", "/linux/namespaces/3/x"]
    );
}

#[test]
fn a_part_converts_alone() {
    let user = oci_runtime::spec::User::posix(1000, 100);
    let theirs = user.to_oci_spec().unwrap().exact().unwrap();
    assert_eq!((theirs.uid(), theirs.gid()), (1000, 100));
    assert_eq!(oci_runtime::spec::User::from_oci_spec(&theirs).unwrap().value, user);
}

#[test]
fn words_that_oci_spec_does_not_have_are_refused() {
    for converted in [
        oci_runtime::spec::Capability::from("CAP_UNHEARD").to_oci_spec().map(|_| ()),
        oci_runtime::spec::Status::from("paused").to_oci_spec().map(|_| ()),
    ] {
        let message = converted.unwrap_err().to_string();
        assert!(message.starts_with("cannot convert the document to oci-spec"), "{message}");
    }
}

/// `oci-spec` has a default for what it should require, and so says something else.
#[test]
fn a_default_that_stands_for_something_else_is_named() {
    let state = State::new("1.0.0".into(), "a".into(), "paused".into(), "/b".into());
    let converted = state.to_oci_spec().unwrap();
    assert_eq!(
        (&*converted.lost, &*converted.added),
        (&["/status".into()][..], &["/status".into()][..])
    );
    assert!(converted.exact().is_err());
}
