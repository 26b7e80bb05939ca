//! Task scale-in protection as the scheduler honours it.

use super::*;

#[tokio::test(start_paused = true)]
async fn protected_tasks_outlive_a_scale_in_until_the_protection_ends() {
    let mut cluster = Cluster::new().await;
    create(&cluster.world, cluster.request("web", 3)).await;
    cluster.settle().await;
    let list = ListTasksRequest {
        service_name: Some("web".into()),
        ..ListTasksRequest::default()
    };
    let listed = cluster.world.call::<op::ListTasks>(list.clone()).await;
    let mut protected = listed.unwrap().task_arns.unwrap();
    protected.truncate(2);
    protected.sort();
    let request = UpdateTaskProtectionRequest {
        cluster: Some("default".into()),
        tasks: Some(protected.clone()),
        protection_enabled: Some(true),
        expires_in_minutes: Some(10),
    };
    cluster
        .world
        .call::<op::UpdateTaskProtection>(request)
        .await
        .unwrap();
    let request = UpdateServiceRequest {
        desired_count: Some(1),
        ..of("web")
    };
    update(&cluster.world, request).await;
    cluster.pass(Duration::from_secs(60)).await;
    let listed = cluster.world.call::<op::ListTasks>(list).await;
    let mut left = listed.unwrap().task_arns.unwrap();
    left.sort();
    assert_eq!(left, protected);
    let service = describe(&cluster.world, "web").await;
    let told = messages(&service).into_iter().filter(|message| {
        message.ends_with(
            "was unable to scale in. Reason: The number of protected tasks are more than the desired count of tasks.",
        )
    });
    assert_eq!(told.count(), 1);

    cluster.pass(Duration::from_secs(600)).await;
    cluster.settle().await;
    assert_eq!(counts(&describe(&cluster.world, "web").await), (1, 0, 1));
}
