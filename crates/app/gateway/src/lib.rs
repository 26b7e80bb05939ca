//! One endpoint: listeners, protocol detection, SigV4, routing, websockets.
