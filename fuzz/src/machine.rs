//! The files of a machine that say how registries are asked, and what may be used of what they have.

use oci_distribution_client::machine::{HostsDir, RegistriesConf};
use oci_distribution_client::{Error, PolicyFile, Requirement};
use oci_image::Reference;

/// Names that the corpus has rules for, and others.
const IMAGES: [&str; 5] = [
    "example.com/foo/image:v1",
    "example.com:5000/foo/deep/image",
    "sub.wild.example/image:v1",
    "docker.io/library/debian",
    "other.example/a@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
];

/// An image is read somewhere or blocked; under its own tag and digest; the last place is not a mirror. Short names stand
/// for images that name their registry. A file overrides itself with itself.
pub fn registries_conf(data: &[u8]) {
    let Some(conf) = parsed(data, |text| RegistriesConf::parse(text, "file")) else { return };
    let again = conf.clone().overridden_by(conf.clone());
    for image in images() {
        let sources = conf.sources(&image);
        if let Ok(sources) = &sources {
            assert!(!sources.is_empty());
            for source in sources {
                assert_eq!(source.reference.tag(), image.tag());
                assert_eq!(source.reference.digest(), image.digest());
                let printed = source.reference.to_string();
                assert_eq!(printed.parse().as_ref(), Ok(&source.reference));
            }
        }
        assert_eq!(again.sources(&image).ok(), sources.ok());
        let name = image.to_string();
        assert_eq!(conf.reference(&name).ok(), Some(image));
    }
    for name in ["debian", "team/app:v1"] {
        let found = conf.reference(name).ok();
        let itself = |found: &Reference| conf.reference(&found.to_string()).ok();
        assert_eq!(found.as_ref().and_then(itself), found);
    }
}

/// It is read or refused with an error that names the file.
pub fn hosts_toml(data: &[u8]) {
    parsed(data, |text| HostsDir::check(text, "file"));
}

/// Something is demanded of every image.
pub fn policy_json(data: &[u8]) {
    let policy = match PolicyFile::parse(data, "file") {
        Ok(policy) => policy,
        Err(error) => return names_the_file(&error),
    };
    for image in images() {
        let name = image.tag_or_digest();
        let demanded = policy.requirements(image.registry(), image.repository(), &name);
        assert!(!demanded.is_empty());
        for requirement in demanded {
            if let Requirement::Signed(signed) = requirement {
                assert!(matches!(signed.kind.as_str(), "signedBy" | "sigstoreSigned"));
                assert!(!signed.members.contains_key("type"));
            }
        }
    }
}

fn images() -> impl Iterator<Item = Reference> {
    IMAGES.iter().map(|image| image.parse().unwrap())
}

fn parsed<T>(data: &[u8], parse: impl Fn(&str) -> Result<T, Error>) -> Option<T> {
    let text = std::str::from_utf8(data).ok()?;
    parse(text).map_err(|error| names_the_file(&error)).ok()
}

fn names_the_file(error: &Error) {
    let text = error.to_string();
    assert!(text.starts_with("cannot read ") && text.contains("`file`"), "{text}");
}
