//! The tables and views at the newest revision, durable or not.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::engine::{Revision, Row};
use crate::error::StateError;
use crate::record::{Change, Record, View};
use crate::table::{AnyTable, Table};

/// The tables and views that a store is made of. Services add theirs; the binary opens the store once.
#[derive(Default)]
pub struct Schema {
    tables: HashMap<TypeId, Box<dyn AnyTable>>,
    names: HashMap<&'static str, TypeId>,
    views: Vec<(TypeId, Box<dyn AnyView>)>,
}

/// The newest state. Read it inside [`crate::Store::read`] or a transaction.
pub struct Head {
    revision: Revision,
    schema: Schema,
}

impl Schema {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a table. Adding the same one again changes nothing; two types with one table name are a programming error.
    pub fn table<R: Record>(mut self) -> Self {
        let type_id = TypeId::of::<R>();
        let known = self.names.insert(R::TABLE, type_id);
        assert!(
            known.is_none_or(|known| known == type_id),
            "two records want to be table {}",
            R::TABLE
        );
        self.tables
            .entry(type_id)
            .or_insert_with(|| Box::new(Table::<R>::new()));
        self
    }

    /// Adds a derived value, built from every row at open and kept up to date from then on.
    pub fn view<V: View>(mut self) -> Self {
        let type_id = TypeId::of::<V>();
        if !self.views.iter().any(|(known, _)| *known == type_id) {
            self.views.push((type_id, Box::new(V::default())));
        }
        self
    }
}

impl Head {
    pub(crate) fn new(schema: Schema) -> Self {
        Self {
            revision: 0,
            schema,
        }
    }

    /// Counts committed transactions.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn get<R: Record>(&self, key: &str) -> Option<Arc<R>> {
        self.table::<R>().rows.get(key).cloned()
    }

    pub fn contains<R: Record>(&self, key: &str) -> bool {
        self.table::<R>().rows.contains_key(key)
    }

    /// Rows whose key starts with `prefix`, in key order. End the prefix with `/` unless parts of names are meant.
    pub fn scan<'a, R: Record>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = &'a Arc<R>> + use<'a, R> {
        self.scan_from(prefix.to_owned(), Bound::Included(prefix))
    }

    /// As [`Head::scan`], after `after_key`: the next page.
    pub fn scan_after<'a, R: Record>(
        &'a self,
        prefix: &str,
        after_key: &str,
    ) -> impl Iterator<Item = &'a Arc<R>> + use<'a, R> {
        let start = if after_key < prefix {
            Bound::Included(prefix)
        } else {
            Bound::Excluded(after_key)
        };
        self.scan_from(prefix.to_owned(), start)
    }

    /// Rows under one key of an index of [`Record::indexes`], in key order.
    pub fn index<R: Record>(&self, name: &str, index_key: &str) -> Vec<Arc<R>> {
        let table = self.table::<R>();
        let keys = table
            .posted(name, index_key)
            .into_iter()
            .flat_map(|postings| postings.iter());
        keys.filter_map(|key| table.rows.get(key).cloned())
            .collect()
    }

    /// As [`Head::index`], those after `after_key` (an empty one: all), one by one: for a page of many.
    pub fn index_after<'a, R: Record>(
        &'a self,
        name: &str,
        index_key: &str,
        after_key: &str,
    ) -> impl Iterator<Item = &'a Arc<R>> + use<'a, R> {
        let table = self.table::<R>();
        let postings = table.posted(name, index_key).into_iter();
        let keys = postings.flat_map({
            let after_key: Arc<str> = Arc::from(after_key);
            move |postings| postings.iter_after(&after_key)
        });
        keys.filter_map(|key| table.rows.get(key))
    }

    /// How many rows [`Head::index`] would answer.
    pub fn index_len<R: Record>(&self, name: &str, index_key: &str) -> usize {
        self.table::<R>()
            .posted(name, index_key)
            .map_or(0, |postings| postings.len())
    }

    /// How many rows the table has.
    pub fn len<R: Record>(&self) -> usize {
        self.table::<R>().rows.len()
    }

    pub fn is_empty<R: Record>(&self) -> bool {
        self.table::<R>().rows.is_empty()
    }

    pub fn view<V: View>(&self) -> &V {
        let view = self
            .schema
            .views
            .iter()
            .find(|(known, _)| *known == TypeId::of::<V>());
        let view = view
            .unwrap_or_else(|| panic!("view {} is not in the schema", std::any::type_name::<V>()));
        view.1
            .as_any()
            .downcast_ref()
            .expect("views are found by their type")
    }

    /// Sets one row and tells the views.
    pub(crate) fn apply(&mut self, change: &Change) {
        let table = self
            .schema
            .tables
            .get_mut(&change.type_id)
            .unwrap_or_else(|| not_in_schema(change.table));
        table.apply(change);
        for (_, view) in &mut self.schema.views {
            view.apply(change);
        }
    }

    /// Takes a row from the engine; false if no table has that name.
    pub(crate) fn load(&mut self, row: &Row) -> Result<bool, StateError> {
        let Some(type_id) = self.schema.names.get(row.table.as_str()) else {
            return Ok(false);
        };
        let change = self.schema.tables[type_id].decode(&row.key, &row.value)?;
        self.apply(&change);
        Ok(true)
    }

    pub(crate) fn set_revision(&mut self, revision: Revision) {
        self.revision = revision;
    }

    pub(crate) fn row_key<R: Record>(&self, key: &str) -> Option<(Arc<str>, Arc<R>)> {
        let row = self.table::<R>().rows.get_key_value(key);
        row.map(|(key, record)| (key.clone(), record.clone()))
    }

    fn table<R: Record>(&self) -> &Table<R> {
        let table = self
            .schema
            .tables
            .get(&TypeId::of::<R>())
            .unwrap_or_else(|| not_in_schema(R::TABLE));
        table
            .as_any()
            .downcast_ref()
            .expect("tables are found by their record's type")
    }

    fn scan_from<'a, R: Record>(
        &'a self,
        prefix: String,
        start: Bound<&str>,
    ) -> impl Iterator<Item = &'a Arc<R>> + use<'a, R> {
        let rows = self.table::<R>().rows_from(start);
        rows.take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, record)| record)
    }
}

trait AnyView: Send + Sync {
    fn apply(&mut self, change: &Change);
    fn as_any(&self) -> &dyn Any;
}

impl<V: View> AnyView for V {
    fn apply(&mut self, change: &Change) {
        View::apply(self, change);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A table that is used but was never registered is a mistake of the program, found by the first test that runs it.
fn not_in_schema(table: &str) -> ! {
    panic!("table {table} is not in the schema")
}
