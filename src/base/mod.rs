//! Words that every other folder shares: ids, digests, limits, bounded text, processes and what they
//! own, format versions.

pub mod digest;
pub mod id;
pub mod limits;
pub mod owner;
pub mod stat;
pub mod text;
pub mod version;
