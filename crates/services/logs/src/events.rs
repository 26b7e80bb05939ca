//! What PutLogEvents takes: pure rules over a batch (API reference of PutLogEvents).

use std::ops::Range;

use api_logs::types::{InputLogEvent, RejectedLogEventsInfo};
use limits::{
    LOG_EVENT_MAX_AGE_DAYS, LOG_EVENT_MAX_AHEAD_HOURS, LOG_EVENT_OVERHEAD_BYTES, LOG_PUT_BYTES,
    LOG_PUT_SPAN_HOURS,
};
use log_store::NewEvent;

const HOUR_MILLIS: i64 = 3_600_000;

/// Why a whole batch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BatchError {
    #[error(
        "1 validation error detected: Value null at 'logEvents.{0}.member.{1}' failed to satisfy constraint: Member \
         must not be null"
    )]
    Missing(usize, &'static str),
    #[error("Log event too large: {0} bytes exceeds limit of {LOG_PUT_BYTES}")]
    EventTooLarge(usize),
    #[error("Upload too large: {0} bytes exceeds limit of {LOG_PUT_BYTES}")]
    TooLarge(usize),
    #[error("Log events in a single PutLogEvents request must be in chronological order.")]
    Order,
    #[error(
        "The batch of log events in a single PutLogEvents request cannot span more than {LOG_PUT_SPAN_HOURS} hours."
    )]
    Span,
}

/// The events to keep, and what the answer says about those that are not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Accepted {
    pub events: Vec<NewEvent>,
    pub rejected: Option<RejectedLogEventsInfo>,
}

pub(crate) fn accept(events: Vec<InputLogEvent>, now_millis: i64) -> Result<Accepted, BatchError> {
    let mut checked = Vec::with_capacity(events.len());
    let mut bytes = 0;
    for (index, event) in events.into_iter().enumerate() {
        let missing = |member| BatchError::Missing(index + 1, member);
        let timestamp = event.timestamp.ok_or_else(|| missing("timestamp"))?;
        let message = event.message.ok_or_else(|| missing("message"))?;
        let event_bytes = message.len() + LOG_EVENT_OVERHEAD_BYTES;
        if event_bytes > LOG_PUT_BYTES {
            return Err(BatchError::EventTooLarge(event_bytes));
        }
        bytes += event_bytes;
        checked.push(NewEvent { timestamp, message });
    }
    if bytes > LOG_PUT_BYTES {
        return Err(BatchError::TooLarge(bytes));
    }
    if !checked.is_sorted_by_key(|event| event.timestamp) {
        return Err(BatchError::Order);
    }
    if let (Some(first), Some(last)) = (checked.first(), checked.last())
        && last.timestamp.saturating_sub(first.timestamp) > LOG_PUT_SPAN_HOURS * HOUR_MILLIS
    {
        return Err(BatchError::Span);
    }
    let (kept, rejected) = within_time(&checked, now_millis);
    checked.truncate(kept.end);
    checked.drain(..kept.start);
    Ok(Accepted {
        events: checked,
        rejected,
    })
}

fn within_time(
    events: &[NewEvent],
    now_millis: i64,
) -> (Range<usize>, Option<RejectedLogEventsInfo>) {
    let oldest = now_millis - LOG_EVENT_MAX_AGE_DAYS * 24 * HOUR_MILLIS;
    let newest = now_millis + LOG_EVENT_MAX_AHEAD_HOURS * HOUR_MILLIS;
    let start = events.partition_point(|event| event.timestamp < oldest);
    let end = events.partition_point(|event| event.timestamp <= newest);
    let index = |position: usize| i32::try_from(position).ok();
    let rejected = RejectedLogEventsInfo {
        // Exclusive: the first event that is not too old.
        too_old_log_event_end_index: index(start).filter(|_| start > 0),
        too_new_log_event_start_index: index(end).filter(|_| end < events.len()),
        expired_log_event_end_index: None,
    };
    let is_all_kept = start == 0 && end == events.len();
    (start..end.max(start), (!is_all_kept).then_some(rejected))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn event(timestamp: i64, message: &str) -> InputLogEvent {
        InputLogEvent {
            timestamp: Some(timestamp),
            message: Some(message.to_owned()),
        }
    }

    fn times(times: &[i64]) -> Result<Accepted, BatchError> {
        accept(times.iter().map(|time| event(*time, "x")).collect(), NOW)
    }

    #[test]
    fn order_and_span() {
        assert_eq!(times(&[NOW, NOW - 1]), Err(BatchError::Order));
        let day = 24 * HOUR_MILLIS;
        assert_eq!(times(&[NOW - day - 1, NOW]), Err(BatchError::Span));
        let accepted = times(&[NOW - day, NOW, NOW]).expect("accepted");
        assert_eq!((accepted.events.len(), accepted.rejected), (3, None));
    }

    #[test]
    fn too_old_and_too_new_are_left_out_and_told() {
        let oldest = NOW - 14 * 24 * HOUR_MILLIS;
        let accepted = times(&[oldest - 2, oldest - 1, oldest, oldest + 1]).expect("accepted");
        assert_eq!(accepted.events.len(), 2);
        let rejected = accepted.rejected.expect("told");
        assert_eq!(rejected.too_old_log_event_end_index, Some(2));
        assert_eq!(rejected.too_new_log_event_start_index, None);

        let newest = NOW + 2 * HOUR_MILLIS;
        let accepted = times(&[NOW, newest, newest + 1]).expect("accepted");
        assert_eq!(accepted.events.len(), 2);
        let rejected = accepted.rejected.expect("told");
        assert_eq!(rejected.too_new_log_event_start_index, Some(2));

        let accepted = times(&[newest + 1, newest + 2]).expect("accepted");
        assert_eq!(accepted.events.len(), 0);
    }

    #[test]
    fn sizes() {
        let half = "x".repeat(LOG_PUT_BYTES / 2 - LOG_EVENT_OVERHEAD_BYTES);
        let fits = vec![event(NOW, &half), event(NOW, &half)];
        assert!(accept(fits.clone(), NOW).is_ok());
        let mut too_many = fits;
        too_many.push(event(NOW, ""));
        let bytes = LOG_PUT_BYTES + LOG_EVENT_OVERHEAD_BYTES;
        assert_eq!(accept(too_many, NOW), Err(BatchError::TooLarge(bytes)));
        let large = "x".repeat(LOG_PUT_BYTES);
        assert_eq!(
            accept(vec![event(NOW, &large)], NOW),
            Err(BatchError::EventTooLarge(bytes))
        );
    }

    #[test]
    fn a_time_and_a_message_are_needed() {
        let no_time = InputLogEvent {
            timestamp: None,
            message: Some("x".to_owned()),
        };
        let refused = accept(vec![event(NOW, "x"), no_time], NOW);
        assert_eq!(refused, Err(BatchError::Missing(2, "timestamp")));
    }
}
