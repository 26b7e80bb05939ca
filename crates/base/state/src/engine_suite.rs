//! What every engine must do, as one function that each engine's tests run.
