//! What left the hot tables: stopped tasks in segment files, by key and by time.
