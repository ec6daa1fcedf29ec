use std::{fs, io};

use oci_image::blob::BlobSourceExt;
use oci_image::images::{Error, Images};
use oci_image::platform::choice;
use oci_image::{Descriptor, Manifest, MediaType, annotations};
use oci_layout::{ErrorKind, Layout};

use crate::fixture::{empty, image, image_for, index_of, manifest, platform, put, put_document};

fn names(layout: &Layout) -> Vec<Option<String>> {
    layout.list().unwrap().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn a_name_means_what_was_tagged_last() {
    let (_directory, layout) = empty();
    let (first, second) = (image(&layout, "a"), image(&layout, "b"));
    layout.tag("v1", &first).unwrap();
    layout.tag("v1", &second).unwrap();
    layout.tag("team/app:2", &second).unwrap();
    assert_eq!(layout.resolve("v1").unwrap().digest, second.digest);
    assert_eq!(layout.resolve("team/app:2").unwrap().digest, second.digest);
    assert_eq!(names(&layout), [Some("v1".into()), Some("team/app:2".into())]);
    assert_eq!(layout.resolve("v2").unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn an_entry_without_a_name_gets_the_first_one() {
    let (_directory, layout) = empty();
    let image = image(&layout, "a");
    layout.add(&image).unwrap();
    layout.add(&image).unwrap();
    assert_eq!(names(&layout), [None]);
    layout.tag("v1", &image).unwrap();
    layout.add(&image).unwrap();
    assert_eq!(names(&layout), [Some("v1".into())]);
}

#[test]
fn what_is_untagged_is_no_longer_listed() {
    let (_directory, layout) = empty();
    let image = image(&layout, "a");
    layout.tag("v1", &image).unwrap();
    layout.tag("v2", &image).unwrap();
    let gone = layout.untag("v1").unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(names(&layout), [Some("v2".into())]);
    assert_eq!(layout.untag("v1").unwrap_err().kind(), ErrorKind::NotFound);
    layout.tag("v3", &image).unwrap();
    assert_eq!(layout.remove(&image.digest).unwrap(), 2);
    assert!(names(&layout).is_empty());
    assert_eq!(layout.remove(&image.digest).unwrap_err().kind(), ErrorKind::NotFound);
}

// covers: IMG-ANN-08
#[test]
fn names_outside_the_grammar_are_refused() {
    let (_directory, layout) = empty();
    let image = image(&layout, "a");
    for name in ["", "..", "a b", "/v1", image.digest.as_str()] {
        assert_eq!(layout.tag(name, &image).unwrap_err().kind(), ErrorKind::Name, "{name}");
    }
    assert!(names(&layout).is_empty());
}

#[test]
fn a_digest_never_means_a_name() {
    let (_directory, layout) = empty();
    let (wanted, other) = (image(&layout, "a"), image(&layout, "b"));
    layout.add(&wanted).unwrap();
    layout
        .edit_index(|index| {
            let mut lying = other.clone();
            let name = "org.opencontainers.image.ref.name".to_owned();
            lying.annotations.insert(name, wanted.digest.to_string());
            index.manifests.insert(0, lying);
            Ok(())
        })
        .unwrap();
    assert_eq!(layout.resolve(wanted.digest.as_str()).unwrap().digest, wanted.digest);
}

#[test]
fn two_images_of_one_name_are_ambiguous() {
    let (_directory, layout) = empty();
    let (first, second) = (image(&layout, "a"), image(&layout, "b"));
    layout.tag("v1", &first).unwrap();
    layout
        .edit_index(|index| {
            let mut twin = index.manifests[0].clone();
            twin.digest = second.digest.clone();
            twin.size = second.size;
            index.manifests.push(twin);
            Ok(())
        })
        .unwrap();
    assert!(matches!(layout.resolve("v1"), Err(Error::Ambiguous { .. })));
    layout.tag("v1", &second).unwrap();
    assert_eq!(layout.resolve("v1").unwrap().digest, second.digest);
}

/// Names the images `v1`, all of them.
fn name_alike(layout: &Layout, images: &[Descriptor]) {
    layout
        .edit_index(|index| {
            index.manifests = images.to_vec();
            for entry in &mut index.manifests {
                entry.annotations.insert(annotations::REF_NAME.into(), "v1".into());
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn one_name_for_several_platforms_means_the_image_for_the_platform() {
    let (_directory, layout) = empty();
    let platforms = ["amd64", "arm64", "s390x"].map(|name| platform(name, "linux", None));
    let mut images = platforms.each_ref().map(|platform| {
        let mut image = image_for(&layout, &format!("{platform}"), platform);
        image.platform = Some(platform.clone());
        image
    });
    // What the entry does not state, the config does.
    images[1].platform = None;
    name_alike(&layout, &images);
    for (platform, image) in platforms.iter().zip(&images) {
        assert_eq!(layout.image_for("v1", platform).unwrap().descriptor().digest, image.digest);
    }
    let none = layout.image_for("v1", &platform("riscv64", "linux", None)).unwrap_err();
    assert_eq!(none.kind(), io::ErrorKind::NotFound);
    assert!(matches!(layout.resolve("v1"), Err(Error::Ambiguous { .. })));

    let twin = image_for(&layout, "twin", &platforms[0]);
    name_alike(&layout, &[&images[..], &[twin]].concat());
    layout.image_for("v1", &platforms[1]).unwrap();
    let refused = layout.image_for("v1", &platforms[0]).unwrap_err();
    let Error::Choice { source, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(*source, choice::Error::Ambiguous { wanted: Box::new(platforms[0].clone()) });
}

// covers: IMG-LAYOUT-10
#[test]
fn names_inside_nested_indexes_do_not_count() {
    let (_directory, layout) = empty();
    let mut inner = image(&layout, "a");
    inner.annotations.insert("org.opencontainers.image.ref.name".into(), "inner".into());
    let index = index_of(&layout, vec![inner.clone()]);
    layout.tag("outer", &index).unwrap();
    assert_eq!(layout.resolve("inner").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(layout.resolve(inner.digest.as_str()).unwrap(), inner);
}

#[test]
fn the_platform_is_chosen_through_nested_indexes() {
    let (_directory, layout) = empty();
    let platforms = [
        platform("amd64", "linux", None),
        platform("arm", "linux", Some("v6")),
        platform("arm", "linux", Some("v7")),
        platform("amd64", "windows", None),
        platform("riscv64", "linux", None),
    ];
    let mut images: Vec<Descriptor> = platforms
        .iter()
        .map(|platform| {
            let mut image = image_for(&layout, &format!("{platform:?}"), platform);
            image.platform = Some(platform.clone());
            image
        })
        .collect();
    images[4].platform = None;
    let inner = index_of(&layout, images[1..3].to_vec());
    let mut outer = vec![images[0].clone(), inner];
    outer.extend_from_slice(&images[3..]);
    let outer = index_of(&layout, outer);
    layout.tag("v1", &outer).unwrap();
    for (platform, image) in platforms.iter().zip(&images) {
        let found = layout.image_for("v1", platform).unwrap();
        assert_eq!(found.descriptor(), image);
        assert_eq!(found.config().unwrap().architecture, platform.architecture);
    }
    let missing = layout.image_for("v1", &platform("s390x", "linux", None)).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
}

// covers: IMG-LAYOUT-09
#[test]
fn entries_of_unknown_type_are_not_an_error() {
    let (_directory, layout) = empty();
    let strange = put(&layout, "strange");
    let image = image(&layout, "a");
    layout.tag("strange", &strange).unwrap();
    layout.tag("v1", &image).unwrap();
    assert_eq!(layout.resolve("strange").unwrap().media_type, strange.media_type);
    layout.image("v1").unwrap();
    assert_eq!(layout.image("strange").unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(layout.list().unwrap().len(), 2);
}

#[test]
fn unknown_members_of_the_index_outlive_a_change() {
    let (_directory, layout) = empty();
    let image = image(&layout, "a");
    let path = layout.path().join("index.json");
    fs::write(&path, r#"{"schemaVersion":2,"manifests":[],"com.example":{"x":1.50}}"#).unwrap();
    layout.tag("v1", &image).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains(r#""com.example":{"x":1.50}"#));
}

#[test]
fn a_stale_expectation_changes_nothing() {
    let (_directory, layout) = empty();
    let before = layout.index().unwrap().into_owned();
    layout.tag("v1", &image(&layout, "a")).unwrap();
    let now = layout.index().unwrap().into_owned();
    let error = layout.replace_index(&before, &before).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert_eq!(*layout.index().unwrap(), now);
    layout.replace_index(&now, &before).unwrap();
    assert_eq!(*layout.index().unwrap(), before);
}

#[test]
fn a_writer_that_knows_no_lock_is_not_overwritten() {
    let (_directory, layout) = empty();
    let path = layout.path().join("index.json");
    let mut foreign = Some(r#"{"schemaVersion":2,"manifests":[],"foreign":true}"#);
    layout
        .edit_index(|index| {
            index.annotations.insert("ours".into(), "yes".into());
            if let Some(text) = foreign.take() {
                fs::write(&path, text).unwrap();
            }
            Ok(())
        })
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("foreign") && text.contains("ours"), "{text}");
}

#[test]
fn referrers_are_found_wherever_the_index_reaches() {
    let (_directory, layout) = empty();
    let subject = image(&layout, "a");
    let refer = |content: &str, artifact_type: Option<&str>| {
        let config = put(&layout, "{}");
        let mut referrer = Manifest::new(config);
        referrer.media_type = Some(MediaType::IMAGE_MANIFEST);
        referrer.artifact_type = artifact_type.map(Into::into);
        referrer.subject = Some(subject.clone());
        referrer.annotations.insert("content".into(), content.into());
        put_document(&layout, referrer)
    };
    let (direct, nested) = (refer("direct", Some("application/x-sbom")), refer("nested", None));
    layout.tag("v1", &subject).unwrap();
    layout.add(&direct).unwrap();
    layout.add(&index_of(&layout, vec![nested.clone()])).unwrap();
    layout.add(&put_document(&layout, manifest(&layout, "b", &platform("x", "y", None)))).unwrap();
    let found = layout.referrers(&subject.digest).unwrap();
    let digests: Vec<_> = found.iter().map(|it| it.digest.clone()).collect();
    assert_eq!(digests, [direct.digest, nested.digest]);
    let types: Vec<_> = found.iter().map(|it| it.artifact_type.clone().unwrap()).collect();
    assert_eq!(types, ["application/x-sbom", "application/x-test"]);
    assert_eq!(found[0].annotations["content"], "direct");
}

#[test]
fn a_walk_visits_each_digest_once_and_says_what_is_missing() {
    let (_directory, layout) = empty();
    let (one, two) = (image(&layout, "a"), image(&layout, "b"));
    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    let index = index_of(&layout, vec![one.clone(), two.clone(), one.clone(), absent.clone()]);
    let nodes: Vec<_> = layout.walk(&index).collect::<Result<_, _>>().unwrap();
    let digests: Vec<_> = nodes.iter().map(|node| node.descriptor.digest.clone()).collect();
    assert_eq!(digests[0], index.digest);
    assert_eq!(digests[1], one.digest);
    let mut unique = digests.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), digests.len());
    let missing: Vec<_> = nodes.iter().filter(|node| node.is_missing()).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].descriptor, absent);
    assert_eq!(nodes.iter().map(|node| node.depth).max(), Some(2));
}
