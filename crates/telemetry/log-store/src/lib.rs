//! Log events by group and stream.
//!
//! Everything that is acknowledged is in a journal that all streams share: one fsync for whatever arrives together,
//! whichever streams it is for. Each stream's newest events are in memory as well, and go as compressed blocks into
//! segment files of the stream when there are enough of them, or when the journal has grown too long and is folded
//! away. So a thousand streams cost one open file and one fsync, and reading one stream touches its files only.
//!
//! ```text
//! journal/00000007.log          what is not yet folded (journal.rs)
//! catalogue.bin                 groups, streams and how far each is folded (catalogue.rs)
//! streams/3f/1a2f/00000001.seg  blocks of one stream (segment.rs)
//! ```

mod arrivals;
mod catalogue;
mod codec;
mod commit;
mod error;
mod journal;
mod read;
mod scan;
mod search;
mod segment;
mod settings;
mod store;
mod stream;

pub use arrivals::Arrivals;
pub use error::LogStoreError;
pub use read::{Cursor, Direction, ReadRequest};
pub use scan::{Scan, ScanRequest, Scanned};
pub use search::{Matcher, SearchCursor, SearchPage, SearchRequest, StreamSelection};
pub use settings::GroupSettings;
pub use store::{GroupInfo, LogStore, NewEvent, StreamInfo};
pub use stream::Event;
