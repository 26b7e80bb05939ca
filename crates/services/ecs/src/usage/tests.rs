use std::sync::Arc;

use clock::{Clock, UnixMillis};
use proptest::prelude::*;
use state::{MemoryEngine, Schema, StateError, Store};

use super::*;
use crate::records::{DesiredStatus, HealthStatus};

fn task(id: u8) -> TaskRecord {
    TaskRecord {
        account: "1".into(),
        region: "r".into(),
        cluster: "c".into(),
        id: format!("t{id}"),
        family: "f".into(),
        revision: 1,
        group: format!("family:{}", id % 2),
        service: None,
        deployment_id: None,
        started_by: None,
        launch_type: "EC2".into(),
        capacity_provider: None,
        platform_version: None,
        last_status: TaskStatus::Pending,
        desired_status: DesiredStatus::Running,
        health: HealthStatus::Unknown,
        containers: vec![],
        cpu_units: 10 + i64::from(id),
        memory_mib: 100,
        host_ports: vec![(80 + u16::from(id % 3), "tcp".into())],
        ephemeral_storage_gib: None,
        enable_execute_command: false,
        overrides: None,
        network_configuration: None,
        network_interface: None,
        container_instance_key: None,
        availability_zone: None,
        cpu_architecture: None,
        stop_code: None,
        stopped_reason: None,
        placement: None,
        placing: None,
        reference_id: None,
        protection_ends_at: None,
        tags: vec![],
        version: 1,
        created_at: UnixMillis(0),
        connected_at: None,
        pull_started_at: None,
        pull_stopped_at: None,
        started_at: None,
        stopping_at: None,
        execution_stopped_at: None,
        stopped_at: None,
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, Option<u8>, TaskStatus),
    Delete(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![
        Just(TaskStatus::Provisioning),
        Just(TaskStatus::Pending),
        Just(TaskStatus::Running),
        Just(TaskStatus::Stopping),
        Just(TaskStatus::Stopped),
    ];
    prop_oneof![
        4 => (0..6u8, proptest::option::of(0..3u8), status)
            .prop_map(|(id, node, status)| Step::Put(id, node, status)),
        1 => (0..6u8).prop_map(Step::Delete),
    ]
}

fn run(store: &Store, steps: &[Step], fails: bool) {
    let _ = store.transact(|tx| {
        for step in steps {
            match step {
                Step::Put(id, node, status) => tx.put(TaskRecord {
                    container_instance_key: node.map(|node| format!("n{node}")),
                    last_status: *status,
                    ..task(*id)
                }),
                Step::Delete(id) => {
                    tx.delete::<TaskRecord>(&state::Record::key(&task(*id)));
                }
            }
        }
        if fails {
            Err(StateError::Closed)
        } else {
            Ok(())
        }
    });
}

/// What the tasks in the table amount to, counted anew.
fn counted_anew(store: &Store) -> NodeUsage {
    let counted = store.read(|head| {
        let mut usage = NodeUsage::default();
        for task in head.scan::<TaskRecord>("") {
            usage.task(task, Index::hold);
        }
        usage
    });
    counted.head()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_view_equals_a_rebuild(
        transactions in proptest::collection::vec((proptest::collection::vec(any_step(), 1..6), any::<bool>()), 1..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let schema = Schema::new().table::<TaskRecord>().view::<NodeUsage>();
            let store = Store::open(Arc::new(MemoryEngine::new()), schema, Clock::system()).await.unwrap();
            for (steps, fails) in &transactions {
                run(&store, steps, *fails);
                let anew = counted_anew(&store);
                let same = store.read(|head| *head.view::<NodeUsage>() == anew).head();
                prop_assert!(same, "after {steps:?}");
            }
            Ok(())
        })?;
    }
}
