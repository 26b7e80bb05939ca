//! Runs containers: images, bundles, and a shim process that owns each one.
