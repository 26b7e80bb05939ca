//! `versionConsistency`: a service revision's tasks run the images that its first task resolved the tags to.

use std::collections::BTreeMap;

use state::{Head, Record, Tx};

use crate::records::{RevisionImage, ServiceRecord, ServiceRevisionRecord, TaskRecord};

/// What the task's images are pinned to, by container name: nothing yet for the first of its revision.
pub(crate) fn of(head: &Head, task: &TaskRecord) -> BTreeMap<String, String> {
    let revision = revision_key(head, task).and_then(|key| head.get::<ServiceRevisionRecord>(&key));
    let images = revision.iter().flat_map(|revision| &revision.images);
    images
        .filter_map(|image| Some((image.container.clone(), image.digest.clone()?)))
        .collect()
}

/// Takes what a task's node says about its images for the whole revision, where nothing is known yet.
pub(crate) fn remember(tx: &mut Tx<'_>, task: &TaskRecord) {
    let Some(known) = revision_key(tx, task).and_then(|key| tx.get::<ServiceRevisionRecord>(&key))
    else {
        return;
    };
    let news = |image: &RevisionImage| {
        let mut containers = task.containers.iter();
        let container = containers.find(|container| container.name == image.container)?;
        container
            .image_digest
            .clone()
            .filter(|_| image.digest.is_none())
    };
    if !known.images.iter().any(|image| news(image).is_some()) {
        return;
    }
    let mut revision = ServiceRevisionRecord::clone(&known);
    for image in &mut revision.images {
        image.digest = news(image).or(image.digest.take());
    }
    tx.put(revision);
}

fn revision_key(head: &Head, task: &TaskRecord) -> Option<String> {
    let (service, deployment) = (task.service.as_ref()?, task.deployment_id.as_ref()?);
    let key = ServiceRecord::key_of(&task.account, &task.region, &task.cluster, service);
    let service = head.get::<ServiceRecord>(&key)?;
    let revision = service.deployment(deployment)?.revision.as_ref()?;
    Some(ServiceRevisionRecord::key_of(&service.key(), revision))
}
