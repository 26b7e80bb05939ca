//! Lifecycle policies (ECR user guide, "Automate the cleanup of images by using lifecycle policies").

mod plan;
mod policy;

pub use plan::{Expiry, Image, plan};
pub use policy::{Count, InvalidPolicy, Policy, Rule, Tags};
