//! Replaces the crate of the same name in the build scripts of `cust` and `cust_raw`, which would
//! demand a CUDA toolkit and link `libcuda`. `adastra-cuda` defines the driver's functions itself
//! and opens the driver when the first of them is called.

/// Nothing to include and nothing to link.
pub fn include_cuda() {}
