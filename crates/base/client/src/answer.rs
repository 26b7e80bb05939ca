//! The body of an answer, read whole and bounded.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use limits::CLIENT_ANSWER_BYTES;

use crate::{Client, Error};

impl Client {
    pub(crate) async fn read_answer(&self, body: Incoming) -> Result<Bytes, Error> {
        match Limited::new(body, CLIENT_ANSWER_BYTES).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Error::Answer {
                endpoint: self.shared.endpoint.to_string(),
                reason: format!("its body is longer than {CLIENT_ANSWER_BYTES} bytes"),
            }),
            Err(error) => Err(self.broken(error)),
        }
    }
}
