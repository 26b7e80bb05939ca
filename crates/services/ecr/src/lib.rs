//! The ECR API and the catalogue behind the registry.
