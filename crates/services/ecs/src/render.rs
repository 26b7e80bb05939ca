//! Records → API shapes: the one place that knows how the API shows them.
