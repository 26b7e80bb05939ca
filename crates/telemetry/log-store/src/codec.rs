//! Numbers and texts as bytes, little endian, for journal, blocks and catalogue; frames with a checksum.

use std::sync::Arc;

/// The bytes are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content cannot be understood")]
pub(crate) struct Malformed;

pub(crate) fn put_u32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_i64(bytes: &mut Vec<u8>, value: i64) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

/// At most 4 GiB, which limits on requests see to.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_u32(bytes, text.len() as u32);
    bytes.extend_from_slice(text.as_bytes());
}

pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Takes values off the front.
pub(crate) struct Taker<'a>(pub &'a [u8]);

impl<'a> Taker<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.bytes(1)?[0])
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.bytes(4)?.try_into().map_err(|_| Malformed)?;
        Ok(u32::from_le_bytes(bytes))
    }

    pub fn u64(&mut self) -> Result<u64, Malformed> {
        let bytes = self.bytes(8)?.try_into().map_err(|_| Malformed)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(self.u64()? as i64)
    }

    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Malformed)
    }

    pub fn shared_text(&mut self) -> Result<Arc<str>, Malformed> {
        self.text().map(Arc::from)
    }
}

/// Length, checksum, content.
pub(crate) fn put_frame(bytes: &mut Vec<u8>, content: &[u8]) {
    put_u32(bytes, content.len() as u32);
    put_u32(bytes, checksum(content));
    bytes.extend_from_slice(content);
}

/// The frame at the front; `None` when it is cut off or its checksum does not fit.
pub(crate) fn take_frame<'a>(taker: &mut Taker<'a>) -> Option<&'a [u8]> {
    let mut ahead = Taker(taker.0);
    let length = ahead.u32().ok()? as usize;
    let sum = ahead.u32().ok()?;
    let content = ahead.bytes(length).ok()?;
    if checksum(content) != sum {
        return None;
    }
    taker.0 = ahead.0;
    Some(content)
}
