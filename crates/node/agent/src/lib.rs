//! A node's agent: joins over ACS, runs tasks, and tells the truth about them.

mod backoff;
mod engine;
