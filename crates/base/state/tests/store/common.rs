//! A small schema: items under two indexes, counters, and a view that sums them.

use std::collections::BTreeMap;
use std::sync::Arc;

use clock::Clock;
use serde::{Deserialize, Serialize};
use state::{Change, Engine, Head, Index, Record, Schema, StateError, Store, View};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Item {
    pub id: String,
    pub group: String,
    pub tags: Vec<String>,
    pub size: i64,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Counter {
    pub name: String,
    pub value: u64,
}

/// Sizes of items, added up by group.
#[derive(Default, Debug, Clone, PartialEq)]
pub struct Sizes(pub BTreeMap<String, i64>);

impl Record for Item {
    const TABLE: &'static str = "items";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexes() -> &'static [Index<Self>] {
        &[
            Index {
                name: "by_group",
                keys: |item| vec![item.group.clone()],
            },
            Index {
                name: "by_tag",
                keys: |item| item.tags.clone(),
            },
        ]
    }
}

impl Record for Counter {
    const TABLE: &'static str = "counters";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.name.clone()
    }
}

impl View for Sizes {
    fn apply(&mut self, change: &Change) {
        let Some((before, after)) = change.of::<Item>() else {
            return;
        };
        for (item, sign) in before
            .map(|item| (item, -1))
            .into_iter()
            .chain(after.map(|item| (item, 1)))
        {
            let sum = self.0.entry(item.group.clone()).or_default();
            *sum += sign * item.size;
            if *sum == 0 {
                self.0.remove(&item.group);
            }
        }
    }
}

pub fn schema() -> Schema {
    Schema::new()
        .table::<Item>()
        .table::<Counter>()
        .view::<Sizes>()
}

pub async fn open(engine: &(impl Engine + Clone)) -> Store {
    Store::open(Arc::new(engine.clone()), schema(), Clock::system())
        .await
        .expect("opens")
}

pub fn item(id: &str, group: &str, size: i64) -> Item {
    Item {
        id: id.to_owned(),
        group: group.to_owned(),
        tags: Vec::new(),
        size,
    }
}

/// Puts an item and answers without waiting.
pub fn put(store: &Store, item: Item) -> state::Committed<()> {
    let put = store.transact(|tx| {
        tx.put(item);
        Ok::<_, StateError>(())
    });
    put.expect("within the limits")
}

pub fn items(head: &Head) -> Vec<Item> {
    head.scan::<Item>("")
        .map(|item| Item::clone(item))
        .collect()
}

pub fn ids(items: &[Arc<Item>]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}
