//! The value of an expression for a row.

use std::cmp::Ordering;

use crate::expression::{Expression, Operator, Pattern, Rounding};
use crate::row::Row;
use crate::value::Value;

/// What an expression may look at.
pub(crate) struct Context<'a> {
    pub row: &'a Row,
    /// Values of a `stats`, by index.
    pub aggregates: &'a [Value],
    pub now_millis: i64,
}

impl Context<'_> {
    pub fn value(&self, expression: &Expression) -> Value {
        match expression {
            Expression::Value(value) => value.clone(),
            Expression::Field(name) => self.row.field(name),
            Expression::Not(operand) => Value::Bool(!self.is_true(operand)),
            Expression::Negative(operand) => {
                let number = self.value(operand).number();
                number.map_or(Value::Missing, |number| Value::Number(-number))
            }
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expression::Like(operand, pattern) => {
                let value = self.value(operand);
                let is_like = value.shown().is_some_and(|text| match pattern {
                    Pattern::Text(part) => text.contains(part.as_str()),
                    Pattern::Regex(regex) => regex.is_match(&text),
                });
                Value::Bool(is_like)
            }
            Expression::In(operand, list) => {
                let value = self.value(operand);
                let mut list = list.iter().map(|it| self.value(it));
                Value::Bool(list.any(|it| value.compare(&it) == Some(Ordering::Equal)))
            }
            Expression::Call(function, arguments) => {
                let arguments = arguments.iter().map(|it| self.value(it)).collect();
                function.apply(arguments, self.now_millis)
            }
            Expression::Round(rounding, of, period) => {
                let Some(millis) = self.value(of).number() else {
                    return Value::Missing;
                };
                Value::Time(match rounding {
                    Rounding::Floor => period.floor(millis as i64),
                    Rounding::Ceil => period.ceil(millis as i64),
                })
            }
            Expression::Aggregate(index) => {
                self.aggregates.get(*index).cloned().unwrap_or_default()
            }
        }
    }

    pub fn is_true(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Binary(Operator::And, left, right) => {
                self.is_true(left) && self.is_true(right)
            }
            Expression::Binary(Operator::Or, left, right) => {
                self.is_true(left) || self.is_true(right)
            }
            // Without a copy of the message.
            Expression::Like(operand, Pattern::Text(part)) if matches!(&**operand, Expression::Field(name) if name == "@message") => {
                match self.row.message() {
                    Some(message) => message.contains(part.as_str()),
                    None => self.value(expression).is_true(),
                }
            }
            other => self.value(other).is_true(),
        }
    }

    fn binary(&self, operator: Operator, left: &Expression, right: &Expression) -> Value {
        if matches!(operator, Operator::And | Operator::Or) {
            let left = self.is_true(left);
            let is_true = match operator {
                Operator::And => left && self.is_true(right),
                _ => left || self.is_true(right),
            };
            return Value::Bool(is_true);
        }
        let (left, right) = (self.value(left), self.value(right));
        let order = || left.compare(&right);
        let is_true = match operator {
            Operator::Equal => order() == Some(Ordering::Equal),
            // What is missing equals nothing.
            Operator::NotEqual => order() != Some(Ordering::Equal),
            Operator::Less => order() == Some(Ordering::Less),
            Operator::LessOrEqual => order().is_some_and(Ordering::is_le),
            Operator::Greater => order() == Some(Ordering::Greater),
            Operator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
            _ => return arithmetic(operator, left.number(), right.number()),
        };
        Value::Bool(is_true)
    }
}

fn arithmetic(operator: Operator, left: Option<f64>, right: Option<f64>) -> Value {
    let (Some(left), Some(right)) = (left, right) else {
        return Value::Missing;
    };
    let number = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
        _ => left.powf(right),
    };
    finite(number)
}

pub(crate) fn finite(number: f64) -> Value {
    if number.is_finite() {
        Value::Number(number)
    } else {
        Value::Missing
    }
}
