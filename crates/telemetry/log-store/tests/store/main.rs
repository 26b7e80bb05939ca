//! The log store against a model, over restarts and crashes.

mod crash;
mod following;
mod model;
mod reading;
mod retention;
mod searching;
