//! The network as records: subnets, the addresses in use, and the arithmetic between them.
//!
//! Two services share it: EC2 shows it, and ECS gives addresses of it to tasks. Neither may import the other, so the
//! records are here, one floor below both. There is no record of a VPC: it is what its subnets have in common.

mod addresses;
mod records;
mod zone;

pub use addresses::{address_count, free_address, gateway};
pub use records::{AddressRecord, SubnetRecord};
pub use zone::zone_id;

use state::Schema;

/// Registers the tables. Both services do; the second time changes nothing.
pub fn schema(schema: Schema) -> Schema {
    schema.table::<SubnetRecord>().table::<AddressRecord>()
}
