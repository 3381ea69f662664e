//! Words that every other folder shares: ids, digests, limits, bounded text, owners, format versions.

pub mod digest;
pub mod id;
pub mod limits;
pub mod owner;
pub mod text;
pub mod version;
