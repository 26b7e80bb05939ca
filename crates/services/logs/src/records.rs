//! What is set of a log group, and queries that were saved. The log store keeps it with the group, so both come and go in one write.

use api_logs::types::{LogGroupClass, MetricFilter, QueryDefinition};
use kit::tags::Tags;
use log_store::GroupSettings;
use serde::{Deserialize, Serialize};
use state::Record;
use wire::{Error, Stored};

use crate::Logs;
use crate::answer::store_error;
use crate::group::Group;

/// Written by the operations on the group, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    #[serde(skip)]
    pub retention_days: Option<u32>,
    #[serde(default)]
    pub tags: Tags,
    /// `None`: STANDARD.
    #[serde(default)]
    pub class: Option<String>,
    #[serde(default)]
    pub is_deletion_protected: bool,
    /// In order of name.
    #[serde(default)]
    pub metric_filters: Vec<Stored<MetricFilter>>,
}

/// A saved query. Written by PutQueryDefinition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct QueryDefinitionRecord {
    /// `{account}/{region}/`.
    pub scope: String,
    pub definition: Stored<QueryDefinition>,
}

impl Record for QueryDefinitionRecord {
    const TABLE: &'static str = "logs_query_definitions";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        let id = self.definition.query_definition_id.as_deref();
        format!("{}{}", self.scope, id.unwrap_or_default())
    }
}

impl GroupRecord {
    pub fn class(&self) -> LogGroupClass {
        let class = self.class.as_deref().map(LogGroupClass::from);
        class.unwrap_or(LogGroupClass::STANDARD)
    }

    /// Of what the store gave.
    pub fn of(settings: &GroupSettings) -> Result<Self, Error> {
        let record = match settings.document.as_slice() {
            [] => Self::default(),
            document => ciborium::from_reader(document).map_err(|error| {
                tracing::error!(%error, "what is set of a log group cannot be read");
                Error::internal("The settings of the log group cannot be read.")
            })?,
        };
        Ok(Self {
            retention_days: settings.retention_days,
            ..record
        })
    }

    pub fn settings(&self) -> Result<GroupSettings, Error> {
        let mut document = Vec::new();
        ciborium::into_writer(self, &mut document).map_err(|error| {
            tracing::error!(%error, "what is set of a log group cannot be written");
            Error::internal("The settings of the log group cannot be written.")
        })?;
        Ok(GroupSettings {
            retention_days: self.retention_days,
            document,
        })
    }
}

impl Logs {
    pub(crate) fn group_record(&self, group: &Group) -> Result<GroupRecord, Error> {
        let settings = self.store.group_settings(&group.key);
        GroupRecord::of(&settings.map_err(store_error)?)
    }

    /// Durable when it returns.
    pub(crate) async fn update_group<T>(
        &self,
        group: &Group,
        change: impl FnOnce(&mut GroupRecord) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let _one_after_the_other = self.settings.lock().await;
        let mut record = self.group_record(group)?;
        let value = change(&mut record)?;
        let set = self.store.set_group(&group.key, record.settings()?).await;
        set.map_err(store_error)?;
        Ok(value)
    }
}
