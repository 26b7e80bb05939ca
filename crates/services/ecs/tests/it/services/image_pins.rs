//! `versionConsistency`: what a revision's first task resolved, the later ones run.

use super::*;

fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

/// The next task comes, and runs with this digest; answers the image that it was told.
async fn start(cluster: &mut Cluster, letter: &str) -> String {
    let task = cluster.agent.payload(&cluster.world).await.remove(0);
    assert_eq!(task.desired_status.as_deref(), Some("RUNNING"));
    let container = ContainerStateChange {
        image_digest: Some(digest(letter)),
        ..container_change("app", "RUNNING")
    };
    cluster
        .agent
        .submit(
            &cluster.world,
            &task.arn.unwrap(),
            "RUNNING",
            vec![container],
        )
        .await
        .unwrap();
    task.containers[0].image.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn later_tasks_of_a_revision_run_what_its_first_one_did() {
    let mut cluster = Cluster::new().await;
    cluster.create("web", 1).await;
    assert_eq!(start(&mut cluster, "a").await, "demo:1");
    for desired in [2, 3] {
        let scaled = UpdateServiceRequest {
            desired_count: Some(desired),
            ..of("web")
        };
        update(&cluster.world, scaled).await;
        // Even if a node says something else now, the first one counts.
        let image = start(&mut cluster, "b").await;
        assert_eq!(image, format!("demo@{}", digest("a")));
    }
    let service = describe(&cluster.world, "web").await;
    let current = service.current_service_revisions.unwrap().remove(0);
    let request = DescribeServiceRevisionsRequest {
        service_revision_arns: Some(vec![current.arn.unwrap()]),
    };
    let answer = cluster
        .world
        .call::<op::DescribeServiceRevisions>(request)
        .await
        .unwrap();
    let images = answer.service_revisions.unwrap().remove(0).container_images;
    assert_eq!(images.unwrap()[0].image_digest, Some(digest("a")));

    let again = UpdateServiceRequest {
        force_new_deployment: Some(true),
        ..of("web")
    };
    update(&cluster.world, again).await;
    assert_eq!(
        start(&mut cluster, "c").await,
        "demo:1",
        "a new deployment asks anew"
    );
}
