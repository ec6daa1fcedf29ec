use std::io::Write as _;

use super::state::Document;
use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;
use crate::table::table;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let (mut format, mut quiet) = (String::from("table"), false);
    arguments.only_options(|name, arguments| {
        match name {
            "format" | "f" => format = arguments.value()?,
            "quiet" | "q" => quiet = arguments.is_set()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let documents = documents(global)?;
    let mut out = std::io::stdout();
    if quiet {
        documents.iter().try_for_each(|document| writeln!(out, "{}", document.id))?;
        return Ok(());
    }
    match format.as_str() {
        "table" => write!(out, "{}", rows(&documents))?,
        // As runc has it, which callers know.
        "json" if documents.is_empty() => writeln!(out, "null")?,
        "json" => writeln!(out, "{}", serde_json::to_string(&documents)?)?,
        _ => return Err("invalid format option".into()),
    }
    Ok(())
}

fn documents(global: &Global) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for container in global.runtime()?.list()? {
        match Document::new(&container) {
            Ok(mut document) => {
                document.owner = container.owner().map(user_name).unwrap_or_default();
                documents.push(document);
            }
            Err(error) => global.log.error(&crate::error::text("list", &*error)),
        }
    }
    Ok(documents)
}

fn rows(documents: &[Document]) -> String {
    let mut rows = vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(String::from)];
    rows.extend(documents.iter().map(|document| {
        let Document { id, pid, status, bundle, created, owner, .. } = document;
        [
            id.clone(),
            pid.to_string(),
            status.to_string(),
            bundle.clone(),
            created.clone(),
            owner.clone(),
        ]
    }));
    table(&rows)
}

/// The name of a user of the host, or `#` and its number.
fn user_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("#{uid}"))
}
