use std::io::Write as _;
use std::process::Command;

use crate::Result;
use crate::arguments::{Arguments, Word, unknown};
use crate::global::Global;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let mut format = String::from("table");
    let id = loop {
        match arguments.next()? {
            Some(Word::Value(id)) => break id,
            Some(Word::Option(name)) if matches!(name.as_str(), "format" | "f") => {
                format = arguments.value()?;
            }
            Some(Word::Option(name)) => return Err(unknown(&name)),
            None => return Err("it takes a container ID, and options of ps".into()),
        }
    };
    let processes = global.container(&id)?.processes()?;
    let mut out = std::io::stdout();
    match format.as_str() {
        "json" => writeln!(out, "{}", serde_json::to_string(&processes)?)?,
        "table" => {
            let mut options = arguments.rest()?;
            if options.is_empty() {
                options.push("-ef".into());
            }
            write!(out, "{}", table(&options, &processes)?)?;
        }
        _ => return Err("invalid format option".into()),
    }
    Ok(())
}

/// What ps prints of these processes.
fn table(options: &[String], processes: &[i32]) -> Result<String> {
    let output = Command::new("ps")
        .args(options)
        .output()
        .map_err(|error| format!("cannot run ps: {error}"))?;
    if !output.status.success() {
        return Err(format!("ps failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let title = lines.next().unwrap_or_default();
    let column = title.split_whitespace().position(|name| name == "PID");
    let column = column.ok_or("cannot find the column PID in the output of ps")?;
    let is_here = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid: i32| processes.contains(&pid))
    };
    let found = lines.filter(is_here);
    Ok([title].into_iter().chain(found).map(|line| format!("{line}\n")).collect())
}
