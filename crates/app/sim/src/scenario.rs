//! A described cluster and what happens to it, played by the real server under virtual time: the same file gives the same
//! story, always. `docs/simulate.md` says what a file may say.

mod file;
mod play;
mod report;
mod script;
mod watch;

pub use file::{Event, Nodes, Scenario, ScenarioError, Service};
pub use play::play;
pub use report::{Aftermath, Entry, Failure, Kind, Lowest, Report, ServiceSummary};
