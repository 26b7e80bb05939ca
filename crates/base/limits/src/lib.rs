//! Every limit of Gantry, by name.
