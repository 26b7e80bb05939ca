//! Moves between Availability Zones, in a small world where new tasks may fail.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    tests::{deployment, task, unhealthy, view},
    *,
};

fn spread(counts: &[usize], zones: &[&str]) -> ServiceView {
    let total: usize = counts.iter().sum();
    let mut service = view(i32::try_from(total).unwrap(), 100, 200);
    service.deployments = vec![DeploymentView {
        completed: true,
        ..deployment("new")
    }];
    for (position, count) in counts.iter().enumerate() {
        for number in 0..*count {
            let mut one = task(&format!("{position}-{number}"), "new", TaskStatus::Running);
            one.availability_zone = Some(zone(position));
            service.tasks.push(one);
        }
    }
    service.rebalance = Some(RebalanceView {
        zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
        under_way: None,
    });
    service
}

fn zone(position: usize) -> String {
    format!("z{position}")
}

fn by_zone(service: &ServiceView) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for task in service.tasks.iter().filter(|task| !task.stopping) {
        *counts
            .entry(task.availability_zone.clone().unwrap())
            .or_default() += 1;
    }
    counts
}

fn planned(service: &ServiceView) -> String {
    plan(service, UnixMillis(0)).to_string()
}

#[test]
fn a_move_starts_first_and_stops_in_the_fullest_zone() {
    let mut service = spread(&[3, 1], &["z0", "z1"]);
    assert_eq!(planned(&service), "start 1 in z1 (rebalancing)");
    let mut arriving = task("moved", "new", TaskStatus::Pending);
    arriving.availability_zone = Some("z1".into());
    service.tasks.push(arriving);
    let moving = |task: Option<&str>| {
        Some(MoveView {
            task: task.map(Into::into),
            not_before: None,
        })
    };
    service.rebalance.as_mut().unwrap().under_way = moving(Some("moved"));
    assert_eq!(
        planned(&service),
        "waits: 1 to start; waits: a task in another Availability Zone"
    );
    service.tasks[4].status = TaskStatus::Running;
    assert_eq!(
        planned(&service),
        "stop 0-2 (rebalancing); moved; waits: 1 to stop"
    );
    service.tasks.remove(2);
    service.rebalance.as_mut().unwrap().under_way = moving(None);
    assert_eq!(planned(&service), "steady; balanced");
}

#[test]
fn nothing_moves_without_need_room_or_rest() {
    assert_eq!(planned(&spread(&[2, 1], &["z0", "z1"])), "steady");
    assert_eq!(planned(&spread(&[3], &["z0"])), "steady");
    let mut full = spread(&[3, 1], &["z0", "z1"]);
    full.maximum_percent = 100;
    assert_eq!(planned(&full), "steady");
    let mut protected = spread(&[3, 1], &["z0", "z1"]);
    for task in protected.tasks.iter_mut().take(3) {
        task.protected = true;
    }
    assert_eq!(planned(&protected), "steady");
    let mut late = spread(&[3, 1], &["z0", "z1"]);
    late.rebalance.as_mut().unwrap().under_way = Some(MoveView {
        task: None,
        not_before: Some(UnixMillis(5)),
    });
    assert_eq!(planned(&late), "steady");
    assert_eq!(plan(&late, UnixMillis(0)).look_again, Some(UnixMillis(5)));
    // A new deployment ends it; its surplus is the deployment's.
    let mut deploying = spread(&[3, 1], &["z0", "z1"]);
    deploying.deployments.insert(0, deployment("newer"));
    deploying.rebalance.as_mut().unwrap().under_way = Some(MoveView {
        task: Some("moved".into()),
        not_before: None,
    });
    let step = plan(&deploying, UnixMillis(0)).rebalance;
    assert_eq!(step, Some(RebalanceStep::Forget));
}

#[test]
fn every_zone_that_lacks_a_task_is_named_the_poorest_first() {
    assert_eq!(
        planned(&spread(&[4, 1, 0, 3], &["z0", "z1", "z2", "z3"])),
        "start 1 in z2 or z1 (rebalancing)"
    );
}

