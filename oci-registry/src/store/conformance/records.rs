use bytes::Bytes;
use oci_digest::Digest;
use oci_image::{RepositoryName, Tag};

use super::super::{Backend, Collection, Condition, Record, Write};
use super::{Check, Violation, earlier, later, name, right, same};

/// Checks how records are written, read, listed and removed.
///
/// # Errors
/// The first claim that does not hold.
pub async fn records(backend: &dyn Backend) -> Check {
    let here = name("conformance/records")?;
    const WRITTEN: &str = "records are read as they were written";
    let manifest = Digest::sha256("manifest");
    let long = Digest::sha256("").to_string().replace("sha256", "unknown") + &"0".repeat(300);
    let subject: Digest = long.parse().map_err(|error| unusable(&error))?;
    let referrer = Record::Referrer { subject: subject.clone(), referrer: manifest.clone() };
    let writes = [
        Write::new(Record::Manifest(manifest.clone()), "text/plain\nmanifest"),
        Write::new(referrer, "{}"),
        Write::new(Record::Tag(tag("v1")?), manifest.to_string()),
    ];
    same(WRITTEN, right(WRITTEN, backend.write(&here, &writes).await)?, true)?;
    for write in &writes {
        let value = right(WRITTEN, backend.read(&here, &write.record).await)?;
        same(WRITTEN, value.map(|value| value.bytes).as_ref(), Some(&write.value))?;
    }
    const TAGGED: &str = "the manifest that a tag names is read with its digest";
    let tagged = right(TAGGED, backend.read_tagged(&here, &tag("v1")?).await)?;
    let expected = (manifest.clone(), writes[0].value.clone());
    same(TAGGED, tagged.map(|(digest, value)| (digest, value.bytes)), Some(expected))?;
    same(TAGGED, right(TAGGED, backend.read_tagged(&here, &tag("v2")?).await)?, None)?;

    conditions(backend, &here).await?;
    ages(backend, &here, &manifest).await?;
    lists(backend, &here, &subject, &manifest).await?;
    repositories(backend).await
}

fn unusable(error: &dyn std::fmt::Display) -> Violation {
    Violation { claim: "the suite uses valid names", found: error.to_string() }
}

fn tag(text: &str) -> Check<Tag> {
    text.parse().map_err(|error| unusable(&error))
}

async fn conditions(backend: &dyn Backend, here: &RepositoryName) -> Check {
    const HELD: &str = "a record changes only if its condition holds";
    let record = Record::Tag(tag("conditional")?);
    let is = |value: &'static str| Condition::Is(Bytes::from(value));
    for (value, condition, holds) in [
        ("a", is("a"), false),
        ("a", Condition::Absent, true),
        ("b", Condition::Absent, false),
        ("b", is("b"), false),
        ("b", is("a"), true),
        ("c", Condition::UnmodifiedSince(earlier()), false),
        ("c", Condition::UnmodifiedSince(later()), true),
    ] {
        let before = right(HELD, backend.read(here, &record).await)?.map(|value| value.bytes);
        // One that does not hold keeps all others from being set.
        let other = Record::Tag(tag(&format!("other-{value}-{holds}"))?);
        let write = Write::new(record.clone(), value).only_if(condition);
        let writes = [Write::new(other.clone(), value), write];
        same(HELD, right(HELD, backend.write(here, &writes).await)?, holds)?;
        let now = right(HELD, backend.read(here, &record).await)?.map(|value| value.bytes);
        let expected = if holds { Some(Bytes::from(value)) } else { before };
        same(HELD, now, expected)?;
        same(HELD, right(HELD, backend.read(here, &other).await)?.is_some(), holds)?;
    }
    const REMOVED: &str = "a record is removed only if its condition holds";
    let remove = async |condition| right(REMOVED, backend.remove(here, &record, &condition).await);
    same(REMOVED, remove(is("b")).await?, false)?;
    same(REMOVED, remove(Condition::UnmodifiedSince(earlier())).await?, false)?;
    same(REMOVED, remove(is("c")).await?, true)?;
    same(REMOVED, right(REMOVED, backend.read(here, &record).await)?, None)?;
    same(REMOVED, remove(Condition::Always).await?, false)?;
    const AGAIN: &str = "a record that was removed can be set where there must be none";
    let write = Write::new(record.clone(), "d").only_if(Condition::Absent);
    same(AGAIN, right(AGAIN, backend.write(here, &[write]).await)?, true)?;
    let absent = async || {
        let tags = backend.list(here, &Collection::Tags, None, 100).await;
        Ok::<_, Violation>(right(AGAIN, tags)?.contains(&"conditional".to_owned()))
    };
    same(AGAIN, absent().await?, true)?;
    same(REMOVED, remove(Condition::Always).await?, true)?;
    same("a record that was removed is not listed", absent().await?, false)
}

