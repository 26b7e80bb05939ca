//! AWS protocols over static schemas: readers, writers, operations, errors.
