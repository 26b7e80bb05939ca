use super::run;

const REQUESTS: [&str; 6] = [
    r#"{"level":"INFO","status":200,"path":"/a","ms":10,"user":{"name":"ann","roles":["x","y"]}}"#,
    r#"{"level":"ERROR","status":500,"path":"/b","ms":200}"#,
    r#"{"level":"INFO","status":200,"path":"/a","ms":30}"#,
    "plain text user=bob, method:GET, latency := 12",
    r#"{"level":"ERROR","status":404,"path":"/a","ms":20}"#,
    r#"{"level":"INFO","status":200,"path":"/b","ms":40}"#,
];

#[test]
fn the_newest_come_first_with_time_and_message() {
    let rows = run("fields @timestamp, @message | limit 2", &["a", "b", "c"]);
    assert_eq!(
        rows,
        [
            "@timestamp=1970-01-01 00:00:02.000|@message=c",
            "@timestamp=1970-01-01 00:00:01.000|@message=b",
        ]
    );
    assert_eq!(
        run("filter @message like 'a'", &["a"]),
        ["@timestamp=1970-01-01 00:00:00.000|@message=a"]
    );
    let rows = run("fields @log, @logStream, @ingestionTime", &["a"]);
    assert_eq!(
        rows,
        ["@log=123456789012:/ecs/demo|@logStream=stream-0|@ingestionTime=1970-01-01 00:00:00.005"]
    );
}

#[test]
fn filters() {
    let paths = |condition: &str| {
        run(
            &format!("fields status, ms | filter {condition} | sort ms"),
            &REQUESTS,
        )
        .len()
    };
    assert_eq!(paths("status = 200"), 3);
    assert_eq!(paths("status >= 400 and path = '/a'"), 1);
    assert_eq!(paths("status >= 400 or path = '/a'"), 4);
    assert_eq!(paths("not (status = 200)"), 3);
    assert_eq!(paths("level in ['ERROR', \"WARN\"]"), 2);
    assert_eq!(paths("level not in ['ERROR'] and ispresent(level)"), 3);
    assert_eq!(paths("@message like /user=\\w+/"), 1);
    assert_eq!(paths("@message like 'ERROR'"), 2);
    assert_eq!(paths("@message not like /(?i)error/"), 4);
    assert_eq!(paths("path =~ /^.b$/"), 2);
    assert_eq!(paths("user.name = 'ann'"), 1);
    assert_eq!(paths("user.roles.1 = 'y' and user.roles[0] = \"x\""), 1);
    assert_eq!(paths("`user.name` = 'ann'"), 1);
    assert_eq!(paths("ispresent(status) # and nothing else"), 5);
    assert_eq!(paths("ms / 10 = 2 + 1"), 1);
    // What is missing is unequal to everything, and not less or greater than anything.
    assert_eq!(paths("status != 200"), 3);
    assert_eq!(paths("status < 1000"), 5);
}

#[test]
fn stats_by_groups() {
    let rows = run(
        "stats count(*) as n, avg(ms), max(ms) by path | sort n desc",
        &REQUESTS,
    );
    assert_eq!(
        rows,
        [
            "path=/a|n=3|avg(ms)=20|max(ms)=30",
            "path=/b|n=2|avg(ms)=120|max(ms)=200",
            "n=1"
        ]
    );
    let rows = run(
        "filter ispresent(ms) | stats sum(ms), min(ms), count(), stddev(ms), pct(ms, 50), median(ms), pct(ms, 90)",
        &REQUESTS,
    );
    assert_eq!(
        rows,
        [
            "sum(ms)=300|min(ms)=10|count()=5|stddev(ms)=79.0569|pct(ms, 50)=30|median(ms)=30|pct(ms, 90)=200"
        ]
    );
    let rows = run(
        "stats count_distinct(path) as paths, earliest(status) as e, latest(status) as l",
        &REQUESTS,
    );
    assert_eq!(rows, ["paths=2|e=200|l=200"]);
    let rows = run(
        "stats sortsFirst(level) as f, sortsLast(level) as l",
        &REQUESTS,
    );
    assert_eq!(rows, ["f=ERROR|l=INFO"]);
    let rows = run(
        "stats sum(ms) / count(ms) as mean, max(ms) - min(ms) as span",
        &REQUESTS,
    );
    assert_eq!(rows, ["mean=60|span=190"]);
    let rows = run("stats count(*) by bin(2s)", &REQUESTS);
    assert_eq!(
        rows,
        [
            "bin(2s)=1970-01-01 00:00:00.000|count(*)=2",
            "bin(2s)=1970-01-01 00:00:02.000|count(*)=2",
            "bin(2s)=1970-01-01 00:00:04.000|count(*)=2",
        ]
    );
    assert_eq!(
        run("filter 1 = 2 | stats count(*) as n", &REQUESTS),
        ["n=0"]
    );
    assert!(run("filter 1 = 2 | stats count(*) as n by path", &REQUESTS).is_empty());
    // A second stats, over the first.
    let rows = run(
        "stats count(*) as n by path, level | stats max(n) as most",
        &REQUESTS,
    );
    assert_eq!(rows, ["most=2"]);
}