#[test]
fn the_maximum_is_that_of_the_desired_count_while_a_task_arrives() {
    let mut service = spread(&[3, 1], &["z0", "z1"]);
    service.maximum_percent = 125;
    let mut arriving = task("moved", "new", TaskStatus::Pending);
    arriving.availability_zone = Some("z1".into());
    service.tasks.push(arriving);
    service.rebalance.as_mut().unwrap().under_way = Some(MoveView {
        task: Some("moved".into()),
        not_before: None,
    });
    // One is to be replaced, and five are there of five.
    service.tasks[0] = TaskView {
        availability_zone: Some("z0".into()),
        ..unhealthy("0-0")
    };
    assert_eq!(plan(&service, UnixMillis(0)).start, 0);
    service.maximum_percent = 150;
    assert_eq!(plan(&service, UnixMillis(0)).start, 1);
}

#[test]
fn a_task_that_does_not_come_up_ends_the_move() {
    let mut service = spread(&[3, 1], &["z0", "z1"]);
    service.rebalance.as_mut().unwrap().under_way = Some(MoveView {
        task: Some("moved".into()),
        not_before: None,
    });
    assert_eq!(planned(&service), "steady; give the move up");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However the tasks lie and whatever new ones do: never fewer healthy tasks than desired, never more than one beyond,
    /// every move is for the better, and at the end the zones are even and nothing moves any more.
    #[test]
    fn moves_come_to_an_end(
        counts in prop::collection::vec(0..8usize, 1..5),
        available in prop::collection::vec(any::<bool>(), 5),
        fails in prop::collection::vec(any::<bool>(), 0..12),
        protected in prop::collection::vec(prop::bool::weighted(0.2), 40),
    ) {
        let zones: Vec<String> = (0..counts.len()).filter(|zone| available[*zone]).map(zone).collect();
        let names: Vec<&str> = zones.iter().map(String::as_str).collect();
        let mut service = spread(&counts, &names);
        for (task, is_protected) in service.tasks.iter_mut().zip(&protected) {
            task.protected = *is_protected;
        }
        let desired = service.desired_count;
        let (mut now, mut made, mut moves) = (0, 0, 0);
        let mut fails = fails.into_iter();
        let squares = |service: &ServiceView| -> usize { by_zone(service).values().map(|count| count * count).sum() };
        let mut best = squares(&service);
        for _ in 0..600 {
            let plan = plan(&service, UnixMillis(now));
            if plan.is_empty() {
                match plan.look_again {
                    Some(UnixMillis(at)) => { now = at; continue; }
                    None => break,
                }
            }
            prop_assert_eq!(plan.start, 0, "{}", plan);
            for stop in &plan.stop {
                service.tasks.retain(|task| task.key != stop.key);
            }
            let under_way = &mut service.rebalance.as_mut().unwrap().under_way;
            match plan.rebalance {
                Some(RebalanceStep::Start { mut zones, .. }) => {
                    let zone = zones.remove(0);
                    made += 1;
                    let mut new = task(&format!("moved-{made}"), "new", TaskStatus::Running);
                    new.availability_zone = Some(zone);
                    *under_way = Some(MoveView { task: Some(new.key.clone()), not_before: None });
                    if !fails.next().unwrap_or(false) {
                        service.tasks.push(new);
                    }
                }
                Some(RebalanceStep::Moved) => {
                    moves += 1;
                    *under_way = Some(MoveView { task: None, not_before: None });
                    let after = squares(&service);
                    prop_assert!(after < best, "a move that does not help: {} to {}", best, after);
                    best = after;
                }
                Some(RebalanceStep::GiveUp) => {
                    let at = UnixMillis(now) + REBALANCE_AFTER;
                    *under_way = Some(MoveView { task: None, not_before: Some(at) });
                }
                Some(RebalanceStep::Forget | RebalanceStep::Balanced { .. }) => *under_way = None,
                None => {}
            }
            let healthy = i32::try_from(service.tasks.len()).unwrap();
            prop_assert!(healthy >= desired && healthy <= desired + 1);
        }
        let last = plan(&service, UnixMillis(now));
        prop_assert!(last.is_empty() && last.steady, "{}", last);
        prop_assert!(moves <= counts.iter().sum::<usize>());
        let after = by_zone(&service);
        let fewest = zones.iter().map(|zone| after.get(zone).copied().unwrap_or(0)).min();
        if let Some(fewest) = fewest {
            for (zone, count) in &after {
                let movable = service.tasks.iter().any(|task| {
                    task.availability_zone.as_ref() == Some(zone) && !task.protected
                });
                prop_assert!(!movable || *count <= fewest + 1, "{:?}", after);
            }
        }
    }
}
