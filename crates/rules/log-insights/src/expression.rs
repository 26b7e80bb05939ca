//! Expressions: what they are, and how they are read.

use regex::Regex;

use crate::QueryError;
use crate::aggregate::Aggregate;
use crate::functions::Function;
use crate::period::Period;
use crate::scan::{MAX_DEPTH, Scanner, is_name_letter};
use crate::value::Value;

#[derive(Debug, Clone)]
pub(crate) enum Expression {
    Value(Value),
    Field(String),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Like(Box<Expression>, Pattern),
    In(Box<Expression>, Vec<Expression>),
    Call(Function, Vec<Expression>),
    /// `bin`, `datefloor`, `dateceil`.
    Round(Rounding, Box<Expression>, Period),
    /// The value of the n-th aggregate of a `stats`.
    Aggregate(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    Floor,
    Ceil,
}

#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    Text(String),
    Regex(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// Reads expressions; in a `stats` the aggregates that they hold come to a list of their own.
pub(crate) struct Expressions<'s, 'a> {
    pub scanner: &'s mut Scanner<'a>,
    pub aggregates: Option<Vec<Aggregate>>,
}

type Parsed = Result<Expression, QueryError>;

impl<'s, 'a> Expressions<'s, 'a> {
    pub fn plain(scanner: &'s mut Scanner<'a>) -> Self {
        let aggregates = None;
        Self {
            scanner,
            aggregates,
        }
    }

    pub fn parse(&mut self) -> Parsed {
        if self.scanner.depth >= MAX_DEPTH {
            return Err(self.scanner.error("the expression is nested too deep"));
        }
        self.scanner.depth += 1;
        let mut left = self.all()?;
        while self.scanner.take_word("or") || self.scanner.take("||") {
            left = binary(Operator::Or, left, self.all()?);
        }
        self.scanner.depth -= 1;
        Ok(left)
    }

    fn all(&mut self) -> Parsed {
        let mut left = self.negation()?;
        while self.scanner.take_word("and") || self.scanner.take("&&") {
            left = binary(Operator::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed {
        let mut count = 0;
        while self.scanner.take_word("not") {
            count += 1;
        }
        let operand = self.comparison()?;
        Ok(if count % 2 == 1 {
            not(operand)
        } else {
            operand
        })
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        let begin = self.scanner.position();
        let is_negated = self.scanner.take_word("not");
        let test = if self.scanner.take_word("like") {
            Some(Expression::Like(Box::new(left.clone()), self.pattern()?))
        } else if self.scanner.take_word("in") {
            Some(Expression::In(Box::new(left.clone()), self.list()?))
        } else {
            None
        };
        if let Some(test) = test {
            return Ok(if is_negated { not(test) } else { test });
        }
        self.scanner.go_back(begin);
        if self.scanner.take("=~") {
            return Ok(Expression::Like(Box::new(left), self.pattern()?));
        }
        let operators = [
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("==", Operator::Equal),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let found = operators
            .into_iter()
            .find(|(sign, _)| self.scanner.take(sign));
        match found {
            Some((_, operator)) => Ok(binary(operator, left, self.sum()?)),
            None => Ok(left),
        }
    }

    fn pattern(&mut self) -> Result<Pattern, QueryError> {
        if let Some(regex) = self.scanner.take_regex()? {
            return Ok(Pattern::Regex(regex));
        }
        match self.scanner.take_text()? {
            Some(text) => Ok(Pattern::Text(text)),
            None => Err(self
                .scanner
                .unexpected("a text in quotes or a regular expression between slashes")),
        }
    }

    fn list(&mut self) -> Result<Vec<Expression>, QueryError> {
        let closing = if self.scanner.take("[") {
            "]"
        } else {
            self.scanner.expect("(")?;
            ")"
        };
        let mut list = Vec::new();
        if self.scanner.take(closing) {
            return Ok(list);
        }
        loop {
            list.push(self.sum()?);
            if self.scanner.take(closing) {
                return Ok(list);
            }
            self.scanner.expect(",")?;
        }
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let operator = match self.scanner.peek() {
                Some('+') => Operator::Add,
                Some('-') => Operator::Subtract,
                _ => return Ok(left),
            };
            self.scanner
                .take(if operator == Operator::Add { "+" } else { "-" });
            left = binary(operator, left, self.product()?);
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.power()?;
        let operators = [
            ("*", Operator::Multiply),
            ("/", Operator::Divide),
            ("%", Operator::Remainder),
        ];
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.scanner.take(sign)) {
            left = binary(*operator, left, self.power()?);
        }
        Ok(left)
    }

    /// To the right: 2^3^2 is 2^9.
    fn power(&mut self) -> Parsed {
        let mut operands = vec![self.sign()?];
        while self.scanner.take("^") {
            operands.push(self.sign()?);
        }
        let mut right = operands.pop().unwrap_or(Expression::Value(Value::Missing));
        while let Some(left) = operands.pop() {
            right = binary(Operator::Power, left, right);
        }
        Ok(right)
    }

    fn sign(&mut self) -> Parsed {
        let mut is_negative = false;
        while self.scanner.take("-") {
            is_negative = !is_negative;
        }
        let operand = self.operand()?;
        Ok(match is_negative {
            true => Expression::Negative(Box::new(operand)),
            false => operand,
        })
    }

    fn operand(&mut self) -> Parsed {
        if self.scanner.take("(") {
            let inner = self.parse()?;
            self.scanner.expect(")")?;
            return Ok(inner);
        }
        if let Some(text) = self.scanner.take_text()? {
            return Ok(Expression::Value(Value::Text(text)));
        }
        let begin = self.scanner.position();
        if let Some(number) = self.scanner.take_number() {
            // A name may begin with a digit: `2xx`.
            if !self.scanner.rest().starts_with(is_name_letter) {
                return Ok(Expression::Value(Value::Number(number)));
            }
            self.scanner.go_back(begin);
        }
        let is_quoted = self.scanner.peek() == Some('`');
        let begin = self.scanner.position();
        let mut name = self.scanner.take_name()?;
        if !is_quoted && self.scanner.rest().trim_start().starts_with('(') {
            self.scanner.take("(");
            return self.call(&name, begin);
        }
        for (word, value) in [("true", true), ("false", false)] {
            if !is_quoted && name.eq_ignore_ascii_case(word) {
                return Ok(Expression::Value(Value::Bool(value)));
            }
        }
        let goes_on = |it: char| it == '`' || is_name_letter(it);
        // Elements of lists: `a[0].b` is `a.0.b`; parts of names may be quoted.
        loop {
            if self.scanner.rest().starts_with('[') {
                self.scanner.take("[");
                let key = match self.scanner.take_text()? {
                    Some(text) => text,
                    None => self.scanner.take_name()?,
                };
                self.scanner.expect("]")?;
                name = format!("{name}.{key}");
            } else if self.scanner.rest().starts_with(goes_on) {
                let part = self.scanner.take_name()?;
                name.push_str(&part);
            } else {
                return Ok(Expression::Field(name));
            }
        }
    }

    /// After `name(`.
    fn call(&mut self, name: &str, begin: usize) -> Parsed {
        let lower = name.to_ascii_lowercase();
        let rounding = match lower.as_str() {
            "bin" | "datefloor" => Some(Rounding::Floor),
            "dateceil" => Some(Rounding::Ceil),
            _ => None,
        };
        if let Some(rounding) = rounding {
            return self.rounding(lower == "bin", rounding);
        }
        if Aggregate::is_name(&lower) {
            return self.aggregate(&lower, begin);
        }
        let Some(function) = Function::named(&lower) else {
            let message = format!("invalid function name '{name}'");
            return Err(self.scanner.error_from(begin, message));
        };
        let arguments = self.arguments()?;
        if !function.takes().contains(&arguments.len()) {
            let message = format!("wrong number of arguments for '{name}'");
            return Err(self.scanner.error_from(begin, message));
        }
        Ok(Expression::Call(function, arguments))
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, QueryError> {
        let mut arguments = Vec::new();
        if self.scanner.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.parse()?);
            if self.scanner.take(")") {
                return Ok(arguments);
            }
            self.scanner.expect(",")?;
        }
    }

    fn rounding(&mut self, may_be_alone: bool, rounding: Rounding) -> Parsed {
        let begin = self.scanner.position();
        let mut of = Expression::Field("@timestamp".to_owned());
        let is_alone = may_be_alone && self.scanner.take_number().is_some();
        self.scanner.go_back(begin);
        if !is_alone {
            of = self.parse()?;
            self.scanner.expect(",")?;
        }
        let period = Period::parse(self.scanner)?;
        self.scanner.expect(")")?;
        Ok(Expression::Round(rounding, Box::new(of), period))
    }

    fn aggregate(&mut self, name: &str, begin: usize) -> Parsed {
        let Some(mut aggregates) = self.aggregates.take() else {
            let message = format!("'{name}' can only be used in stats");
            return Err(self.scanner.error_from(begin, message));
        };
        // No aggregate of aggregates.
        let arguments = if self.scanner.take("*") {
            self.scanner.expect(")")?;
            Vec::new()
        } else {
            self.arguments()?
        };
        let Some(aggregate) = Aggregate::new(name, arguments) else {
            let message = format!("wrong arguments for '{name}'");
            return Err(self.scanner.error_from(begin, message));
        };
        aggregates.push(aggregate);
        let index = aggregates.len() - 1;
        self.aggregates = Some(aggregates);
        Ok(Expression::Aggregate(index))
    }
}

fn binary(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Binary(operator, Box::new(left), Box::new(right))
}

fn not(operand: Expression) -> Expression {
    Expression::Not(Box::new(operand))
}
