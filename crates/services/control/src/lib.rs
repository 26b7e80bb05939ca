//! Gantry's own API: joining nodes, image import, explanations.
