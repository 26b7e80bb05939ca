//! Changes to the head that all stay or are all undone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::engine::Write;
use crate::error::StateError;
use crate::head::Head;
use crate::record::{Change, Record};

/// Reads and changes the head. Dropped unfinished (an error, a panic), it undoes everything that it did.
pub struct Tx<'a> {
    head: &'a mut Head,
    log: Vec<Change>,
}

impl<'a> Tx<'a> {
    /// Inserts or replaces a row. A row equal to the present one changes nothing and costs no commit.
    pub fn put<R: Record>(&mut self, record: R) {
        let key = record.key();
        match self.head.row_key::<R>(&key) {
            Some((_, present)) if *present == record => {}
            Some((key, present)) => {
                self.apply(Change::new(key, Some(present), Some(Arc::new(record))))
            }
            None => self.apply(Change::new(Arc::from(key), None, Some(Arc::new(record)))),
        }
    }

    /// Inserts a row that must not be there yet.
    pub fn insert<R: Record>(&mut self, record: R) -> Result<(), StateError> {
        let key = record.key();
        if self.head.contains::<R>(&key) {
            return Err(StateError::Exists {
                table: R::TABLE,
                key,
            });
        }
        self.apply(Change::new(Arc::from(key), None, Some(Arc::new(record))));
        Ok(())
    }

    /// Changes a row in place; false if there is none. The row's key must stay as it is.
    pub fn update<R: Record>(&mut self, key: &str, change: impl FnOnce(&mut R)) -> bool {
        let Some((key, present)) = self.head.row_key::<R>(key) else {
            return false;
        };
        let mut record = R::clone(&present);
        change(&mut record);
        assert!(
            record.key() == *key,
            "the key {key} of table {} changed in an update",
            R::TABLE
        );
        if *present != record {
            self.apply(Change::new(key, Some(present), Some(Arc::new(record))));
        }
        true
    }

    /// Removes a row; false if there is none.
    pub fn delete<R: Record>(&mut self, key: &str) -> bool {
        let Some((key, present)) = self.head.row_key::<R>(key) else {
            return false;
        };
        self.apply(Change::new(key, Some(present), None));
        true
    }

    pub(crate) fn new(head: &'a mut Head) -> Self {
        Self {
            head,
            log: Vec::new(),
        }
    }

    /// The changes, one for each row, and what the engine writes of them, if they are within the limits; from here on
    /// they stay.
    pub(crate) fn finish(mut self) -> Result<(Vec<Change>, Vec<Write>), StateError> {
        let changes = merged(&self.log);
        let too_large = |bytes| StateError::TooLarge {
            rows: changes.len(),
            bytes,
        };
        if changes.len() > limits::TRANSACTION_ROWS {
            return Err(too_large(0));
        }
        // Encoded here and not by the committer, because the length must be known: so it is done once.
        let mut bytes = 0;
        let mut writes = Vec::with_capacity(changes.len());
        for change in &changes {
            let after = change.after.as_ref();
            let value = after.map(|record| record.encode()).transpose()?;
            bytes += change.key.len() + value.as_ref().map_or(0, Vec::len);
            writes.push(Write {
                table: Cow::Borrowed(change.table),
                key: change.key.clone(),
                value,
            });
        }
        if bytes > limits::TRANSACTION_BYTES {
            return Err(too_large(bytes));
        }
        self.log.clear();
        Ok((changes, writes))
    }

    fn apply(&mut self, change: Change) {
        self.head.apply(&change);
        self.log.push(change);
    }
}

impl Deref for Tx<'_> {
    type Target = Head;

    fn deref(&self) -> &Head {
        self.head
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        for change in self.log.iter().rev() {
            self.head.apply(&change.inverse());
        }
    }
}

/// One change for each row, in the order in which rows were first touched, without those that came to nothing.
fn merged(log: &[Change]) -> Vec<Change> {
    if let [change] = log {
        return vec![change.clone()];
    }
    let mut positions: HashMap<(&str, &str), usize> = HashMap::with_capacity(log.len());
    let mut changes: Vec<Change> = Vec::with_capacity(log.len());
    for change in log {
        let position = *positions
            .entry((change.table, &change.key))
            .or_insert(changes.len());
        match changes.get_mut(position) {
            Some(first) => first.after = change.after.clone(),
            None => changes.push(change.clone()),
        }
    }
    changes.retain(Change::has_effect);
    changes
}
