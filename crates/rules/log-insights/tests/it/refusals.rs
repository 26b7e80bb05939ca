use log_insights::Query;

#[test]
fn what_is_no_query_is_refused_where_it_is_wrong() {
    for (query, start, part) in [
        ("", 0, "unexpected end"),
        ("fields", 6, "unexpected end"),
        ("nonsense x", 0, "expected a command"),
        ("fields @message | ", 18, "expected a command"),
        ("fields @message |", 17, "expected a command"),
        ("filter x = ", 11, "unexpected end"),
        ("filter (x = 1", 13, "expected ')'"),
        ("filter x like", 13, "expected a text in quotes"),
        ("filter x like /(/", 14, "regular expression"),
        ("filter x like /a", 14, "does not end"),
        ("filter 'abc", 7, "does not end"),
        ("fields nope(x)", 7, "invalid function name 'nope'"),
        ("fields strlen()", 7, "wrong number of arguments"),
        ("filter count(*) > 1", 7, "only be used in stats"),
        ("stats x", 7, "at least one aggregate"),
        ("stats pct(x)", 6, "wrong arguments"),
        ("stats sum(max(x))", 10, "only be used in stats"),
        ("limit x", 6, "whole number"),
        ("limit 0", 7, "whole number"),
        (
            "parse @message 'a * b *' as x",
            15,
            "2 wildcards and 1 names",
        ),
        ("parse @message /abc/", 15, "named group"),
        ("stats count(*) by bin(5 parsecs)", 22, "no unit of time"),
        ("pattern @message", 0, "not supported by Gantry"),
        ("fields a ] b", 9, "unexpected symbol found ']'"),
    ] {
        let error = Query::parse(query).expect_err(query);
        assert!(error.message.contains(part), "{query}: {error}");
        assert_eq!(error.start, start, "{query}: {error}");
        assert!(error.end >= error.start, "{query}: {error}");
    }
    let deep = format!("filter {}1{}", "(".repeat(100), ")".repeat(100));
    assert!(
        Query::parse(&deep)
            .expect_err("refused")
            .message
            .contains("too deep")
    );
}
