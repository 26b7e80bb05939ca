//! Log events by group and stream in bounded segment files.