#[test]
fn parse_takes_apart() {
    let glob = "parse @message \"user=*, method:*, latency := *\" as who, method, latency | filter ispresent(who) | display who, method, latency";
    assert_eq!(run(glob, &REQUESTS), ["who=bob|method=GET|latency=12"]);
    let regex = r"parse @message /user=(?<who>\w+), method:(?<how>.*?),/ | stats count(*) as n by who, how | filter n > 0 and ispresent(who) and who != ''";
    assert_eq!(run(regex, &REQUESTS), ["who=bob|how=GET|n=1"]);
    assert_eq!(
        run(
            "parse 'user=*,' as who | filter who = 'bob' | display who",
            &REQUESTS
        ),
        ["who=bob"]
    );
    assert_eq!(
        run(
            "fields concat('a=', 'b') as t | parse t 'a=*' as v | display v",
            &["x"]
        ),
        ["v=b"]
    );
}

#[test]
fn sort_limit_dedup_display() {
    let rows = run(
        "fields path, ms | filter ispresent(ms) | sort ms desc | limit 2",
        &REQUESTS,
    );
    assert_eq!(rows, ["path=/b|ms=200", "path=/b|ms=40"]);
    let rows = run(
        "fields path, ms | filter ispresent(ms) | sort path asc, ms desc",
        &REQUESTS,
    );
    assert_eq!(rows[..2], ["path=/a|ms=30", "path=/a|ms=20"]);
    let rows = run(
        "fields path, ms | filter ispresent(path) | sort ms desc | dedup path",
        &REQUESTS,
    );
    assert_eq!(rows, ["path=/b|ms=200", "path=/a|ms=30"]);
    let rows = run(
        "fields path | filter ispresent(path) | dedup path",
        &REQUESTS,
    );
    assert_eq!(rows, ["path=/b", "path=/a"]);
    let rows = run(
        "fields path, ms | filter ispresent(path) | sort ms | display ms | limit 1",
        &REQUESTS,
    );
    assert_eq!(rows, ["ms=10"]);
    let rows = run("stats count(*) as n by level | display level", &REQUESTS);
    assert_eq!(rows.len(), 3);
}

#[test]
fn rows_without_a_limit_are_bounded_and_the_newest() {
    use log_insights::{Query, Run};
    let query = Query::parse("fields @message").expect("a query");
    let mut run = Run::new(query.into(), 3, super::NOW);
    for n in 0..100 {
        run.push(super::event(n, &n.to_string())).expect("taken");
    }
    let rows = run.finish().expect("results");
    let rows: Vec<_> = rows.iter().map(|row| row[0].1.as_str()).collect();
    assert_eq!(rows, ["99", "98", "97"]);
}

#[test]
fn what_a_query_needs_in_a_message_is_known() {
    let needle = |text: &str| {
        log_insights::Query::parse(text)
            .expect("a query")
            .needle()
            .map(str::to_owned)
    };
    assert_eq!(
        needle("filter @message like 'abc' and x = 1").as_deref(),
        Some("abc")
    );
    assert_eq!(
        needle("fields x | filter @message like 'ab' | filter @message like 'abc'").as_deref(),
        Some("abc")
    );
    for other in [
        "filter @message like 'a' or x = 1",
        "filter @message not like 'a'",
        "fields 'x' as @message | filter @message like 'x'",
        "parse 'a*' as @message | filter @message like 'x'",
        "stats count(*)",
    ] {
        assert_eq!(needle(other), None, "{other}");
    }
}

#[test]
fn fields_of_json_are_discovered() {
    let found = log_insights::discover(REQUESTS[0]);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "level",
            "ms",
            "path",
            "status",
            "user.name",
            "user.roles.0",
            "user.roles.1"
        ]
    );
    assert!(log_insights::discover("no json").is_empty());
    assert!(log_insights::discover("{ broken").is_empty());
}
