//! The examples of the specs themselves, from a file outside of the project.

use oci_image::json::{self, Value, model};
use oci_image::validate::{Finding, Level, Lint};
use oci_runtime::spec::ContainerProcessState;
use oci_runtime::{Features, Spec, State};
use serde::Serialize;
use serde::de::DeserializeOwned;

model! {
    struct Case {
        required kind: String = "kind";
        required expect: String = "expect";
        required src: String = "src";
        required text: String = "text";
    }
}

/// What excerpts may lack, and where.
///
/// The specification shows one section at a time, and each is read here as a whole Spec. A whole one
/// must have a root: config.md says of `root` that it is REQUIRED for Windows Server containers and
/// "on all other platforms", Hyper-V alone must not have it; and config-windows.md says that
/// `layerFolders` is REQUIRED with at least one element. So these findings are true of an excerpt
/// as a container's configuration. They are no fault of the section that it shows.
const LACKING: &[(&str, &str)] = &[("RT-BUNDLE-03", ""), ("RT-WIN-01", "/windows/layerFolders")];

/// Reads and prints a document; both must be the same JSON.
///
/// Returns the errors of a document that reads.
fn round_trip<T: Serialize + DeserializeOwned + Lint>(case: &Case) -> Result<Vec<Finding>, String> {
    let value: T = json::from_slice(case.text.as_bytes()).map_err(|error| error.to_string())?;
    let printed = json::to_vec(&value).unwrap();
    let before: Value = json::from_slice(case.text.as_bytes()).unwrap();
    let after: Value = json::from_slice(&printed).unwrap();
    assert_eq!(before, after, "{}", case.src);
    Ok(value.lint().into_iter().filter(|finding| finding.level == Level::Error).collect())
}

fn read(case: &Case) -> Option<Result<Vec<Finding>, String>> {
    Some(match case.kind.as_str() {
        "runtime.config" => round_trip::<Spec>(case),
        "runtime.state" => round_trip::<State>(case),
        "runtime.features" => round_trip::<Features>(case),
        "runtime.cpstate" => round_trip::<ContainerProcessState>(case),
        _ => return None,
    })
}

#[test]
fn every_case_of_the_specs_reads_as_they_say() {
    oci_testing::needs!(spec_cases);
    let path = std::env::var_os("OCI_SPEC_CASES").expect("OCI_SPEC_CASES names the file");
    let cases: Vec<Case> = json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        match (read(case), case.expect.as_str()) {
            (Some(Ok(errors)), "bad") if errors.is_empty() => {
                wrong.push(format!("accepted: {}", case.src));
            }
            (Some(Err(error)), "good" | "example") => wrong.push(format!("{}: {error}", case.src)),
            (Some(Ok(errors)), "good") if !errors.is_empty() => {
                wrong.push(format!("{}: {errors:?}", case.src));
            }
            (Some(Ok(errors)), "example") => {
                let excused =
                    |finding: &&Finding| !LACKING.contains(&(finding.id, &finding.pointer));
                wrong.extend(errors.iter().filter(excused).map(|f| format!("{}: {f}", case.src)));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
