//! `gantry simulate FILE`: plays what a file describes, by the real scheduler under virtual time. Needs no server.

use std::process::ExitCode;

use anyhow::Context;
use sim::scenario::{self, Aftermath, Entry, Kind, Report, Scenario, ServiceSummary};

use crate::{
    arguments::{Global, Output, Simulate},
    output::{self, Cell, Colour},
};

pub fn run(global: &Global, simulate: &Simulate) -> anyhow::Result<ExitCode> {
    let path = simulate.file.display();
    let text =
        std::fs::read_to_string(&simulate.file).with_context(|| format!("reading {path}"))?;
    let scenario = Scenario::parse(&text).with_context(|| format!("{path}"))?;
    let report = scenario::play(&scenario).with_context(|| format!("{path}"))?;
    match global.output {
        Output::Json => output::json(&serde_json::to_value(&report)?),
        Output::Table => print!("{}", shown(&report)),
    }
    Ok(match report.is_steady {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn shown(report: &Report) -> String {
    let mut text = String::new();
    if let Some(name) = &report.name {
        text.push_str(&format!("{name}\n\n"));
    }
    let rows = report.timeline.iter().map(timeline_row).collect();
    text.push_str(&output::rows(&["time", "what", "running", ""], rows));
    text.push('\n');
    let last = report.events.len().saturating_sub(1);
    let events = report.events.iter().enumerate();
    let rows = events
        .map(|(position, event)| event_row(event, position == last))
        .collect();
    text.push_str(&output::rows(&["at", "event", "steady again"], rows));
    text.push('\n');
    let headings = [
        "service",
        "at the end",
        "lowest",
        "below minimum",
        "failed tasks",
        "deployments",
    ];
    let rows = report.services.iter().map(service_row).collect();
    text.push_str(&output::rows(&headings, rows));
    let failures = report.services.iter().flat_map(|service| {
        let of = |reason: &str, tasks: usize| format!("  {} × {}: {reason}\n", tasks, service.name);
        let failures = service.failures.iter();
        failures.map(move |failure| of(&failure.reason, failure.tasks))
    });
    let failures: String = failures.collect();
    if !failures.is_empty() {
        text.push_str(&format!("\nTasks that ended by themselves\n{failures}"));
    }
    for service in report
        .services
        .iter()
        .filter(|service| !service.waits_for.is_empty())
    {
        let waits = service.waits_for.join("; ");
        text.push_str(&format!("\n{} waits for {waits}\n", service.name));
    }
    let end = time(report.seconds);
    text.push_str(&match report.is_steady {
        true => format!(
            "\n{}\n",
            output::paint(Colour::Green, &format!("Steady at the end, at {end}."))
        ),
        false => format!(
            "\n{}\n",
            output::paint(Colour::Red, &format!("Not steady at the end, at {end}."))
        ),
    });
    text
}

fn timeline_row(entry: &Entry) -> Vec<Cell> {
    let colour = match entry.kind {
        Kind::Event => Colour::Yellow,
        Kind::Failure => Colour::Red,
        Kind::Service if entry.message.contains("steady state") => Colour::Green,
        Kind::Service if entry.message.starts_with("was unable") => Colour::Red,
        _ => Colour::Plain,
    };
    let running = match (entry.running, entry.desired) {
        (Some(running), Some(desired)) => format!("{running} of {desired}"),
        _ => String::new(),
    };
    let subject = match entry.kind {
        Kind::Event => ">>>",
        _ => entry.subject.as_str(),
    };
    vec![
        time(entry.at_seconds).into(),
        Cell::new(subject, colour),
        running.into(),
        Cell::new(entry.message.clone(), colour),
    ]
}

fn event_row(event: &Aftermath, is_last: bool) -> Vec<Cell> {
    let steady = match event.steady_after_seconds {
        None if is_last => Cell::new("not before the end", Colour::Red),
        None => Cell::new("not before the next event", Colour::Red),
        Some(0.0) => Cell::new("all the time", Colour::Green),
        Some(seconds) => Cell::from(format!("after {}", time(seconds))),
    };
    vec![
        time(event.at_seconds).into(),
        event.event.clone().into(),
        steady,
    ]
}

fn service_row(service: &ServiceSummary) -> Vec<Cell> {
    let end = format!("{} of {}", service.running, service.desired);
    let end = match service.is_steady {
        true => Cell::new(end, Colour::Green),
        false => Cell::new(end, Colour::Red),
    };
    let lowest = match &service.lowest {
        None => Cell::new("never all", Colour::Red),
        Some(lowest) => Cell::from(format!(
            "{} (minimum {}) at {}",
            lowest.running,
            lowest.minimum,
            time(lowest.at_seconds)
        )),
    };
    let below = match service.below_minimum_seconds {
        0.0 => Cell::new("never", Colour::Green),
        seconds => Cell::new(time(seconds), Colour::Red),
    };
    let failed: usize = service.failures.iter().map(|failure| failure.tasks).sum();
    vec![
        service.name.clone().into(),
        end,
        lowest,
        below,
        failed.to_string().into(),
        service.deployments.join(", ").into(),
    ]
}

/// `0:00.0`, `12:34.5`, `1:00:00.0`.
fn time(seconds: f64) -> String {
    let tenths = (seconds * 10.0).round() as u64;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    let rest = format!("{:02}.{}", rest / 10, rest % 10);
    match minutes {
        0..60 => format!("{minutes}:{rest}"),
        _ => format!("{}:{:02}:{rest}", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE_LOSS: [&str; 2] = [
        include_str!("../../../../../docs/examples/zone-loss.yaml"),
        include_str!("../../../../../docs/examples/zone-loss.txt"),
    ];
    const CAPACITY: [&str; 2] = [
        include_str!("../../../../../docs/examples/capacity.yaml"),
        include_str!("../../../../../docs/examples/capacity.txt"),
    ];

    /// `gantry simulate docs/examples/zone-loss.yaml > docs/examples/zone-loss.txt` writes it anew.
    #[test]
    fn a_lost_zone_tells_its_story() {
        plays(ZONE_LOSS);
    }

    #[test]
    fn capacity_that_comes_and_goes_tells_its_story() {
        plays(CAPACITY);
    }

    fn plays([example, story]: [&str; 2]) {
        let scenario = Scenario::parse(example).expect("it is a scenario");
        let first = shown(&scenario::play(&scenario).expect("it can be played"));
        assert_eq!(first, story);
        let again = shown(&scenario::play(&scenario).expect("it can be played"));
        assert_eq!(first, again, "the same file gives the same story");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(time(0.0), "0:00.0");
        assert_eq!(time(61.25), "1:01.3");
        assert_eq!(time(3_725.0), "1:02:05.0");
    }
}
