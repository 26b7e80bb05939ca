//! Who is calling: credentials, access keys, and Signature Version 4 in both directions.
//!
//! Rules of signing come from AWS's "Create a signed AWS API request" (IAM user guide); words of
//! refusals are those AWS services answer with.

mod access_keys;
mod amz_date;
mod canonical;
mod credentials;
mod error;
mod root;
mod session;
mod sign;
mod signing_key;
mod verify;

pub use access_keys::{AccessKeyRecord, AccessKeys, FindAccessKey, KeyOwner};
pub use amz_date::AmzDate;
pub use canonical::{Payload, SignedRequest};
pub use credentials::Credentials;
pub use error::{IdentityError, SignatureError};
pub use root::{ROOT_CREDENTIALS_FILE, root_credentials};
pub use session::{SessionKeyRecord, SessionSeal};
pub use sign::{SigningScope, presign, sign};
pub use verify::{Expected, Verified, Verifier};
