//! What is set of a group.

use crate::codec::{Malformed, Taker, put_u32};

/// Set with a group or later, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupSettings {
    /// Events older than this are neither read nor, after a while, kept. `None`: kept.
    pub retention_days: Option<u32>,
    /// The caller's own: not looked at here.
    pub document: Vec<u8>,
}

impl GroupSettings {
    /// The earliest timestamp (milliseconds) that is still kept.
    pub(crate) fn keeps_from(&self, now_millis: i64) -> i64 {
        self.retention_days.map_or(i64::MIN, |days| {
            now_millis.saturating_sub(i64::from(days) * 24 * 3_600_000)
        })
    }

    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        put_u32(bytes, self.retention_days.unwrap_or_default());
        put_u32(bytes, self.document.len() as u32);
        bytes.extend_from_slice(&self.document);
    }

    pub(crate) fn take(taker: &mut Taker<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            retention_days: Some(taker.u32()?).filter(|days| *days > 0),
            document: {
                let length = taker.u32()? as usize;
                taker.bytes(length)?.to_owned()
            },
        })
    }
}
