//! Events as a driver that has the key would send them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// One line: an event with its authentication code.
pub(crate) fn signed(nonce: &[u8; 32], json: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(nonce).unwrap();
    mac.update(json.as_bytes());
    let code = mac.finalize().into_bytes();
    let code: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{json} {code}\n").into_bytes()
}
