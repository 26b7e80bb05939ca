use proptest::prelude::*;

use super::{Query, Subject};

#[derive(Debug, Clone)]
struct Instance {
    attributes: Vec<(&'static str, &'static str)>,
    connected: bool,
    version: &'static str,
    ec2_instance_id: Option<&'static str>,
    registered_at: i64,
    running: usize,
    groups: Vec<&'static str>,
}

impl Subject for Instance {
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        all.find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }
    fn is_agent_connected(&self) -> bool {
        self.connected
    }
    fn agent_version(&self) -> &str {
        self.version
    }
    fn ec2_instance_id(&self) -> Option<&str> {
        self.ec2_instance_id
    }
    fn registered_at_unix_seconds(&self) -> i64 {
        self.registered_at
    }
    fn running_tasks(&self) -> usize {
        self.running
    }
    fn has_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.groups.iter().any(|group| test(group))
    }
}

fn instance() -> Instance {
    Instance {
        attributes: vec![
            ("ecs.instance-type", "t2.small"),
            ("ecs.availability-zone", "us-east-1a"),
            ("stack", "prod"),
            ("flag", ""),
            ("rack", "12"),
        ],
        connected: true,
        version: "1.14.4",
        ec2_instance_id: Some("i-abcd1234"),
        // 2018-02-12T00:00:00Z
        registered_at: 1_518_393_600,
        running: 1,
        groups: vec!["service:production", "family:web"],
    }
}

fn selects(expression: &str) -> bool {
    Query::parse(expression)
        .unwrap_or_else(|error| panic!("{expression}: {error}"))
        .selects(&instance())
}

#[test]
fn selects_as_the_guide_says() {
    for expression in [
        "attribute:ecs.instance-type == t2.small",
        "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]",
        "attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone != us-east-1d",
        "task:group == service:production",
        "not(task:group == database)",
        "runningTasksCount == 1",
        "agentVersion < 1.14.5",
        "registeredAt < 2018-02-13",
        "ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']",
        "(attribute:stack == test or attribute:stack == prod) and agentConnected == true",
        "attribute:ecs.instance-type =~ t2.* && task:group == service:production",
    ] {
        assert!(selects(expression), "{expression}");
        assert!(!selects(&format!("not ({expression})")), "{expression}");
        assert!(!selects(&format!("!({expression})")), "{expression}");
    }
}

#[test]
fn every_operator_by_both_names() {
    for (expression, expected) in [
        ("attribute:stack==prod", true),
        ("attribute:stack equals prod", true),
        ("attribute:stack != prod", false),
        ("attribute:stack not_equals prod", false),
        ("attribute:rack > 9", true),
        ("attribute:rack greater_than 12", false),
        ("attribute:rack >= 12", true),
        ("attribute:rack greater_than_equal 13", false),
        ("attribute:rack < 100", true),
        ("attribute:rack less_than 12", false),
        ("attribute:rack <= 12", true),
        ("attribute:rack less_than_equal 11", false),
        ("attribute:stack > pro", true),
        ("attribute:flag exists", true),
        ("attribute:flag !exists", false),
        ("attribute:flag == ''", true),
        ("attribute:none exists", false),
        ("attribute:none not_exists", true),
        ("attribute:stack in [test]", false),
        ("attribute:stack !in [test]", true),
        ("attribute:stack not_in [test, prod]", false),
        ("attribute:stack matches 'pr.d'", true),
        ("attribute:stack matches pr", false),
        ("attribute:stack !~ pr", true),
        ("attribute:stack not_matches .*", false),
        ("attribute:ecs.instance-type =~ (t2|m4)\\.[a-z]{5}", true),
        ("attribute:ecs.instance-type =~ (t3|m4).*", false),
        ("agentConnected in [true]", true),
        ("agentConnected =~ f.*", false),
        ("ec2InstanceId =~ i-.*", true),
        ("task:group =~ service:.*", true),
        ("task:group !~ service:.*", false),
        ("task:group in [family:web, x]", true),
        ("task:group exists", true),
    ] {
        assert_eq!(selects(expression), expected, "{expression}");
    }
}

