//! `/metrics`: numbers in Prometheus's text format (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the latency histogram's buckets, in microseconds, with their names in seconds.
const BUCKETS: [(u64, &str); 13] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Adds numbers of other parts of the server to the page.
pub trait Collect: Send + Sync {
    fn collect(&self, page: &mut MetricsPage);
}

/// A page in the making.
#[derive(Debug, Default)]
pub struct MetricsPage(String);

/// What kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricsPage {
    /// Begins a family of samples; its samples follow.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let mut text = String::new();
        for (index, (key, value)) in labels.iter().enumerate() {
            let escaped = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let comma = if index > 0 { "," } else { "" };
            write!(text, "{comma}{key}=\"{escaped}\"").expect("a String takes all");
        }
        match labels {
            [] => self.line(format_args!("{name} {value}")),
            _ => self.line(format_args!("{name}{{{text}}} {value}")),
        }
    }

    /// A family of one sample without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, Kind::Gauge, help);
        self.sample(name, &[], value);
    }

    /// As [`MetricsPage::gauge`], of what only grows.
    pub fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, Kind::Counter, help);
        self.sample(name, &[], value);
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a String takes all");
    }
}

/// What was answered, by service and operation. Both come from the models, so there is a bounded number of them.
#[derive(Default)]
pub(crate) struct Metrics {
    operations: Mutex<BTreeMap<(&'static str, &'static str), Answered>>,
    in_flight: AtomicI64,
    pub(crate) connections: AtomicI64,
}

#[derive(Default)]
struct Answered {
    by_status: BTreeMap<u16, u64>,
    by_bucket: [u64; BUCKETS.len()],
    count: u64,
    total: Duration,
}

/// One of the requests that are under way.
pub(crate) struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(crate) fn answered(
        &self,
        service: &'static str,
        operation: &'static str,
        status: u16,
        taken: Duration,
    ) {
        let mut operations = self
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let answered = operations.entry((service, operation)).or_default();
        *answered.by_status.entry(status).or_default() += 1;
        answered.count += 1;
        answered.total += taken;
        let microseconds = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX);
        if let Some(index) = BUCKETS.iter().position(|(bound, _)| microseconds <= *bound) {
            answered.by_bucket[index] += 1;
        }
    }

    pub(crate) fn page(&self, others: &[Arc<dyn Collect>]) -> String {
        let mut page = MetricsPage::default();
        self.write_requests(&mut page);
        let gauge = |number: &AtomicI64| number.load(Ordering::Relaxed) as f64;
        page.gauge(
            "gantry_requests_in_flight",
            "Requests that are being answered.",
            gauge(&self.in_flight),
        );
        page.gauge(
            "gantry_connections",
            "Open connections, websockets included.",
            gauge(&self.connections),
        );
        for other in others {
            other.collect(&mut page);
        }
        page.0
    }

    fn write_requests(&self, page: &mut MetricsPage) {
        let operations = self
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let name = "gantry_requests_total";
        page.family(name, Kind::Counter, "Requests answered.");
        for ((service, operation), answered) in operations.iter() {
            for (status, count) in &answered.by_status {
                let status = status.to_string();
                let labels = [
                    ("service", *service),
                    ("operation", operation),
                    ("status", &status),
                ];
                page.sample(name, &labels, *count as f64);
            }
        }
        let name = "gantry_request_seconds";
        page.family(
            name,
            Kind::Histogram,
            "Time from a request's headers to its answer.",
        );
        let (bucket, sum, count) = (
            format!("{name}_bucket"),
            format!("{name}_sum"),
            format!("{name}_count"),
        );
        for ((service, operation), answered) in operations.iter() {
            let labels = [("service", *service), ("operation", operation)];
            let mut up_to = 0;
            for ((_, bound), in_bucket) in BUCKETS.iter().zip(&answered.by_bucket) {
                up_to += in_bucket;
                page.sample(
                    &bucket,
                    &[labels[0], labels[1], ("le", bound)],
                    up_to as f64,
                );
            }
            let all = answered.count as f64;
            page.sample(&bucket, &[labels[0], labels[1], ("le", "+Inf")], all);
            page.sample(&sum, &labels, answered.total.as_secs_f64());
            page.sample(&count, &labels, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_as_prometheus_reads_it() {
        let metrics = Arc::new(Metrics::default());
        let under_way = metrics.begin();
        metrics.answered("ecs", "RunTask", 200, Duration::from_micros(700));
        metrics.answered("ecs", "RunTask", 400, Duration::from_secs(60));
        let page = metrics.page(&[]);
        for line in [
            "# TYPE gantry_requests_total counter",
            "gantry_requests_total{service=\"ecs\",operation=\"RunTask\",status=\"200\"} 1",
            "gantry_request_seconds_bucket{service=\"ecs\",operation=\"RunTask\",le=\"0.0005\"} 0",
            "gantry_request_seconds_bucket{service=\"ecs\",operation=\"RunTask\",le=\"0.001\"} 1",
            "gantry_request_seconds_bucket{service=\"ecs\",operation=\"RunTask\",le=\"10\"} 1",
            "gantry_request_seconds_bucket{service=\"ecs\",operation=\"RunTask\",le=\"+Inf\"} 2",
            "gantry_request_seconds_count{service=\"ecs\",operation=\"RunTask\"} 2",
            "gantry_requests_in_flight 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
        }
        drop(under_way);
        assert!(metrics.page(&[]).contains("gantry_requests_in_flight 0\n"));
    }

    #[test]
    fn labels_are_escaped() {
        let mut page = MetricsPage::default();
        page.sample("x", &[("a", "b\"c\\d\ne")], 1.5);
        assert_eq!(page.0, "x{a=\"b\\\"c\\\\d\\ne\"} 1.5\n");
    }
}
