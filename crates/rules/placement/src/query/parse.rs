//! Text → expression, by recursive descent: `or` of `and` of `not` of tests and parentheses.

use limits::{CLUSTER_QUERY_CHARACTERS, CLUSTER_QUERY_NESTING};

use super::{Comparison, Expression, Operator, Test, TextKind, TextTest, literal, scan::Scanner};

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at character {})", at + 1)]
pub struct QueryError {
    /// Characters before the place.
    at: usize,
    what: String,
}

impl QueryError {
    pub(super) fn at(at: usize, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
        }
    }
}

/// Two-letter signs before their one-letter beginnings, words before those that they begin with.
const OPERATORS: [(&str, Operator); 20] = [
    ("==", Operator::Compare(Comparison::Equal)),
    ("!=", Operator::Compare(Comparison::NotEqual)),
    ("=~", Operator::Matches { is_negated: false }),
    ("!~", Operator::Matches { is_negated: true }),
    (">=", Operator::Compare(Comparison::GreaterOrEqual)),
    ("<=", Operator::Compare(Comparison::LessOrEqual)),
    (">", Operator::Compare(Comparison::Greater)),
    ("<", Operator::Compare(Comparison::Less)),
    ("!exists", Operator::Exists { is_negated: true }),
    ("!in", Operator::In { is_negated: true }),
    ("equals", Operator::Compare(Comparison::Equal)),
    ("not_equals", Operator::Compare(Comparison::NotEqual)),
    (
        "greater_than_equal",
        Operator::Compare(Comparison::GreaterOrEqual),
    ),
    ("greater_than", Operator::Compare(Comparison::Greater)),
    (
        "less_than_equal",
        Operator::Compare(Comparison::LessOrEqual),
    ),
    ("less_than", Operator::Compare(Comparison::Less)),
    ("exists", Operator::Exists { is_negated: false }),
    ("not_exists", Operator::Exists { is_negated: true }),
    ("in", Operator::In { is_negated: false }),
    ("not_in", Operator::In { is_negated: true }),
];
const MATCH_WORDS: [(&str, Operator); 2] = [
    ("matches", Operator::Matches { is_negated: false }),
    ("not_matches", Operator::Matches { is_negated: true }),
];

/// All but `attribute:NAME`.
const SUBJECTS: [&str; 6] = [
    "agentConnected",
    "agentVersion",
    "ec2InstanceId",
    "registeredAt",
    "runningTasksCount",
    "task:group",
];

pub(super) fn parse(text: &str) -> Result<Expression, QueryError> {
    whole(text).map_err(|error| QueryError {
        // The scanner counts bytes.
        at: text
            .get(..error.at)
            .map_or(0, |before| before.chars().count()),
        ..error
    })
}

fn whole(text: &str) -> Result<Expression, QueryError> {
    if text.chars().count() > CLUSTER_QUERY_CHARACTERS {
        let what = format!("an expression has at most {CLUSTER_QUERY_CHARACTERS} characters");
        return Err(QueryError::at(0, what));
    }
    let mut scanner = Scanner::new(text);
    if scanner.is_at_end() {
        return Err(scanner.error("the expression is empty"));
    }
    let expression = any(&mut scanner, 0)?;
    if scanner.is_at_end() {
        return Ok(expression);
    }
    Err(scanner.error("'and', 'or' or the end of the expression was expected"))
}

