//! One operation of a service: encode, sign, send, decode; again where asked.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use wire::Operation;

use crate::pool::Sender;
use crate::{Client, Error, full_body};

/// A request before it is signed: each attempt is signed with its own time.
struct Unsigned {
    parts: http::request::Parts,
    body: Bytes,
    service: &'static str,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Error> {
        let (parts, body) = wire::encode_request::<O>(&input).into_parts();
        let unsigned = Unsigned {
            parts,
            body: body.into(),
            service: O::SERVICE.signing_name,
        };
        let mut attempts_done = 0;
        loop {
            let result = self.attempt(&unsigned).await.and_then(|answer| {
                let Answer {
                    status,
                    headers,
                    body,
                } = answer;
                wire::decode_response::<O>(status, &headers, &body).map_err(|error| {
                    match (200..300).contains(&status) {
                        true => self.not_understood(error.message),
                        false => Error::Service(error),
                    }
                })
            });
            attempts_done += 1;
            let clock = &self.shared.clock;
            let pause = match &result {
                Err(error) if error.is_transient() => self.retries.pause(attempts_done, clock),
                _ => None,
            };
            match (result, pause) {
                (Err(error), Some(pause)) => {
                    tracing::debug!(%error, operation = O::SCHEMA.name, ?pause, "trying again");
                    clock.sleep(pause).await;
                }
                (result, _) => return result,
            }
        }
    }

    async fn attempt(&self, unsigned: &Unsigned) -> Result<Answer, Error> {
        let exchange = self.exchange(unsigned);
        let timed = self.shared.clock.timeout(self.call_timeout, exchange).await;
        timed.map_err(|_| self.timed_out(self.call_timeout))?
    }

    async fn exchange(&self, unsigned: &Unsigned) -> Result<Answer, Error> {
        let (sender, response) = self.send(self.signed(unsigned)).await?;
        let (parts, body) = response.into_parts();
        let body = self.read_answer(body).await?;
        self.shared.pool.put(sender, &self.shared.clock);
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    fn signed(&self, unsigned: &Unsigned) -> Request<crate::RequestBody> {
        let Unsigned {
            parts,
            body,
            service,
        } = unsigned;
        let mut headers = parts.headers.clone();
        let path_and_query = parts.uri.path_and_query().map_or("/", |uri| uri.as_str());
        self.sign(&parts.method, path_and_query, &mut headers, body, service);
        let mut request = Request::new(full_body(body.clone()));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = headers;
        request
    }

    /// A pooled connection may have been closed by the server meanwhile. Where nothing of the
    /// request went out, the next connection gets it.
    async fn send(
        &self,
        mut request: Request<crate::RequestBody>,
    ) -> Result<(Sender, Response<Incoming>), Error> {
        while let Some(mut sender) = self.shared.pool.take(&self.shared.clock).await {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((sender, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(self.broken(error.into_error())),
                },
            }
        }
        let mut sender = self.connect().await?;
        let response = sender.send_request(request).await;
        response
            .map(|response| (sender, response))
            .map_err(|error| self.broken(error))
    }

    fn not_understood(&self, reason: String) -> Error {
        Error::Answer {
            endpoint: self.shared.endpoint.to_string(),
            reason,
        }
    }
}
