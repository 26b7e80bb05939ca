//! An OCI distribution v2 registry over content-addressed files.
