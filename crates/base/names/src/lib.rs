//! ARNs, ids and the names of AWS's things.
