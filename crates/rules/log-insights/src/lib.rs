//! The query language of CloudWatch Logs Insights over events that are handed in one after the other.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>. Commands: `fields`,
//! `display`, `filter`, `parse`, `stats`, `sort`, `dedup`, `limit`. Other commands of AWS are refused by name.

mod aggregate;
mod discover;
mod error;
mod evaluate;
mod expression;
mod functions;
mod parse;
mod period;
mod row;
mod run;
mod scan;
mod value;

pub use discover::discover;
pub use error::QueryError;
pub use parse::Query;
pub use row::LogEvent;
pub use run::{ResultRow, Run, RunError};
