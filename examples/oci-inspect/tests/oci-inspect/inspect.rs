use std::io::Write;
use std::process::{Command, Output, Stdio};

use oci_image::Level;
use oci_image::json::{self, Value, model};
use oci_inspect::{Kind, batch};

model! {
    /// A case of a suite: a document, and whether it is a good one.
    struct Case {
        /// The kind of document.
        required kind: String = "kind";
        /// `good`, `example` (good too) or `bad`.
        required expect: String = "expect";
        /// Where it comes from.
        required src: String = "src";
        /// The document.
        required text: String = "text";
    }
}

/// What excerpts of the runtime specification may lack, and where: a section is not a whole Spec.
///
/// config.md asks for a `root` on every platform but Hyper-V, config-windows.md for one of
/// `layerFolders` or more. The findings are true, and no fault of the section that is shown.
const LACKING: &[(&str, &str)] = &[("RT-BUNDLE-03", ""), ("RT-WIN-01", "/windows/layerFolders")];

/// Good cases parse, come back equal and lint without errors; bad ones are refused or linted as errors.
fn run(cases: &[u8]) -> (usize, Vec<String>) {
    let cases: Vec<Case> = json::from_slice_with_limit(cases, 64 << 20).expect("cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let kind: Kind = case.kind.parse().expect("a kind");
        let good = case.expect != "bad";
        let verdict = match kind.inspect(case.text.as_bytes()) {
            Err(error) if good => Err(error),
            Err(_) => Ok(()),
            Ok(inspected) => {
                let excused: &[_] = if case.expect == "example" { LACKING } else { &[] };
                let error = inspected.findings.iter().find(|finding| {
                    finding.level == Level::Error
                        && !excused.contains(&(finding.id, &finding.pointer))
                });
                let tree = |text: &str| json::from_slice::<Value>(text.as_bytes()).expect("JSON");
                match error {
                    Some(finding) if good => Err(finding.to_string()),
                    None if !good => Err("it is accepted".to_owned()),
                    _ if tree(&inspected.text) != tree(&case.text) => {
                        Err("it comes back changed".into())
                    }
                    _ => Ok(()),
                }
            }
        };
        if let Err(message) = verdict {
            wrong.push(format!("{} {}: {message}", case.src, case.expect));
        }
    }
    (cases.len(), wrong)
}

// covers: IMG-GEN-01, IMG-GEN-02, IMG-GEN-03, RT-GEN-04
#[test]
fn our_own_cases_are_judged_right() {
    let (number, wrong) = run(include_bytes!("../fixtures/cases.json"));
    assert_eq!(wrong, [""; 0]);
    assert!(number >= 100, "{number} cases");
}

#[test]
fn the_cases_of_the_specs_are_judged_right() {
    oci_testing::needs!(spec_cases);
    let file = std::env::var_os("OCI_SPEC_CASES").expect("OCI_SPEC_CASES names a file of cases");
    let (number, wrong) = run(&std::fs::read(file).expect("the cases"));
    assert_eq!(wrong, [""; 0]);
    assert!(number >= 150, "{number} cases");
}

fn inspect(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_oci-inspect"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("oci-inspect");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // A child that refuses its arguments does not read; one that answers meanwhile must be read.
        scope.spawn(move || _ = stdin.write_all(input.as_bytes()));
        child.wait_with_output().expect("oci-inspect")
    })
}

#[test]
fn parse_writes_the_document_or_one_line() {
    let output = inspect(&["parse", "image.layout"], r#" {"imageLayoutVersion": "2"} "#);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"imageLayoutVersion\":\"2\"}\n");
    assert!(output.status.success());
    let output = inspect(&["parse", "image.layout", "-"], "{}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "oci-inspect: missing field `imageLayoutVersion` at the top (line 1 column 2)\n"
    );
}

#[test]
fn lint_writes_findings_and_fails_on_errors() {
    let output = inspect(&["lint", "image.index"], r#"{"schemaVersion":2,"manifests":[]}"#);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"id\":\"IMG-IDX-03\",\"level\":\"warning\",\"pointer\":\"/mediaType\",\"message\":\"the document does not say its type\"}\n"
    );
    assert!(output.status.success());
    let output = inspect(&["lint", "image.layout"], r#"{"imageLayoutVersion":"2"}"#);
    assert!(String::from_utf8_lossy(&output.stdout).contains(r#""level":"error""#));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_command_lines_are_refused_in_one_line() {
    for arguments in [
        &["parse"][..],
        &["parse", "image.unheard"],
        &["dance", "image.index"],
        &["parse", "image.index", "/no/such/file"],
        &["parse", "image.index", "-", "more"],
        &["--batch", "more"],
        &["--unheard"],
    ] {
        let output = inspect(arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{arguments:?}");
    }
}

#[test]
fn a_document_over_the_limit_is_refused() {
    let text = format!(r#"{{"imageLayoutVersion":"1.0.0"}}{}"#, " ".repeat(json::DOCUMENT_LIMIT));
    assert_eq!(inspect(&["parse", "image.layout"], &text).status.code(), Some(1));
}

#[test]
fn a_batch_answers_every_line() {
    let requests = concat!(
        "{\"kind\":\"image.layout\",\"text\":\"{\\\"imageLayoutVersion\\\": \\\"2\\\"}\"}\n\n",
        "{\"kind\":\"image.layout\",\"text\":\"{}\"}\n",
        "{\"kind\":\"x\",\"text\":\"\"}\n",
        "nonsense",
    );
    let mut answers = Vec::new();
    batch(requests.as_bytes(), &mut answers).expect("a batch");
    let answers = String::from_utf8(answers).expect("UTF-8");
    let lines: Vec<_> = answers.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"ok":true,"text":"{\"imageLayoutVersion\":\"2\"}","findings":[{"id":"IMG-LAYOUT-03","level":"error","pointer":"/imageLayoutVersion","message":"the version of the layout is `2`, not 1.0.0"}]}"#
    );
    assert_eq!(lines[2], r#"{"ok":false,"error":"`x` is not a kind of document"}"#);
    assert!(lines[1].starts_with(r#"{"ok":false,"error":"missing field"#));
    assert!(lines[3].starts_with(r#"{"ok":false,"error":"request: not JSON"#));
    assert_eq!(lines.len(), 4);
}

#[test]
fn a_batch_of_ten_thousand_lines_is_answered_in_order() {
    let requests: String = (0..5_000)
        .flat_map(|number| {
            let text = format!(r#"{{ \"imageLayoutVersion\": \"{number}\" }}"#);
            [("image.layout".to_owned(), text), (format!("x{number}"), String::new())]
        })
        .map(|(kind, text)| format!("{{\"kind\":\"{kind}\",\"text\":\"{text}\"}}\n"))
        .collect();
    let output = inspect(&["--batch"], &requests);
    assert_eq!(output.status.code(), Some(0));
    let answers = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<_> = answers.lines().collect();
    assert_eq!(answers.len(), 10_000);
    for (number, pair) in answers.chunks(2).enumerate() {
        let good =
            format!(r#"{{"ok":true,"text":"{{\"imageLayoutVersion\":\"{number}\"}}","findings":["#);
        assert!(pair[0].starts_with(&good), "{}", pair[0]);
        assert_eq!(
            pair[1],
            format!(r#"{{"ok":false,"error":"`x{number}` is not a kind of document"}}"#)
        );
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_oci-inspect"));
    let Output { status, stderr, .. } =
        inspect.arg("--help").stdout(writer).output().expect("it runs");
    assert!(
        status.success() && stderr.is_empty(),
        "{status}: {}",
        String::from_utf8_lossy(&stderr)
    );
}