#[test]
fn an_instance_without_the_attribute_equals_nothing() {
    assert!(!selects("attribute:none == x"));
    assert!(selects("attribute:none != x"));
    assert!(selects("attribute:none !in [x]"));
    assert!(!selects("attribute:none > 1"));
    assert!(!selects("attribute:none =~ .*"));
    let nameless = Instance {
        ec2_instance_id: None,
        groups: vec![],
        version: "",
        ..instance()
    };
    let selects = |text: &str| Query::parse(text).unwrap().selects(&nameless);
    assert!(!selects("ec2InstanceId =~ .*"));
    assert!(!selects("task:group exists"));
    assert!(selects("task:group != x"));
    assert!(!selects("agentVersion != 1.0.0"));
}

#[test]
fn versions_and_dates_have_an_order() {
    for (expression, expected) in [
        ("agentVersion >= 1.14", true),
        ("agentVersion > 1.9.10", true),
        ("agentVersion == 1.14.4.0", true),
        ("agentVersion != v1.14.4", false),
        ("agentVersion < 2", true),
        ("registeredAt == 2018-02-12", true),
        ("registeredAt == 2018-02-12T00:00:00", true),
        ("registeredAt == 2018-02-12T00:00:00Z", true),
        ("registeredAt == 2018-02-12T02:00:00+02:00", true),
        ("registeredAt <= 2018-02-11T23:59:59Z", false),
        ("runningTasksCount < 2", true),
        ("runningTasksCount != 1", false),
    ] {
        assert_eq!(selects(expression), expected, "{expression}");
    }
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    assert!(selects(
        "attribute:stack == prod or attribute:stack == x and attribute:stack == y"
    ));
    assert!(!selects(
        "(attribute:stack == prod || attribute:stack == x) && attribute:stack == y"
    ));
    assert!(selects(
        "not attribute:stack == x and attribute:stack == prod"
    ));
    assert!(selects("not not attribute:stack == prod"));
    assert!(selects(
        "!attribute:stack==x&&attribute:stack==prod||agentConnected==false"
    ));
    // Words of the language are words: `order` is not `or`.
    assert!(selects(
        "attribute:order !exists and attribute:android not_exists"
    ));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (expression, message) in [
        ("", "the expression is empty (at character 1)"),
        ("  ", "the expression is empty (at character 3)"),
        ("stack == prod", "'stack' is not a subject (at character 1)"),
        (
            "attribute: == prod",
            "'attribute:' is not a subject (at character 1)",
        ),
        (
            "task:family == x",
            "'task:family' is not a subject (at character 1)",
        ),
        (
            "attribute:stack",
            "an operator was expected (at character 16)",
        ),
        (
            "attribute:stack = prod",
            "an operator was expected (at character 17)",
        ),
        (
            "attribute:stack ==",
            "an argument is missing (at character 19)",
        ),
        (
            "attribute:stack == a b",
            "'and', 'or' or the end of the expression was expected (at character 22)",
        ),
        (
            "attribute:stack in prod",
            "a list in brackets was expected (at character 20)",
        ),
        (
            "attribute:stack in [a b]",
            "',' or ']' was expected (at character 23)",
        ),
        (
            "attribute:stack in []",
            "an argument is missing (at character 21)",
        ),
        (
            "(attribute:stack == a",
            "a closing parenthesis is missing (at character 22)",
        ),
        (
            "attribute:stack == 'a",
            "the quote that opens here does not close (at character 20)",
        ),
        (
            "agentVersion =~ 1.*",
            "the operator matches is not valid for agentVersion (at character 16)",
        ),
        (
            "agentVersion == new",
            "'new' is not a version (at character 20)",
        ),
        (
            "agentConnected > true",
            "the operator greater_than is not valid for agentConnected (at character 17)",
        ),
        (
            "agentConnected exists",
            "the operator exists is not valid for agentConnected (at character 22)",
        ),
        (
            "runningTasksCount == -1",
            "'-1' is not a number (at character 24)",
        ),
        (
            "registeredAt > yesterday",
            "'yesterday' is not a date (at character 25)",
        ),
        (
            "registeredAt > 2018-13-01",
            "'2018-13-01' is not a date (at character 26)",
        ),
        (
            "and attribute:stack == a",
            "'and' is not a subject (at character 1)",
        ),
    ] {
        let error = Query::parse(expression).expect_err(expression);
        assert_eq!(error.to_string(), message, "{expression}");
    }
    let looking_around = Query::parse("attribute:stack =~ (?!x).*").unwrap_err();
    assert!(
        looking_around.to_string().contains("look-around"),
        "{looking_around}"
    );
}

