//! What every service crate shares: loops, pages, tags, fingerprints of requests.

pub mod answer;
pub mod loops;
pub mod page;
pub mod tags;
pub mod token;

pub use loops::{Loop, LoopError, Next};
pub use page::{Page, paginate};
