//! Images: fetched from registries, unpacked once a layer, shared by all that use the layer.

mod download;
mod garbage;
mod pull;
mod registry;
mod store;
mod unpack;

pub(crate) use garbage::InUse;
pub(crate) use pull::Puller;
pub(crate) use store::ImageStore;
