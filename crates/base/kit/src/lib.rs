//! What every service crate shares: loops, pages, tags, fingerprints of requests, facts that services publish.

pub mod answer;
pub mod facts;
pub mod loops;
pub mod page;
pub mod tags;
pub mod token;

pub use loops::{Loop, LoopError, Next};
pub use page::{Page, paginate};
