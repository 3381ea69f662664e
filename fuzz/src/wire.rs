//! Frames between supervisor and worker, in both directions.

use std::fmt::Debug;
use std::sync::OnceLock;

use fumehood::sandbox::cgroup::Controllers;
use fumehood::sandbox::{Layer, Profile};
use fumehood::worker::wire::{
    FromWorker, MAX_FRAME, Setup, ToWorker, checked_length, decode, encode, receive,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bytes::Bytes;

/// What is read can be written and read again; a torn stream is told; no more is taken from it than one
/// frame; memory grows with what came, not with what was announced.
pub(crate) fn check(data: &[u8]) {
    both_ways::<FromWorker>(data);
    both_ways::<ToWorker>(data);
    // A real message with some of its bytes changed.
    let mut bytes = Bytes::new(data);
    let mut frame = setup().to_vec();
    while !bytes.is_empty() {
        let place = usize::from(bytes.byte());
        let length = frame.len();
        frame[place % length] = bytes.byte();
    }
    both_ways::<ToWorker>(&frame);
    both_ways::<ToWorker>(&frame[4..]);
}

fn setup() -> &'static [u8] {
    static FRAME: OnceLock<Vec<u8>> = OnceLock::new();
    FRAME.get_or_init(|| {
        let text = "name = 'own'\ndescription = 'd'\n[[tree]]\npath = '/a'\nreason = 'r'\n\
            [[syscall]]\nnames = ['read']\naction = 'allow'\nreason = 'r'\n";
        let profile = Profile::parse("own", text).expect("a profile");
        let setup = Setup {
            profiles: vec![profile],
            given_up: vec![Layer::Cgroup],
            cgroups: Controllers::default(),
        };
        encode(&ToWorker::Setup(setup)).expect("it is short")
    })
}

fn both_ways<T: DeserializeOwned + Serialize + Debug>(data: &[u8]) {
    if let Ok(message) = decode::<T>(data) {
        let frame = encode(&message).expect("what was read can be written");
        let again: T = decode(&frame[4..]).expect("what was written can be read");
        assert_eq!(format!("{again:?}"), format!("{message:?}"));
        let mut stream = frame.as_slice();
        assert!(matches!(receive::<T>(&mut stream), Ok(Some(_))) && stream.is_empty());
        for cut in [1, 3, 4, frame.len() - 1] {
            let cut = cut.min(frame.len() - 1);
            assert!(receive::<T>(&frame[..cut]).is_err(), "torn at {cut}");
        }
    }
    let mut stream = data;
    let received = receive::<T>(&mut stream);
    match data.first_chunk::<4>() {
        None if data.is_empty() => assert!(matches!(received, Ok(None))),
        None => assert!(received.is_err()),
        Some(announced) => {
            let length = u32::from_le_bytes(*announced) as usize;
            assert_eq!(checked_length(*announced).is_ok(), length <= MAX_FRAME);
            if received.is_ok() {
                assert_eq!(data.len() - stream.len(), length + 4);
            }
        }
    }
}
