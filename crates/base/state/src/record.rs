//! What a table holds, and what happened to it.

use std::any::{Any, TypeId};
use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoding;
use crate::engine::Revision;
use crate::error::StateError;

/// A row of a typed table.
pub trait Record:
    Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static
{
    /// The table's name on disk; never changes.
    const TABLE: &'static str;

    /// Rises with every change that serde's defaults do not bridge; then [`Record::upgrade`] must know the way.
    const VERSION: u32;

    /// Parts joined by `/`, from the widest: `{account}/{region}/{cluster}/{id}`. Must not change while the row lives.
    fn key(&self) -> String;

    /// Further ways to find rows.
    fn indexes() -> &'static [Index<Self>] {
        &[]
    }

    /// Brings a row that an older binary wrote to [`Record::VERSION`]. Rows are upgraded in memory as they are loaded;
    /// on disk they change with their next write.
    fn upgrade(from: u32, value: ciborium::Value) -> Result<ciborium::Value, StateError> {
        let _ = value;
        Err(StateError::Version {
            table: Self::TABLE,
            found: from,
            known: Self::VERSION,
        })
    }
}

/// Finds rows by something that is not their key; a row may stand under any number of index keys.
pub struct Index<R> {
    pub name: &'static str,
    pub keys: fn(&R) -> Vec<String>,
}

/// A value derived from rows, kept up to date within each transaction.
///
/// Must be a function of the rows alone: applying a change and then its inverse leaves the view as it was. That is how
/// a transaction that fails is undone.
pub trait View: Default + Send + Sync + 'static {
    fn apply(&mut self, change: &Change);
}

/// One row, before and after.
#[derive(Clone)]
pub struct Change {
    pub table: &'static str,
    pub key: Arc<str>,
    pub(crate) type_id: TypeId,
    pub(crate) before: Option<Arc<dyn AnyRecord>>,
    pub(crate) after: Option<Arc<dyn AnyRecord>>,
}

/// All changes of one transaction; each row occurs once.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    pub revision: Revision,
    pub changes: Vec<Change>,
}

impl Change {
    /// The row before and after, when this is a change of `R`'s table.
    pub fn of<R: Record>(&self) -> Option<(Option<&R>, Option<&R>)> {
        if self.type_id != TypeId::of::<R>() {
            return None;
        }
        Some((self.before::<R>(), self.after::<R>()))
    }

    /// The row as it was; none if it is new or of another table.
    pub fn before<R: Record>(&self) -> Option<&R> {
        self.before
            .as_ref()
            .and_then(|record| record.as_any().downcast_ref())
    }

    /// The row as it is; none if it is gone or of another table.
    pub fn after<R: Record>(&self) -> Option<&R> {
        self.after
            .as_ref()
            .and_then(|record| record.as_any().downcast_ref())
    }

    /// What undoes this change.
    pub fn inverse(&self) -> Self {
        Self {
            before: self.after.clone(),
            after: self.before.clone(),
            ..self.clone()
        }
    }

    pub(crate) fn new<R: Record>(
        key: Arc<str>,
        before: Option<Arc<R>>,
        after: Option<Arc<R>>,
    ) -> Self {
        Self {
            table: R::TABLE,
            key,
            type_id: TypeId::of::<R>(),
            before: before.map(|record| record as Arc<dyn AnyRecord>),
            after: after.map(|record| record as Arc<dyn AnyRecord>),
        }
    }

    /// False if the row ended as it began.
    pub(crate) fn has_effect(&self) -> bool {
        match (&self.before, &self.after) {
            (None, None) => false,
            (Some(before), Some(after)) => !before.equals(&**after),
            _ => true,
        }
    }
}

impl Debug for Change {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match (&self.before, &self.after) {
            (None, Some(_)) => "inserted",
            (Some(_), None) => "deleted",
            _ => "updated",
        };
        write!(formatter, "{}/{} {kind}", self.table, self.key)
    }
}

/// A record whose type was forgotten.
pub(crate) trait AnyRecord: Send + Sync {
    fn encode(&self) -> Result<Vec<u8>, StateError>;
    fn equals(&self, other: &dyn AnyRecord) -> bool;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<R: Record> AnyRecord for R {
    fn encode(&self) -> Result<Vec<u8>, StateError> {
        encoding::encode(self)
    }

    fn equals(&self, other: &dyn AnyRecord) -> bool {
        other.as_any().downcast_ref::<R>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