#[test]
fn everything_is_bounded() {
    let long = format!("attribute:stack == {}", "x".repeat(2000));
    assert!(Query::parse(&long).is_err());
    let deep = format!(
        "{}agentConnected == true{}",
        "(".repeat(500),
        ")".repeat(500)
    );
    assert!(
        Query::parse(&deep)
            .unwrap_err()
            .to_string()
            .contains("nest")
    );
    let negated = format!("{}agentConnected == true", "!".repeat(900));
    assert!(
        Query::parse(&negated)
            .unwrap_err()
            .to_string()
            .contains("nest")
    );
    let large = "attribute:stack =~ ((x{1,200}){1,200}){1,200}";
    assert!(
        Query::parse(large)
            .unwrap_err()
            .to_string()
            .contains("too large")
    );
}

/// Texts of the language's own letters, so that the parser comes further than by chance.
fn scraps() -> impl proptest::strategy::Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "attribute:stack",
        "task:group",
        "agentVersion",
        "registeredAt",
        "runningTasksCount",
        "agentConnected",
        "ec2InstanceId",
        "==",
        "!=",
        "=~",
        "!~",
        ">",
        "<=",
        "in",
        "!in",
        "exists",
        "!exists",
        "not_in",
        "matches",
        "and",
        "or",
        "not",
        "!",
        "&&",
        "||",
        "(",
        ")",
        "[",
        "]",
        ",",
        "'",
        "\"",
        "\\",
        " ",
        "prod",
        "1",
        "2018-01-01",
        "1.2.3",
        ".*",
        "é",
        "𝕏",
        "[a-",
        "(?",
        "{9",
    ]);
    prop::collection::vec(scrap, 0..24).prop_map(|scraps| scraps.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        if let Ok(query) = Query::parse(&text) {
            query.selects(&instance());
        }
    }

    #[test]
    fn no_scraps_make_it_panic(text in scraps()) {
        if let Ok(query) = Query::parse(&text) {
            query.selects(&instance());
        }
    }

    /// A literal comes back as it was written, whatever its letters, when it is quoted.
    #[test]
    fn quoted_arguments_are_whole(value in "[^'\\\\]{1,40}") {
        let value: &'static str = Box::leak(value.into_boxed_str());
        let holder = Instance { attributes: vec![("stack", value)], ..instance() };
        let selects = |text: String| Query::parse(&text).unwrap().selects(&holder);
        let equals = selects(format!("attribute:stack == '{value}'"));
        let is_in = selects(format!("attribute:stack in ['other', '{value}']"));
        prop_assert!(equals && is_in);
        let is_longer = selects(format!("attribute:stack == '{value}x'"));
        prop_assert!(!is_longer);
    }

    /// Boolean operators are those of logic, whatever they combine.
    #[test]
    fn combines_as_logic_does(
        left in atom(), right in atom(), third in atom(),
    ) {
        let whole = |text: String| selects(&text);
        let (a, b, c) = (whole(left.clone()), whole(right.clone()), whole(third.clone()));
        prop_assert_eq!(whole(format!("{left} and {right} or {third}")), a && b || c);
        prop_assert_eq!(whole(format!("{left} or {right} and {third}")), a || b && c);
        prop_assert_eq!(whole(format!("not ({left} and {right})")), !a || !b);
        prop_assert_eq!(whole(format!("not {left} && ({right} || {third})")), !a && (b || c));
    }
}

fn atom() -> impl proptest::strategy::Strategy<Value = String> {
    let subject = prop::sample::select(vec![
        "attribute:stack",
        "attribute:rack",
        "attribute:none",
        "task:group",
    ]);
    let operator = prop::sample::select(vec!["==", "!=", "=~", "!~"]);
    let value = prop::sample::select(vec!["prod", "12", "service:production", ".*", "x"]);
    (subject, operator, value)
        .prop_map(|(subject, operator, value)| format!("{subject} {operator} {value}"))
}
