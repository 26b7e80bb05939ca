//! CPU and memory.

use ecs_rules::task_definition::{normalise, size};

use crate::support::{Container, *};

#[test]
fn cpu_and_memory() {
    let task = |cpu: &str, memory: &str| {
        with(plain(), |request| {
            request.cpu = Some(cpu.into());
            request.memory = Some(memory.into());
        })
    };
    let sized = |change: fn(&mut Container)| first(plain(), change);
    let two = with(task("256", "512"), |request| {
        let half = |name: &str| Container {
            cpu: Some(200),
            memory: Some(300),
            ..container(name)
        };
        request.container_definitions = Some(vec![half("a"), half("b")]);
    });
    all_refused(vec![
        (task("127", "512"), "Invalid 'cpu' setting for task."),
        (task("196609", "512"), "Invalid 'cpu' setting for task."),
        (task("fast", "512"), "Invalid 'cpu' setting for task."),
        (task("-256", "512"), "Invalid 'cpu' setting for task."),
        (task("0.3 vCPU", "512"), "Invalid 'cpu' setting for task."),
        (task("256", "a lot"), "Invalid 'memory' setting for task."),
        (task("256", "0"), "Invalid 'memory' setting for task."),
        (task("256", "1 TB"), "Invalid 'memory' setting for task."),
        (
            sized(|it| it.memory = None),
            "At least one of 'memory' or 'memoryReservation' must be specified.",
        ),
        (sized(|it| it.memory = Some(5)), "at least 6"),
        (sized(|it| it.memory_reservation = Some(5)), "at least 6"),
        (
            sized(|it| it.memory_reservation = Some(129)),
            "'memory' must be greater than or equal to 'memoryReservation'",
        ),
        (sized(|it| it.cpu = Some(-1)), "negative"),
        (
            first(task("256", "512"), |it| it.memory = Some(513)),
            "The 'memory' setting for container is greater than for the task.",
        ),
        (
            first(task("256", "512"), |it| it.cpu = Some(257)),
            "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
        ),
        (two.clone(), "The sum of all container 'cpu' values"),
        (
            with(two, |request| request.cpu = Some("512".into())),
            "The sum of all container 'memory' values",
        ),
    ]);
    all_taken(vec![
        task("128", "512"),
        task("196608", "1 GB"),
        sized(|it| (it.memory, it.memory_reservation) = (None, Some(64))),
        sized(|it| it.memory_reservation = Some(128)),
        first(task("256", "512"), |it| it.memory = None),
    ]);
}

#[test]
fn spellings_of_sizes() {
    for (text, units) in [
        ("256", 256),
        ("1 vCPU", 1024),
        ("1vcpu", 1024),
        (".5 vCPU", 512),
        ("0.25VCPU", 256),
        (" 2 vCPU ", 2048),
    ] {
        assert_eq!(size::parse_cpu(text), Some(units), "{text}");
    }
    for (text, mib) in [
        ("512", 512),
        ("1GB", 1024),
        ("0.5 GB", 512),
        ("1.5gb", 1536),
        ("30 GB", 30_720),
    ] {
        assert_eq!(size::parse_memory(text), Some(mib), "{text}");
    }
    for text in [
        "",
        " ",
        "vCPU",
        ". vCPU",
        "1.2.3 vCPU",
        "+1 vCPU",
        "1e3",
        "1 GB",
        "256.0",
        "NaN vCPU",
        "inf vCPU",
    ] {
        assert_eq!(size::parse_cpu(text), None, "{text}");
    }
    let definition = normalise(with(fargate(), |request| {
        request.cpu = Some("1 vCPU".into());
        request.memory = Some("2 GB".into());
    }))
    .unwrap();
    assert_eq!(
        (definition.cpu.as_deref(), definition.memory.as_deref()),
        (Some("1024"), Some("2048"))
    );
}

#[test]
fn every_size_of_fargate_and_no_other() {
    let gib = |values: Vec<i64>| {
        values
            .into_iter()
            .map(|gib| gib * 1024)
            .collect::<Vec<i64>>()
    };
    let table: Vec<(i64, Vec<i64>)> = vec![
        (256, vec![512, 1024, 2048]),
        (512, gib((1..=4).collect())),
        (1024, gib((2..=8).collect())),
        (2048, gib((4..=16).collect())),
        (4096, gib((8..=30).collect())),
        (8192, gib((16..=60).step_by(4).collect())),
        (16_384, gib((32..=120).step_by(8).collect())),
        (32_768, gib(vec![60, 120, 244])),
    ];
    for (cpu, memories) in &table {
        for mib in (0..=256 * 1024).step_by(256) {
            assert_eq!(
                size::is_fargate_size(*cpu, mib),
                memories.contains(&mib),
                "{cpu} with {mib}"
            );
        }
        for memory in memories {
            let request = with(fargate(), |request| {
                request.cpu = Some(cpu.to_string());
                request.memory = Some(memory.to_string());
            });
            all_taken(vec![request]);
        }
    }
}