async fn ages(backend: &dyn Backend, here: &RepositoryName, manifest: &Digest) -> Check {
    const RENEWED: &str = "the age of a manifest is counted from when it was written or renewed";
    let record = Record::Manifest(manifest.clone());
    let written = right(RENEWED, backend.read(here, &record).await)?;
    same(RENEWED, right(RENEWED, backend.renew(here, manifest).await)?, true)?;
    let renewed = right(RENEWED, backend.read(here, &record).await)?;
    let value = renewed.as_ref().map(|value| value.bytes.clone());
    same(RENEWED, value, written.as_ref().map(|value| value.bytes.clone()))?;
    let [written, renewed] = [written, renewed].map(|it| it.map(|value| value.modified));
    let is_recent = written > Some(earlier()) && renewed < Some(later()) && renewed >= written;
    same(RENEWED, is_recent, true)
}

async fn lists(
    backend: &dyn Backend,
    here: &RepositoryName,
    subject: &Digest,
    manifest: &Digest,
) -> Check {
    const LISTED: &str = "a collection is listed in order and in pages";
    for name in ["a", "B", "a-1", "A.1", "a_1", "b"] {
        let write = Write::new(Record::Tag(tag(name)?), manifest.to_string());
        right(LISTED, backend.write(here, &[write]).await)?;
    }
    let list = async |after: Option<&str>, most| {
        right(LISTED, backend.list(here, &Collection::Tags, after, most).await)
    };
    let all = list(None, 100).await?;
    let mut sorted = all.clone();
    sorted.sort_by_key(|name| (name.to_ascii_lowercase(), name.clone()));
    same(LISTED, &all, &sorted)?;
    same(LISTED, &all[..6], &["a", "a-1", "A.1", "a_1", "B", "b"].map(String::from)[..])?;
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = list(after.as_deref(), 2).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        pages.extend(page);
    }
    same(LISTED, &pages, &all)?;
    same(LISTED, list(Some("a-0"), 1).await?, vec!["a-1".to_owned()])?;
    for collection in [Collection::Referrers(subject.clone()), Collection::Manifests] {
        let listed = right(LISTED, backend.list(here, &collection, None, 9).await)?;
        same(LISTED, listed, vec![manifest.to_string()])?;
    }
    let nobody = Collection::Referrers(Digest::sha256("nobody"));
    let listed = right(LISTED, backend.list(here, &nobody, None, 9).await)?;
    same(LISTED, listed, Vec::<String>::new())
}

async fn repositories(backend: &dyn Backend) -> Check {
    const KNOWN: &str = "repositories that are known are listed in order and in pages, as far as they pass the filter";
    let names = ["conformance/a-b", "conformance/a", "conformance/a/b", "conformance/a.b"];
    for it in names {
        let manifest = Record::Manifest(Digest::sha256(it));
        right(KNOWN, backend.write(&name(it)?, &[Write::new(manifest, "a/b\n")]).await)?;
    }
    let filter = std::sync::Arc::new(|name: &RepositoryName| {
        name.as_str().starts_with("conformance/a") && !name.as_str().ends_with(".b")
    });
    let (mut pages, mut after): (Vec<String>, _) = (Vec::new(), None);
    loop {
        let page = backend.repositories(filter.clone(), after.as_deref(), 1).await;
        let page = right(KNOWN, page)?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        pages.extend(page);
    }
    same(
        KNOWN,
        pages,
        ["conformance/a", "conformance/a-b", "conformance/a/b"].map(String::from).to_vec(),
    )
}
