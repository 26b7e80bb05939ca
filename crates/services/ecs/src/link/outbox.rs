//! What a node was told of its tasks, and what it acknowledged: pure bookkeeping of one session.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::records::{DesiredStatus, TaskRecord, TaskStatus};

/// How long an agent may take to acknowledge a payload before it is sent again.
const RESEND_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What the node was told last of each of its tasks.
    told: HashMap<String, Told>,
    /// Messages that nobody has acknowledged yet: few, however many tasks the node has.
    unacknowledged: BTreeMap<String, Message>,
}

#[derive(Debug)]
struct Told {
    desired: DesiredStatus,
    message_id: String,
}

#[derive(Debug)]
struct Message {
    sent_at: Duration,
    tasks: Vec<String>,
}

impl Outbox {
    /// Whether the node must hear of the task as it is now. One that is STOPPED or gone is forgotten.
    pub fn needs(&mut self, key: &str, task: Option<&TaskRecord>) -> bool {
        match task.filter(|task| task.last_status != TaskStatus::Stopped) {
            None => {
                self.told.remove(key);
                false
            }
            Some(task) => self
                .told
                .get(key)
                .is_none_or(|told| told.desired != task.desired_status),
        }
    }

    pub fn sent(&mut self, key: String, desired: DesiredStatus, message_id: &str, at: Duration) {
        let message = self.unacknowledged.entry(message_id.to_owned());
        let message = message.or_insert_with(|| Message {
            sent_at: at,
            tasks: Vec::new(),
        });
        message.tasks.push(key.clone());
        let message_id = message_id.to_owned();
        self.told.insert(
            key,
            Told {
                desired,
                message_id,
            },
        );
    }

    pub fn acknowledged(&mut self, message_id: &str) {
        self.unacknowledged.remove(message_id);
    }

    /// Takes the tasks whose payload nobody acknowledged in time; they count as never sent.
    pub fn take_overdue(&mut self, now: Duration) -> Vec<String> {
        let overdue = self.unacknowledged.extract_if(.., |_, message| {
            now.saturating_sub(message.sent_at) >= RESEND_AFTER
        });
        let mut keys = Vec::new();
        for (message_id, message) in overdue {
            for key in message.tasks {
                // A later message told the node more.
                let is_newest = |told: &Told| told.message_id == message_id;
                if self.told.get(&key).is_some_and(is_newest) {
                    self.told.remove(&key);
                    keys.push(key);
                }
            }
        }
        keys
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

    #[test]
    fn what_a_later_message_told_is_not_overdue() {
        let mut outbox = Outbox::default();
        let (first, second) = (Duration::from_secs(100), Duration::from_secs(105));
        outbox.sent("a".into(), DesiredStatus::Running, "m1", first);
        outbox.sent("a".into(), DesiredStatus::Stopped, "m2", second);
        assert!(outbox.take_overdue(first + RESEND_AFTER).is_empty());
        assert_eq!(outbox.take_overdue(second + RESEND_AFTER), ["a"]);
        // A task that ended meanwhile is nobody's business any more.
        outbox.sent("b".into(), DesiredStatus::Running, "m3", first);
        outbox.needs("b", None);
        assert!(outbox.take_overdue(first + RESEND_AFTER).is_empty());
    }
}
