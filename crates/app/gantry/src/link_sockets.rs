//! The agents' websockets: the gateway opens them, ECS speaks over them. Neither knows the other.

use std::sync::Arc;

use gateway::{Ownership, ServerSocket, WebSocketHandler, WebSocketRequest};
use service_ecs::Ecs;
use wire::{Access, BoxFuture, Error};

/// `/acs/ws`.
pub struct AcsSocket(pub Arc<Ecs>);

/// `/tcs/ws`.
pub struct TcsSocket(pub Arc<Ecs>);

/// Which container instance belongs to which node, as the registrations say.
pub struct NodeOwnership(pub Arc<Ecs>);

impl WebSocketHandler for AcsSocket {
    fn access(&self, request: &WebSocketRequest) -> Access {
        self.0.acs_access(&request.caller, &request.query)
    }

    fn admit(&self, request: &WebSocketRequest) -> Result<(), Error> {
        self.0.admit_acs(&request.caller, &request.query)
    }

    fn open(
        self: Arc<Self>,
        request: WebSocketRequest,
        socket: ServerSocket,
    ) -> BoxFuture<'static, ()> {
        let ecs = Arc::clone(&self.0);
        let WebSocketRequest {
            caller,
            query,
            mut shutdown,
            ..
        } = request;
        Box::pin(async move {
            ecs.serve_acs(caller, &query, socket, shutdown.requested())
                .await;
        })
    }
}

impl WebSocketHandler for TcsSocket {
    fn access(&self, request: &WebSocketRequest) -> Access {
        self.0.tcs_access(&request.caller, &request.query)
    }

    fn admit(&self, request: &WebSocketRequest) -> Result<(), Error> {
        self.0.admit_tcs(&request.caller, &request.query)
    }

    fn open(
        self: Arc<Self>,
        request: WebSocketRequest,
        socket: ServerSocket,
    ) -> BoxFuture<'static, ()> {
        let ecs = Arc::clone(&self.0);
        let WebSocketRequest {
            caller,
            query,
            mut shutdown,
            ..
        } = request;
        Box::pin(async move {
            ecs.serve_tcs(caller, &query, socket, shutdown.requested())
                .await;
        })
    }
}

impl Ownership for NodeOwnership {
    fn owns(&self, node_id: &str, container_instance_arn: &str) -> bool {
        self.0
            .owns_container_instance(node_id, container_instance_arn)
    }
}
