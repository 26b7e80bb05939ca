use log_filter::{FilterPattern, FilterPatternError};

fn matches(pattern: &str, message: &str) -> bool {
    let pattern =
        FilterPattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    pattern.matches(message)
}

fn all(pattern: &str, yes: &[&str], no: &[&str]) {
    for message in yes {
        assert!(
            matches(pattern, message),
            "{pattern} should match {message}"
        );
    }
    for message in no {
        assert!(
            !matches(pattern, message),
            "{pattern} should not match {message}"
        );
    }
}

fn refused(pattern: &str) -> FilterPatternError {
    match FilterPattern::parse(pattern) {
        Err(error) => error,
        Ok(parsed) => panic!("{pattern} was taken as {parsed:?}"),
    }
}

#[test]
fn terms() {
    all("", &["anything", ""], &[]);
    all("  ", &[""], &[]);
    all("ERROR", &["[ERROR] it broke", "XERRORX"], &["error"]);
    all("ERROR broke", &["broke: ERROR"], &["ERROR"]);
    all("\"it broke\"", &["so it broke"], &["broke it"]);
    all(r#""say \"hi\"""#, &[r#"they say "hi""#], &["say hi"]);
    all("ERROR -debug", &["ERROR"], &["ERROR debug"]);
    all("-debug", &["x"], &["a debug line"]);
    all("?ERROR ?WARN", &["WARN", "ERROR"], &["INFO"]);
    all("?\"a b\" ?c", &["xa by", "c"], &["ab"]);
    // Beside other terms those with a question mark mean nothing.
    all("?ERROR fatal", &["fatal"], &["ERROR"]);
}

#[test]
fn regular_expressions_among_terms() {
    all(
        "%AUTHORIZED%",
        &["[ERROR 401] UNAUTHORIZED REQUEST"],
        &["x"],
    );
    all(
        r"%\d{3} ms$%",
        &["took 123 ms"],
        &["took 12 ms", "123 ms x"],
    );
    all("?%^a% ?%z$%", &["abc", "xyz"], &["bza"]);
    all("x -%[0-9]%", &["x y"], &["x 1"]);
    assert_eq!(refused("%a!%"), FilterPatternError::RegexCharacter('!'));
    assert_eq!(refused("%(a)%"), FilterPatternError::RegexCharacter('('));
    assert_eq!(refused("%a"), FilterPatternError::RegexEnd(1));
    assert_eq!(refused("%[a%"), FilterPatternError::Regex("[a".to_owned()));
    assert_eq!(refused("%%"), FilterPatternError::Regex(String::new()));
}

#[test]
fn what_is_no_pattern_is_refused() {
    assert_eq!(refused("a:b"), FilterPatternError::Characters("a:b".into()));
    assert_eq!(refused("\"open"), FilterPatternError::Quotes(1));
    for pattern in [
        "{",
        "{}",
        "{ $.a }",
        "{ $.a = }",
        "{ a = 1 }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a = 1 } x",
        "{ $ = 1 }",
        "{ $.a IS x }",
        "{ $.a NOT x }",
        "{ $.a[x] = 1 }",
        "{ $.a = 1 | $.b = 2 }",
        "[a",
        "[a b]",
        "[a = ]",
        "[a, ] x",
        "[..., a, ...]",
        "[a = 1 && b = 2]",
        "[(a]",
        "{ $.a = %x% || $.b = %y% || $.c = %z% }",
    ] {
        let error = refused(pattern).to_string();
        assert!(error.starts_with("Invalid filter pattern"), "{error}");
    }
    let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(60), ")".repeat(60));
    assert_eq!(refused(&deep), FilterPatternError::TooDeep);
}

const TRAIL: &str = r#"{
  "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
  "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
  "SomeObject": null, "ThisFlag": true, "Off": false, "cluster.name": "c", "latency": 150.5, "code": "200"
}"#;

