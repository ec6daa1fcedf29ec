use std::error::Error;
use std::fmt;

use oci_cli::report::one_line;

/// An error with its text and its reasons, outermost first.
#[derive(Debug)]
struct Failed(&'static str, Option<Box<Failed>>);

impl Failed {
    fn because(texts: &[&'static str]) -> Self {
        let (text, reasons) = texts.split_first().unwrap();
        let reason = (!reasons.is_empty()).then(|| Box::new(Self::because(reasons)));
        Self(text, reason)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|reason| reason as _)
    }
}

#[test]
fn each_reason_is_said_once_and_in_order() {
    for (texts, line) in [
        (&["cannot open `x`", "not found"][..], "cannot open `x`: not found"),
        (
            &["cannot run", "cannot execute `a`: not found", "not found"],
            "cannot run: cannot execute `a`: not found",
        ),
        (&["a: b", "b", "a: b", "c"], "a: b: c"),
        (&["two\nlines", "and\x1b[2J"], r"two; lines: and\u{1b}[2J"),
    ] {
        assert_eq!(one_line(&Failed::because(texts)), line);
    }
}
