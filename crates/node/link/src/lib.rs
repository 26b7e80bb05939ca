//! ACS and TCS messages, and the closed Docker API subset they carry.
