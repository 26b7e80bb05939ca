//! Versions of one parameter: the newest is in the parameter's row, older ones in their own.

use std::sync::Arc;

use state::{Head, Tx};

use crate::records::{
    ParameterRecord, ParameterVersionRecord, Version, version_key, versions_prefix,
};
use crate::selector::Selector;

/// The version that a selector names.
pub(crate) fn find(
    head: &Head,
    key: &str,
    parameter: &ParameterRecord,
    selector: &Selector,
) -> Option<Version> {
    match selector {
        Selector::Latest => Some(parameter.latest.clone()),
        Selector::Number(number) if *number == parameter.latest.number => {
            Some(parameter.latest.clone())
        }
        Selector::Number(number) => head
            .get::<ParameterVersionRecord>(&version_key(key, *number))
            .map(|row| row.version.clone()),
        Selector::Label(label) => all(head, key, parameter)
            .into_iter()
            .find(|version| version.labels.contains(label)),
    }
}

/// All versions, the oldest first.
pub(crate) fn all(head: &Head, key: &str, parameter: &ParameterRecord) -> Vec<Version> {
    let older = head.scan::<ParameterVersionRecord>(&versions_prefix(key));
    let mut versions: Vec<Version> = older.map(|row| row.version.clone()).collect();
    versions.push(parameter.latest.clone());
    versions
}

/// Writes a version that is there already, with other labels.
pub(crate) fn put(tx: &mut Tx<'_>, key: &str, version: Version) {
    let is_latest = tx
        .get::<ParameterRecord>(key)
        .is_some_and(|parameter| parameter.latest.number == version.number);
    if is_latest {
        tx.update::<ParameterRecord>(key, |parameter| parameter.latest = version);
    } else {
        tx.put(ParameterVersionRecord {
            parameter: key.to_owned(),
            version,
        });
    }
}

/// Removes a parameter with all its versions: at most as many rows as a transaction may change.
pub(crate) fn delete(tx: &mut Tx<'_>, key: &str) -> bool {
    let older: Vec<String> = tx
        .scan::<ParameterVersionRecord>(&versions_prefix(key))
        .map(|row| version_key(key, row.version.number))
        .collect();
    for version in older {
        tx.delete::<ParameterVersionRecord>(&version);
    }
    tx.delete::<ParameterRecord>(key)
}

/// The oldest version, which has to go when one more comes.
pub(crate) fn oldest(head: &Head, key: &str) -> Option<Arc<ParameterVersionRecord>> {
    head.scan::<ParameterVersionRecord>(&versions_prefix(key))
        .next()
        .cloned()
}
