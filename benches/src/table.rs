//! Medians and their ratios.

use crate::measure::Sample;

/// One contest; the other rows are compared with the first.
pub(crate) struct Table {
    first: Option<f64>,
    lines: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: &str) -> Self {
        let head =
            "| wall s (min) | cpu s | times ours | memory MiB | read MiB | largest file MiB |";
        let rule = "|---|---|---|---|---|---|---|".to_owned();
        Self { first: None, lines: vec![format!("\n| {title} {head}"), rule] }
    }

    pub(crate) fn add(&mut self, name: &str, samples: &[Sample]) {
        if samples.is_empty() {
            return self.lines.push(format!("| {name} | not there | | | | | |"));
        }
        let wall = median(samples, |sample| sample.wall);
        let least = samples.iter().map(|sample| sample.wall).fold(f64::MAX, f64::min);
        let first = *self.first.get_or_insert(wall);
        let cpu = median(samples, |sample| sample.cpu);
        let memory = match samples[0].memory {
            Some(_) => format!("{:.0}", most(samples, |sample| sample.memory.unwrap_or(0.0))),
            None => String::new(),
        };
        self.lines.push(format!(
            "| {name} | {wall:.3} ({least:.3}) | {cpu:.2} | {:.2} | {memory} | {:.2} | {:.1} |",
            wall / first,
            median(samples, |sample| sample.read),
            most(samples, |sample| sample.largest),
        ));
    }

    pub(crate) fn print(&self) {
        for line in &self.lines {
            println!("{line}");
        }
    }
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn most(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).fold(0.0, f64::max)
}