fn any(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, QueryError> {
    let mut parts = vec![all(scanner, depth)?];
    while scanner.take_sign("||") || scanner.take_word("or") {
        parts.push(all(scanner, depth)?);
    }
    Ok(one_or(parts, Expression::Any))
}

fn all(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, QueryError> {
    let mut parts = vec![single(scanner, depth)?];
    while scanner.take_sign("&&") || scanner.take_word("and") {
        parts.push(single(scanner, depth)?);
    }
    Ok(one_or(parts, Expression::All))
}

fn one_or(
    mut parts: Vec<Expression>,
    many: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => many(parts),
    }
}

fn single(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, QueryError> {
    if depth > CLUSTER_QUERY_NESTING {
        return Err(scanner.error(format!(
            "expressions nest at most {CLUSTER_QUERY_NESTING} deep"
        )));
    }
    if scanner.take_sign("!") || scanner.take_word("not") {
        return Ok(Expression::Not(Box::new(single(scanner, depth + 1)?)));
    }
    if scanner.take_sign("(") {
        let inner = any(scanner, depth + 1)?;
        if !scanner.take_sign(")") {
            return Err(scanner.error("a closing parenthesis is missing"));
        }
        return Ok(inner);
    }
    test(scanner).map(Expression::Test)
}

fn test(scanner: &mut Scanner<'_>) -> Result<Test, QueryError> {
    let (at, subject) = scanner.take_subject();
    let attribute = subject
        .strip_prefix("attribute:")
        .filter(|name| !name.is_empty());
    if subject.is_empty() {
        return Err(QueryError::at(at, "a subject was expected"));
    }
    if attribute.is_none() && !SUBJECTS.contains(&subject) {
        return Err(QueryError::at(at, format!("'{subject}' is not a subject")));
    }
    let operator = operator(scanner)?;
    match (subject, attribute) {
        (_, Some(name)) => Ok(Test::Attribute {
            name: name.to_owned(),
            test: text_test(scanner, operator)?,
        }),
        ("agentVersion", _) => {
            let comparison = comparison(scanner, subject, operator)?;
            let version = typed(scanner, "a version", literal::Version::parse)?;
            Ok(Test::AgentVersion(comparison, version))
        }
        ("registeredAt", _) => {
            let comparison = comparison(scanner, subject, operator)?;
            let seconds = typed(scanner, "a date", literal::unix_seconds)?;
            Ok(Test::RegisteredAt(comparison, seconds))
        }
        ("runningTasksCount", _) => {
            let comparison = comparison(scanner, subject, operator)?;
            let count = typed(scanner, "a number", |text| text.parse().ok())?;
            Ok(Test::RunningTasksCount(comparison, count))
        }
        ("agentConnected", _) => {
            refuse_order(scanner, subject, operator)?;
            text_test(scanner, operator).map(Test::AgentConnected)
        }
        ("ec2InstanceId", _) => {
            refuse_order(scanner, subject, operator)?;
            text_test(scanner, operator).map(Test::Ec2InstanceId)
        }
        _ => text_test(scanner, operator).map(Test::TaskGroup),
    }
}

fn operator(scanner: &mut Scanner<'_>) -> Result<Operator, QueryError> {
    for (name, operator) in OPERATORS.iter().chain(&MATCH_WORDS) {
        let is_sign = !name.ends_with(|letter: char| letter.is_ascii_alphabetic());
        let is_next = match is_sign {
            true => scanner.take_sign(name),
            false => scanner.take_word(name),
        };
        if is_next {
            return Ok(*operator);
        }
    }
    Err(scanner.error("an operator was expected"))
}

/// The operators of subjects that have an order.
fn comparison(
    scanner: &Scanner<'_>,
    subject: &str,
    operator: Operator,
) -> Result<Comparison, QueryError> {
    match operator {
        Operator::Compare(comparison) => Ok(comparison),
        other => Err(not_for(scanner, subject, other)),
    }
}

/// The operators of subjects that are always there and have no order.
fn refuse_order(
    scanner: &Scanner<'_>,
    subject: &str,
    operator: Operator,
) -> Result<(), QueryError> {
    match operator {
        Operator::Compare(Comparison::Equal | Comparison::NotEqual)
        | Operator::In { .. }
        | Operator::Matches { .. } => Ok(()),
        other => Err(not_for(scanner, subject, other)),
    }
}

fn not_for(scanner: &Scanner<'_>, subject: &str, operator: Operator) -> QueryError {
    scanner.error(format!(
        "the operator {operator} is not valid for {subject}"
    ))
}

fn typed<T>(
    scanner: &mut Scanner<'_>,
    what: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, QueryError> {
    let argument = scanner.take_argument(false)?;
    read(&argument).ok_or_else(|| scanner.error(format!("'{argument}' is not {what}")))
}

fn text_test(scanner: &mut Scanner<'_>, operator: Operator) -> Result<TextTest, QueryError> {
    let (is_negated, kind) = match operator {
        Operator::Exists { is_negated } => (is_negated, TextKind::Exists),
        Operator::In { is_negated } => (is_negated, TextKind::In(list(scanner)?)),
        Operator::Matches { is_negated } => {
            let argument = scanner.take_argument(false)?;
            let pattern = literal::pattern(&argument).map_err(|why| {
                scanner.error(format!("the pattern '{argument}' is not valid: {why}"))
            })?;
            (is_negated, TextKind::Matches(pattern))
        }
        Operator::Compare(Comparison::Equal) => {
            (false, TextKind::Equals(scanner.take_argument(false)?))
        }
        Operator::Compare(Comparison::NotEqual) => {
            (true, TextKind::Equals(scanner.take_argument(false)?))
        }
        Operator::Compare(comparison) => (
            false,
            TextKind::Compares(comparison, scanner.take_argument(false)?),
        ),
    };
    Ok(TextTest { is_negated, kind })
}

fn list(scanner: &mut Scanner<'_>) -> Result<Vec<String>, QueryError> {
    if !scanner.take_sign("[") {
        return Err(scanner.error("a list in brackets was expected"));
    }
    let mut items = vec![];
    loop {
        items.push(scanner.take_argument(true)?);
        if scanner.take_sign("]") {
            return Ok(items);
        }
        if !scanner.take_sign(",") {
            return Err(scanner.error("',' or ']' was expected"));
        }
    }
}
