//! Wave dark matter.