#[test]
fn json_by_the_guide() {
    let holds = |pattern: &str| matches(pattern, TRAIL);
    for pattern in [
        r#"{ $.eventType = "UpdateTrail" }"#,
        "{ $.eventType = UpdateTrail }",
        "{ $.eventType = Update* }",
        r#"{ $.eventType = "*Tr*l" }"#,
        "{ $.eventType = %Update[A-Z]% }",
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = 111.111.* }",
        r#"{ $.arrayKey[0] = "value" }"#,
        r#"{ $.arrayKey[*] = "another value" }"#,
        "{ $.objectList[1].id = 2 }",
        "{ $.objectList[*].name = b }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.eventType EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.Off is false }",
        "{ $.['cluster.name'] = c }",
        r#"{ $["cluster.name"] = "c" }"#,
        "{ $.latency > 150 && $.latency <= 1.505e2 }",
        "{ $.latency = 150.5 }",
        "{ $.latency != 1 }",
        "{ $.code = 200 }",
        r#"{ $.latency = "*" }"#,
        "{ ($.eventType = x || $.eventType = UpdateTrail) && $.ThisFlag IS TRUE }",
        // && binds stronger.
        "{ $.eventType = UpdateTrail || $.eventType = x && $.eventType = y }",
        "{$.eventType=UpdateTrail&&$.Off IS FALSE}",
        "{ $.* = UpdateTrail }",
    ] {
        assert!(holds(pattern), "{pattern}");
    }
    for pattern in [
        "{ $.eventType = updatetrail }",
        "{ $.missing = x }",
        "{ $.missing != x }",
        "{ $.eventType NOT EXISTS }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.latency < 150 }",
        "{ $.eventType > 1 }",
        "{ $.arrayKey[2] = value }",
        "{ ($.eventType = x || $.eventType = UpdateTrail) && $.Off IS TRUE }",
    ] {
        assert!(!holds(pattern), "{pattern}");
    }
    all(
        "{ $.a = 1 }",
        &[r#"{"a":1}"#],
        &["a 1", "{", "", r#"{"a":2}"#, "1"],
    );
}

const LINE: &str =
    r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;

#[test]
fn space_delimited_by_the_guide() {
    let holds = |pattern: &str| matches(pattern, LINE);
    for pattern in [
        "[ip, id, user, timestamp, request, status_code, bytes]",
        "[ip, id, user, timestamp, request, status_code = 404, bytes]",
        "[ip, id, user, timestamp, request = *.html*, status_code = 4*, bytes]",
        "[ip, id, user, timestamp, request, status_code != 3*, bytes > 1000]",
        "[ip, user, ..., status_code = 4*, bytes]",
        "[..., bytes > 1533 && bytes < 1.535e3]",
        "[ip = 127.*, ...]",
        "[...]",
        "[ip,,,,request=\"GET *\",,]",
        "[ip = %^127%, ...]",
        "[..., status_code = 500 || status_code = 404, bytes]",
        "[..., (status_code = 404), bytes]",
    ] {
        assert!(holds(pattern), "{pattern}");
    }
    for pattern in [
        "[ip, id, user, timestamp, request, status_code]",
        "[ip, id, user, timestamp, request, status_code, bytes, more]",
        "[..., status_code = 200, bytes]",
        "[..., bytes < 1000]",
        "[]",
    ] {
        assert!(!holds(pattern), "{pattern}");
    }
    all(
        "[w1 = ERROR || w1 = %WARN%, w2]",
        &["ERROR x", "XWARN y"],
        &["INFO x", "ERROR"],
    );
    all(
        "[w1 != ERROR && w1 != WARN, w2]",
        &["INFO x"],
        &["ERROR x", "WARN x"],
    );
}

#[test]
fn what_is_extracted() {
    let extract = |pattern: &str, message: &str| {
        let pattern = FilterPattern::parse(pattern).expect("a pattern");
        let values = pattern.extract(message)?.into_iter();
        Some(
            values
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("|"),
        )
    };
    assert_eq!(extract("ERROR", "ERROR").as_deref(), Some(""));
    assert_eq!(extract("ERROR", "x"), None);
    let json = extract(
        "{ $.latency > 1 || $.none = 1 || $.arrayKey[*] = x }",
        TRAIL,
    );
    assert_eq!(json.as_deref(), Some("$.arrayKey[*]=value|$.latency=150.5"));
    let fields = extract("[ip, ..., status = 4*, bytes]", LINE).expect("matches");
    assert!(fields.contains("$ip=127.0.0.1|$status=404"), "{fields}");
    assert!(
        fields.contains("$2=-|$3=frank|$4=10/Oct/2000:13:25:15 -0700|$5=GET /index.html HTTP/1.0"),
        "{fields}"
    );
}
