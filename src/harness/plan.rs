//! What a harness asks the sandbox to run.

/// A driver and its input, ready to be launched under any Python interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Source of the driver; it is handed to `python -c` through a bootstrap and never touches disk.
    pub driver: &'static str,
    /// The driver's input, a JSON document delivered on its own descriptor.
    pub payload: Vec<u8>,
    /// Key of the message authentication code that every event of this job carries.
    pub nonce: [u8; 32],
}
