//! What a node was told of its tasks, and what it acknowledged: pure bookkeeping of one session.

use std::{collections::BTreeMap, time::Duration};

use crate::records::{DesiredStatus, TaskRecord, TaskStatus};

/// How long an agent may take to acknowledge a payload before it is sent again.
const RESEND_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Outbox {
    sent: BTreeMap<String, Sent>,
}

#[derive(Debug)]
struct Sent {
    desired: DesiredStatus,
    message_id: String,
    acknowledged: bool,
    at: Duration,
}

impl Outbox {
    /// Whether the node must hear of the task as it is now. One that is STOPPED or gone is forgotten.
    pub fn needs(&mut self, key: &str, task: Option<&TaskRecord>) -> bool {
        match task.filter(|task| task.last_status != TaskStatus::Stopped) {
            None => {
                self.sent.remove(key);
                false
            }
            Some(task) => self
                .sent
                .get(key)
                .is_none_or(|sent| sent.desired != task.desired_status),
        }
    }

    pub fn sent(&mut self, key: String, desired: DesiredStatus, message_id: &str, at: Duration) {
        self.sent.insert(
            key,
            Sent {
                desired,
                message_id: message_id.to_owned(),
                acknowledged: false,
                at,
            },
        );
    }

    pub fn acknowledged(&mut self, message_id: &str) {
        for sent in self.sent.values_mut() {
            sent.acknowledged |= sent.message_id == message_id;
        }
    }

    /// Takes the tasks whose payload nobody acknowledged in time; they count as never sent.
    pub fn take_overdue(&mut self, now: Duration) -> Vec<String> {
        let is_overdue =
            |sent: &Sent| !sent.acknowledged && now.saturating_sub(sent.at) >= RESEND_AFTER;
        self.sent
            .extract_if(.., |_, sent| is_overdue(sent))
            .map(|(key, _)| key)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_sent_again_until_it_is_acknowledged() {
        let mut outbox = Outbox::default();
        let sent_at = Duration::from_secs(100);
        outbox.sent("a".into(), DesiredStatus::Running, "m1", sent_at);
        outbox.sent("b".into(), DesiredStatus::Running, "m2", sent_at);
        assert!(outbox.take_overdue(sent_at + RESEND_AFTER / 2).is_empty());
        outbox.acknowledged("m1");
        assert_eq!(outbox.take_overdue(sent_at + RESEND_AFTER), ["b"]);
        assert!(outbox.take_overdue(sent_at + RESEND_AFTER).is_empty());
        assert!(!outbox.needs("gone", None));
    }
}
