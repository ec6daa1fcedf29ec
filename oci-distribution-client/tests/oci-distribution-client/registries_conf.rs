//! `registries.conf`: where images are read, and what short names stand for.

use std::ffi::OsString;
use std::path::Path;

use oci_distribution_client::machine::RegistriesConf;
use oci_distribution_client::{Client, Config, Error, ErrorKind};

use crate::fixture::chain;

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

pub(crate) fn conf(text: &str) -> RegistriesConf {
    RegistriesConf::parse(text, "test.conf").unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// Where `image` is read, with `!` for what is insecure.
fn sources(conf: &RegistriesConf, image: &str) -> Result<Vec<String>, Error> {
    let sources = conf.sources(&image.parse().unwrap())?;
    let mark = |insecure| if insecure { "!" } else { "" };
    Ok(sources.iter().map(|it| format!("{}{}", mark(it.insecure), it.reference)).collect())
}

#[test]
fn images_are_read_where_the_longest_prefix_says() {
    let text = r#"
        [[registry]]
        location = "plain.example"
        insecure = true
        [[registry]]
        prefix = "example.com/foo"
        location = "internal.example/bar"
        [[registry.mirror]]
        location = "mirror.example/foo"
        [[registry.mirror]]
        location = "mirror.example:5000/x/y/"
        insecure = true
        [[registry]]
        prefix = "example.com/foo/deep"
        location = "deep.example"
        [[registry]]
        prefix = "example.com/foo/one-image"
        location = "other.example/image"
        [[registry]]
        prefix = "*.wild.example"
        insecure = true
        [[registry]]
        prefix = "*.far.wild.example"
        location = "far.example/all"
        [[registry]]
        prefix = "a.wild.example"
        location = "a.example"
        "#;
    // In whatever order they are.
    let entries: Vec<_> = text.split("[[registry]]").skip(1).collect();
    let reversed: Vec<_> = entries.iter().rev().map(|it| format!("[[registry]]{it}")).collect();
    let (conf, reversed) = (conf(text), self::conf(&reversed.concat()));
    let tagged = "internal.example/bar/image:v1";
    for (image, expected) in [
        ("unknown.example/foo:v1", vec!["unknown.example/foo:v1".to_owned()]),
        ("plain.example/foo", vec!["!plain.example/foo".to_owned()]),
        ("plain.example:5000/foo", vec!["!plain.example:5000/foo".to_owned()]),
        ("PLAIN.example/foo", vec!["!plain.example/foo".to_owned()]),
        ("plain.example.org/foo", vec!["plain.example.org/foo".to_owned()]),
        (
            "example.com/foo/image:v1",
            ["mirror.example/foo/image:v1", "!mirror.example:5000/x/y/image:v1", tagged]
                .map(str::to_owned)
                .to_vec(),
        ),
        (
            &format!("example.com/foo/image@{DIGEST}"),
            vec![
                format!("mirror.example/foo/image@{DIGEST}"),
                format!("!mirror.example:5000/x/y/image@{DIGEST}"),
                format!("internal.example/bar/image@{DIGEST}"),
            ],
        ),
        ("example.com/foobar/image", vec!["example.com/foobar/image".to_owned()]),
        ("example.com/foo/deep/image", vec!["deep.example/image".to_owned()]),
        ("example.com/foo/one-image:v2", vec!["other.example/image:v2".to_owned()]),
        ("wild.example/foo", vec!["wild.example/foo".to_owned()]),
        ("b.wild.example/foo", vec!["!b.wild.example/foo".to_owned()]),
        ("c.b.wild.example:1/foo", vec!["!c.b.wild.example:1/foo".to_owned()]),
        ("b.far.wild.example/foo", vec!["far.example/all/foo".to_owned()]),
        ("a.wild.example/foo", vec!["a.example/foo".to_owned()]),
        ("evil.example/a.wild.example/foo", vec!["evil.example/a.wild.example/foo".to_owned()]),
    ] {
        assert_eq!(sources(&conf, image).unwrap(), expected, "{image}");
        assert_eq!(sources(&reversed, image).unwrap(), expected, "{image}");
    }
}

#[test]
fn mirrors_are_for_tags_or_digests_as_they_say() {
    let conf = conf(
        r#"
        [[registry]]
        location = "each.example"
        [[registry.mirror]]
        location = "all.example"
        pull-from-mirror = "all"
        [[registry.mirror]]
        location = "digests.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "tags.example"
        pull-from-mirror = "tag-only"
        [[registry]]
        location = "digests-only.example"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "mirror.example"
        "#,
    );
    let hosts = |image: &str| {
        let sources = conf.sources(&image.parse().unwrap()).unwrap();
        sources.iter().map(|it| it.reference.registry().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(hosts("each.example/a:v1"), ["all.example", "tags.example", "each.example"]);
    let digested = |host: &str| format!("{host}/a@{DIGEST}");
    assert_eq!(
        hosts(&digested("each.example")),
        ["all.example", "digests.example", "each.example"]
    );
    assert_eq!(hosts("digests-only.example/a"), ["digests-only.example"]);
    assert_eq!(
        hosts(&digested("digests-only.example")),
        ["mirror.example", "digests-only.example"]
    );
}

#[test]
fn what_is_blocked_is_refused_by_the_name_of_its_entry() {
    let conf = conf(
        r#"
        [[registry]]
        location = "blocked.example/team"
        blocked = true
        [[registry]]
        prefix = "to-blocked.example"
        location = "blocked.example/team"
        blocked = true
        [[registry]]
        prefix = "way.example"
        location = "blocked.example/team/way"
        [[registry]]
        prefix = "open.example"
        location = "open.example"
        [[registry.mirror]]
        location = "blocked.example/team"
        "#,
    );
    let error = sources(&conf, "blocked.example/team/app:v1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy);
    assert_eq!(
        error.to_string(),
        "cannot use `blocked.example/team/app:v1`: it is blocked by the entry \
         `blocked.example/team` of `test.conf`"
    );
    let client = Client::new(Config::default().registries_conf(conf)).unwrap();
    for (repository, is_blocked) in [
        ("blocked.example/team/app", true),
        ("BLOCKED.example/team/app", true),
        ("blocked.example/other", false),
        // What is blocked by where it is.
        ("way.example/app", true),
        ("open.example/app", false),
    ] {
        match client.repository(repository) {
            Err(error) => {
                assert!(is_blocked, "{}", chain(&error));
                assert_eq!(error.kind(), ErrorKind::Policy);
            }
            Ok(_) => assert!(!is_blocked, "{repository}"),
        }
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (text, expected) in [
        ("x", "line 1: "),
        (
            "[[registry]]\nlocation = 'a.example'\nblockd = true",
            "line 3: at `registry[0].blockd`: unknown field `blockd`",
        ),
        ("unqualified-search = []", "unknown field `unqualified-search`"),
        (
            "[[registry]]\nlocation = 'a.example'\ninsecure = 'yes'",
            "line 3: at `registry[0].insecure`: ",
        ),
        ("[[registry]]", "at `registry[0]`: it has neither `prefix` nor `location`"),
        ("[[registry]]\nprefix = 'a.example'", "it has no `location`"),
        ("[[registry]]\nlocation = 'https://a.example'", "at `registry[0]`: "),
        ("[[registry]]\nlocation = 'a.example/UP'", "at `registry[0]`: "),
        ("[[registry]]\nlocation = 'a.example/x:v1'", "has a tag or a digest"),
        ("[[registry]]\nprefix = '*.a.example/x'\nlocation = 'b'", "more than a domain"),
        ("[[registry]]\nprefix = 'x.*.example'\nlocation = 'b.example'", "at `registry[0]`: "),
        (
            "[[registry]]\nlocation = 'a.example'\n[[registry]]\nlocation = 'a.example'",
            "at `registry[1]`: there is another entry for `a.example`",
        ),
        (
            "[[registry]]\nlocation = 'a.example'\n[[registry]]\nprefix = 'b.example'\nlocation = 'a.example'\nblocked = true",
            "at `registry[1]`: `blocked` differs",
        ),
        (
            "[[registry]]\nlocation = 'a.example'\n[[registry]]\nprefix = 'b.example'\nlocation = 'a.example'\ninsecure = true",
            "at `registry[1]`: `insecure` differs",
        ),
        (
            "[[registry]]\nlocation = 'a.example'\n[[registry.mirror]]",
            "`mirror[0]`: it has no `location`",
        ),
        (
            "[[registry]]\nlocation = 'a.example'\n[[registry.mirror]]\nlocation = 'b.example'\npull-from-mirror = 'some'",
            "`some` is not a value of `pull-from-mirror`",
        ),
        (
            "[[registry]]\nlocation = 'a.example'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'b.example'\npull-from-mirror = 'all'",
            "cannot stand beside",
        ),
        ("short-name-mode = 'some'", "`some` is not a mode"),
        ("unqualified-search-registries = ['a/b']", "at `unqualified-search-registries`: "),
        ("[aliases]\n'a:v1' = 'b.example/a'", "at `aliases.a:v1`: "),
        ("[aliases]\n'b.example/a' = 'b.example/a'", "it is not a short name"),
        ("[aliases]\n'a' = 'b'", "`b` does not name a registry"),
        ("[aliases]\n'a' = 'b.example/a:v1'", "has a tag or a digest"),
        ("[aliases]\na = 'b.example/a'\na = 'c.example/a'", "line 3: "),
        ("[registries.search]\nregistries = ['a.example']", "version 1 of the format"),
    ] {
        let error = RegistriesConf::parse(text, "test.conf").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
        let message = chain(&error);
        assert!(message.starts_with("cannot read `test.conf`: "), "{text}: {message}");
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn short_names_stand_for_their_alias_or_the_one_registry_that_is_searched() {
    let one = r#"
        unqualified-search-registries = ["search.example"]
        [aliases]
        app = "alias.example/team/app"
        "team/app" = "alias.example/other"
        "#;
    let one = conf(one);
    for (name, expected) in [
        ("app", "alias.example/team/app"),
        ("app:v1", "alias.example/team/app:v1"),
        (&format!("app@{DIGEST}"), &format!("alias.example/team/app@{DIGEST}")),
        ("team/app", "alias.example/other"),
        ("other:v1", "search.example/other:v1"),
        ("a/b", "search.example/a/b"),
        ("named.example/app", "named.example/app"),
        ("localhost/app", "localhost/app"),
        ("docker.io/app", "docker.io/library/app"),
    ] {
        assert_eq!(one.reference(name).unwrap().to_string(), expected, "{name}");
    }
    let docker = conf("unqualified-search-registries = ['docker.io']");
    assert_eq!(docker.reference("app").unwrap().to_string(), "docker.io/library/app");
    let none = conf("").reference("app").unwrap_err();
    assert!(none.to_string().contains("no registries are searched"), "{none}");
    assert!(none.to_string().contains("`test.conf`"), "{none}");
    let two = conf("unqualified-search-registries = ['a.example', 'b.example']");
    let two = two.reference("app:v1").unwrap_err();
    assert_eq!(two.kind(), ErrorKind::Configuration);
    assert!(two.to_string().contains("`a.example/app:v1` or `b.example/app:v1`"), "{two}");

    let with = Client::new(Config::default().registries_conf(one)).unwrap();
    assert_eq!(with.reference("app").unwrap().to_string(), "alias.example/team/app");
    let without = Client::new(Config::default()).unwrap();
    assert_eq!(without.reference("app").unwrap().to_string(), "docker.io/library/app");
}

#[test]
fn later_files_override_what_they_name() {
    let first = r#"
        unqualified-search-registries = ["first.example"]
        credential-helpers = ["first"]
        [[registry]]
        location = "both.example"
        insecure = true
        [[registry.mirror]]
        location = "mirror.example"
        [[registry]]
        location = "first.example"
        insecure = true
        [aliases]
        both = "first.example/both"
        erased = "first.example/erased"
        kept = "first.example/kept"
        "#;
    let later = r#"
        unqualified-search-registries = []
        [[registry]]
        location = "both.example"
        [aliases]
        both = "later.example/both"
        erased = ""
        "#;
    let both = conf(first).overridden_by(conf(later));
    assert_eq!(sources(&both, "both.example/a").unwrap(), ["both.example/a"]);
    assert_eq!(sources(&both, "first.example/a").unwrap(), ["!first.example/a"]);
    assert_eq!(both.reference("both").unwrap().to_string(), "later.example/both");
    assert_eq!(both.reference("kept").unwrap().to_string(), "first.example/kept");
    both.reference("erased").unwrap_err();
    both.reference("other").unwrap_err();
    assert_eq!(both.credential_helpers(), Some(["first".to_owned()].as_slice()));
}

#[test]
fn the_users_file_replaces_that_of_the_system() {
    let directory = oci_testing::directory();
    let home = directory.path().join(".config/containers");
    let drop_ins = home.join("registries.conf.d");
    std::fs::create_dir_all(drop_ins.join("directory.conf")).unwrap();
    let write = |path: &Path, name: &str| {
        std::fs::write(path, format!("unqualified-search-registries = ['{name}.example']"))
            .unwrap();
    };
    let searched = |variables: &[(&str, &Path)]| {
        let variable = |name: &str| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let conf = RegistriesConf::from_variables(variable)?;
        Ok::<_, Error>(conf.reference("app")?.registry().to_string())
    };
    let home_variable = ("HOME", directory.path());
    let given = directory.path().join("given");
    write(&given, "given");
    let given_variable = ("CONTAINERS_REGISTRIES_CONF", given.as_path());
    assert_eq!(searched(&[home_variable, given_variable]).unwrap(), "given.example");
    write(&home.join("registries.conf"), "user");
    assert_eq!(searched(&[home_variable]).unwrap(), "user.example");
    assert_eq!(searched(&[home_variable, given_variable]).unwrap(), "given.example");
    // In the order of their names; others are not read.
    write(&drop_ins.join("2.conf"), "second");
    write(&drop_ins.join("1.conf"), "first");
    write(&drop_ins.join("3.txt"), "third");
    assert_eq!(searched(&[home_variable]).unwrap(), "second.example");
    // Drop-ins count beside a file that is given.
    assert_eq!(searched(&[home_variable, given_variable]).unwrap(), "second.example");
    let missing = directory.path().join("missing");
    let missing = searched(&[("CONTAINERS_REGISTRIES_CONF", &missing)]).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Configuration);
    std::fs::write(drop_ins.join("4.conf"), "x").unwrap();
    let error = searched(&[home_variable]).unwrap_err().to_string();
    assert!(error.contains("4.conf"), "{error}");
}
