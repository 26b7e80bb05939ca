//! The operations. A file holds one verb, for all kinds of entity that have it.

mod access_keys;
mod account_summary;
mod attached_policies;
mod boundaries;
mod create_role;
mod delete_role;
mod group_members;
mod groups;
mod inline_policies;
mod instance_profiles;
mod list_entities_for_policy;
mod policies;
mod policy_versions;
mod roles;
mod service_linked_roles;
mod simulate;
mod tagging;
mod users;
