//! The table of results.

use std::collections::BTreeMap;
use std::fmt;

/// What one run took.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Wall time, in seconds.
    pub(crate) wall: f64,
    /// CPU time, in seconds.
    pub(crate) cpu: f64,
    /// Peak memory of the largest process, in MiB.
    pub(crate) memory: f64,
}

/// Samples by operation and program.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<&'static str, BTreeMap<&'static str, Vec<Sample>>>);

impl Table {
    pub(crate) fn note(&mut self, what: &'static str, who: &'static str, sample: Sample) {
        self.0.entry(what).or_default().entry(who).or_default().push(sample);
    }
}

/// Medians and minima, the ratios of the medians to those of skopeo, and the most memory of all runs.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | | wall s (min) | of skopeo's | cpu s | of skopeo's | peak MiB |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for (what, sides) in &self.0 {
            let skopeo = sides.get("skopeo").map(Vec::as_slice).unwrap_or_default();
            for (who, samples) in sides {
                let (wall, least) = median_and_least(samples, |sample| sample.wall);
                let (cpu, _) = median_and_least(samples, |sample| sample.cpu);
                let slower = wall / median_and_least(skopeo, |sample| sample.wall).0;
                let busier = cpu / median_and_least(skopeo, |sample| sample.cpu).0;
                let memory = samples.iter().map(|sample| sample.memory).fold(0.0, f64::max);
                writeln!(
                    f,
                    "| {what} | {who} | {wall:.2} ({least:.2}) | {slower:.2} | {cpu:.2} | {busier:.2} | {memory:.0} |"
                )?;
            }
        }
        Ok(())
    }
}

fn median_and_least(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> (f64, f64) {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    (at(values.len() / 2), at(0))
}
