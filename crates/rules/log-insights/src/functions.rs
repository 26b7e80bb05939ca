//! What can be called: general, numeric, string, time, JSON and address functions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use serde_json::Value as Json;

use crate::evaluate::finite;
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Abs,
    Ceil,
    Coalesce,
    Concat,
    Floor,
    FromMillis,
    Greatest,
    IsBlank,
    IsEmpty,
    IsIpInSubnet,
    IsIpv4InSubnet,
    IsIpv6InSubnet,
    IsPresent,
    IsValidIp,
    IsValidIpv4,
    IsValidIpv6,
    JsonParse,
    JsonStringify,
    Least,
    Log,
    LeftTrim,
    Now,
    Replace,
    RightTrim,
    Sqrt,
    StringContains,
    StringLength,
    Substring,
    ToLower,
    ToMillis,
    ToUpper,
    Trim,
}

impl Function {
    /// `name` in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "abs" => Self::Abs,
            "ceil" => Self::Ceil,
            "coalesce" => Self::Coalesce,
            "concat" => Self::Concat,
            "floor" => Self::Floor,
            "frommillis" => Self::FromMillis,
            "greatest" => Self::Greatest,
            "isblank" => Self::IsBlank,
            "isempty" => Self::IsEmpty,
            "isipinsubnet" => Self::IsIpInSubnet,
            "isipv4insubnet" => Self::IsIpv4InSubnet,
            "isipv6insubnet" => Self::IsIpv6InSubnet,
            "ispresent" => Self::IsPresent,
            "isvalidip" => Self::IsValidIp,
            "isvalidipv4" => Self::IsValidIpv4,
            "isvalidipv6" => Self::IsValidIpv6,
            "jsonparse" => Self::JsonParse,
            "jsonstringify" => Self::JsonStringify,
            "least" => Self::Least,
            "log" => Self::Log,
            "ltrim" => Self::LeftTrim,
            "now" => Self::Now,
            "replace" => Self::Replace,
            "rtrim" => Self::RightTrim,
            "sqrt" => Self::Sqrt,
            "strcontains" => Self::StringContains,
            "strlen" => Self::StringLength,
            "substr" => Self::Substring,
            "tolower" => Self::ToLower,
            "tomillis" => Self::ToMillis,
            "toupper" => Self::ToUpper,
            "trim" => Self::Trim,
            _ => return None,
        })
    }

    /// How many arguments.
    pub fn takes(self) -> RangeInclusive<usize> {
        match self {
            Self::Now => 0..=0,
            Self::Coalesce | Self::Concat | Self::Greatest | Self::Least => 1..=100,
            Self::LeftTrim | Self::RightTrim | Self::Trim => 1..=2,
            Self::IsIpInSubnet | Self::IsIpv4InSubnet | Self::IsIpv6InSubnet => 2..=2,
            Self::StringContains => 2..=2,
            Self::Substring => 2..=3,
            Self::Replace => 3..=3,
            _ => 1..=1,
        }
    }

    pub fn apply(self, arguments: Vec<Value>, now_millis: i64) -> Value {
        let mut arguments = arguments.into_iter();
        let first = match self {
            Self::Coalesce => return arguments.find(|it| !it.is_missing()).unwrap_or_default(),
            Self::Concat => return Value::Text(arguments.map(|it| it.text()).collect()),
            Self::Greatest => return extreme(arguments, f64::max),
            Self::Least => return extreme(arguments, f64::min),
            Self::Now => return Value::Number((now_millis / 1000) as f64),
            _ => arguments.next().unwrap_or_default(),
        };
        match self {
            Self::IsPresent => return Value::Bool(!first.is_missing()),
            Self::IsEmpty => return Value::Bool(first.text().is_empty()),
            Self::IsBlank => return Value::Bool(first.text().trim().is_empty()),
            Self::StringLength if first.is_missing() => return Value::Number(0.0),
            _ if first.is_missing() => return Value::Missing,
            _ => {}
        }
        let numeric = |function: fn(f64) -> f64| {
            let number = first.number();
            number.map_or(Value::Missing, |number| finite(function(number)))
        };
        match self {
            Self::Abs => numeric(f64::abs),
            Self::Ceil => numeric(f64::ceil),
            Self::Floor => numeric(f64::floor),
            Self::Log => numeric(f64::ln),
            Self::Sqrt => numeric(f64::sqrt),
            Self::ToMillis => numeric(|number| number),
            Self::FromMillis => {
                let number = first.number();
                number.map_or(Value::Missing, |millis| Value::Time(millis as i64))
            }
            Self::JsonParse => match serde_json::from_str(&first.text()) {
                Ok(json @ (Json::Object(_) | Json::Array(_))) => Value::Json(json),
                _ => Value::Missing,
            },
            Self::JsonStringify => Value::Text(match first {
                Value::Text(text) => Json::String(text).to_string(),
                other => other.text(),
            }),
            _ => self.of_text(&first.text(), &arguments.collect::<Vec<_>>()),
        }
    }

    fn of_text(self, text: &str, more: &[Value]) -> Value {
        let argument = |index: usize| more.get(index).map(Value::text).unwrap_or_default();
        let letters = || argument(0);
        match self {
            Self::ToLower => Value::Text(text.to_lowercase()),
            Self::ToUpper => Value::Text(text.to_uppercase()),
            Self::StringLength => Value::Number(text.chars().count() as f64),
            Self::StringContains => Value::Bool(text.contains(&argument(0))),
            Self::Replace if argument(0).is_empty() => Value::Text(text.to_owned()),
            Self::Replace => Value::Text(text.replace(&argument(0), &argument(1))),
            Self::Trim | Self::LeftTrim | Self::RightTrim => {
                let letters = letters();
                let is_cut = |it: char| match more.is_empty() {
                    true => it.is_whitespace(),
                    false => letters.contains(it),
                };
                let mut trimmed = text;
                if self != Self::RightTrim {
                    trimmed = trimmed.trim_start_matches(is_cut);
                }
                if self != Self::LeftTrim {
                    trimmed = trimmed.trim_end_matches(is_cut);
                }
                Value::Text(trimmed.to_owned())
            }
            Self::Substring => {
                let count = |index: usize| {
                    let number = more.get(index).and_then(Value::number);
                    number.map(|number| number.max(0.0) as usize)
                };
                let characters = text.chars().skip(count(0).unwrap_or(0));
                Value::Text(characters.take(count(1).unwrap_or(usize::MAX)).collect())
            }
            Self::IsValidIp => Value::Bool(text.parse::<IpAddr>().is_ok()),
            Self::IsValidIpv4 => Value::Bool(text.parse::<Ipv4Addr>().is_ok()),
            Self::IsValidIpv6 => Value::Bool(text.parse::<Ipv6Addr>().is_ok()),
            Self::IsIpInSubnet => Value::Bool(is_in_subnet(text, &argument(0)).is_some()),
            Self::IsIpv4InSubnet => {
                let found = is_in_subnet(text, &argument(0));
                Value::Bool(found.is_some_and(|address| address.is_ipv4()))
            }
            Self::IsIpv6InSubnet => {
                let found = is_in_subnet(text, &argument(0));
                Value::Bool(found.is_some_and(|address| address.is_ipv6()))
            }
            _ => Value::Missing,
        }
    }
}

fn extreme(arguments: impl Iterator<Item = Value>, choose: fn(f64, f64) -> f64) -> Value {
    let numbers = arguments.filter_map(|it| it.number());
    numbers.reduce(choose).map_or(Value::Missing, Value::Number)
}

/// The address, when the subnet (`10.0.0.0/8`) holds it.
fn is_in_subnet(address: &str, subnet: &str) -> Option<IpAddr> {
    let address: IpAddr = address.trim().parse().ok()?;
    let (network, prefix) = subnet.split_once('/')?;
    let prefix: u32 = prefix.parse().ok()?;
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let network: IpAddr = network.parse().ok()?;
    let ((left, width), (right, network_width)) = (bits(address), bits(network));
    if width != network_width || prefix > width {
        return None;
    }
    let differ = left ^ right;
    let is_in = prefix == 0 || differ >> (width - prefix) == 0;
    is_in.then_some(address)
}
