//! What the fuzz targets share: HTTP requests as text, and shapes with everything that a model can say.

pub mod kitchen;
pub mod text;
