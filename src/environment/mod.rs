//! Python environments: found on the host, or made by `fumehood env create` from pinned lists.

pub mod interpreter;

pub use interpreter::Interpreter;
