/// Settings of the libraries that errors name, and the options that set them.
const OPTIONS: [(&str, &str); 10] = [
    ("`Config::plain_http`", "`--plain-http`"),
    ("`Config::danger_plain_http`", "`--danger-plain-http`"),
    ("`danger_plain_http`", "`--danger-plain-http`"),
    ("`Config::credentials`", "`--creds`"),
    ("in a login file with `Config::from_environment`", "once with `oci-copy login`"),
    ("`Config::danger_token_server`", "`--danger-token-server`"),
    ("`Tls::client_certificate`", "`--cert-dir`"),
    ("`Resolved::platform`", "`--platform`"),
    ("`Limits::codec`", "`--codec-by-content`"),
    ("`Limits::ratio`", "`--ratio`"),
];

/// The text of an error with the words of the command line.
pub(crate) fn with_options(error: &str) -> String {
    OPTIONS.iter().fold(error.to_owned(), |text, (setting, option)| text.replace(setting, option))
}
