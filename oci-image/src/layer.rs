//! Layers as streams of changes.
