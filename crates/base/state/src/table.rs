//! One typed table: rows by key, and its indexes.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::encoding;
use crate::error::StateError;
use crate::record::{AnyRecord, Change, Record};

pub(crate) struct Table<R> {
    pub(crate) rows: BTreeMap<Arc<str>, Arc<R>>,
    /// In the order of [`Record::indexes`].
    indexes: Vec<BTreeMap<Box<str>, Postings>>,
}

/// A table whose type was forgotten.
pub(crate) trait AnyTable: Send + Sync {
    /// Sets the row to what the change says it is after.
    fn apply(&mut self, change: &Change);
    /// A loaded row as the change that inserts it.
    fn decode(&self, key: &str, bytes: &[u8]) -> Result<Change, StateError>;
    fn as_any(&self) -> &dyn Any;
}

impl<R: Record> Table<R> {
    pub(crate) fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            indexes: R::indexes().iter().map(|_| BTreeMap::new()).collect(),
        }
    }

    pub(crate) fn rows_from<'a>(
        &'a self,
        start: Bound<&str>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<R>)> + use<'a, R> {
        self.rows.range::<str, _>((start, Bound::Unbounded))
    }

    pub(crate) fn posted(&self, index: &str, index_key: &str) -> Option<&Postings> {
        let position = R::indexes().iter().position(|known| known.name == index);
        let position =
            position.unwrap_or_else(|| panic!("table {} has no index {index}", R::TABLE));
        self.indexes[position].get(index_key)
    }

    fn set(&mut self, key: &Arc<str>, record: Option<Arc<R>>) {
        let before = match &record {
            Some(record) => self.rows.insert(key.clone(), record.clone()),
            None => self.rows.remove(key),
        };
        for (index, postings) in R::indexes().iter().zip(&mut self.indexes) {
            let old_keys = before
                .as_ref()
                .map(|record| (index.keys)(record))
                .unwrap_or_default();
            let new_keys = record
                .as_ref()
                .map(|record| (index.keys)(record))
                .unwrap_or_default();
            if old_keys == new_keys {
                continue;
            }
            old_keys
                .iter()
                .for_each(|index_key| withdraw(postings, index_key, key));
            new_keys
                .into_iter()
                .for_each(|index_key| post(postings, index_key, key));
        }
    }
}

impl<R: Record> AnyTable for Table<R> {
    fn apply(&mut self, change: &Change) {
        let record = change.after.clone().map(|record: Arc<dyn AnyRecord>| {
            record
                .into_any()
                .downcast::<R>()
                .expect("a change is routed by its record's type")
        });
        self.set(&change.key, record);
    }

    fn decode(&self, key: &str, bytes: &[u8]) -> Result<Change, StateError> {
        let record: R = encoding::decode(key, bytes)?;
        Ok(Change::new(Arc::from(key), None, Some(Arc::new(record))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The rows under one index key. Most index keys of big tables have one row, which then costs no set.
pub(crate) enum Postings {
    One(Arc<str>),
    Many(BTreeSet<Arc<str>>),
}

impl Postings {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(keys) => keys.len(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        let (one, many) = match self {
            Self::One(key) => (Some(key), None),
            Self::Many(keys) => (None, Some(keys)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl Postings {
    pub(crate) fn iter_after<'a>(
        &'a self,
        after: &Arc<str>,
    ) -> impl Iterator<Item = &'a Arc<str>> + use<'a> {
        let (one, many) = match self {
            Self::One(key) => (Some(key).filter(|key| *key > after), None),
            Self::Many(keys) => {
                let range = (Bound::Excluded(after), Bound::Unbounded);
                (None, Some(keys.range::<Arc<str>, _>(range)))
            }
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

fn post(index: &mut BTreeMap<Box<str>, Postings>, index_key: String, key: &Arc<str>) {
    match index.get_mut(index_key.as_str()) {
        None => {
            index.insert(index_key.into(), Postings::One(key.clone()));
        }
        Some(Postings::One(present)) if present == key => {}
        Some(Postings::Many(keys)) => {
            keys.insert(key.clone());
        }
        Some(postings) => {
            let keys = postings.iter().chain([key]).cloned().collect();
            *postings = Postings::Many(keys);
        }
    }
}

fn withdraw(index: &mut BTreeMap<Box<str>, Postings>, index_key: &str, key: &Arc<str>) {
    let is_empty = match index.get_mut(index_key) {
        None => return,
        Some(Postings::One(present)) => present == key,
        Some(Postings::Many(keys)) => {
            keys.remove(key);
            keys.is_empty()
        }
    };
    if is_empty {
        index.remove(index_key);
    }
}
