//! Digests by every implementation, beside those of the crate `sha2`.

use oci_image::oci_digest::{Hasher, Implementation};
use sha2::Digest as _;

/// How many messages there are at most: more than any implementation takes side by side.
const MESSAGES: usize = 9;

/// Each implementation gives the digests of `sha2`, of messages one after the other and side by side, wherever
/// they are split.
///
/// The first byte is their number. Then each has two bytes, how long it is and where it is split; all have the
/// rest of the input as content, again and again.
pub fn sha256(data: &[u8]) {
    let Some((number, rest)) = data.split_first() else { return };
    let number = usize::from(*number) % (MESSAGES + 1);
    let (numbers, content) = rest.split_at(rest.len().min(2 * number));
    let messages: Vec<_> =
        numbers.as_chunks().0.iter().map(|pair| message(*pair, content)).collect();
    let expected: Vec<_> = messages.iter().map(|(first, rest)| expected(first, rest)).collect();
    for implementation in Implementation::available() {
        let hashers = || vec![Hasher::sha256_by(implementation); messages.len()];
        let (mut alone, mut together) = (hashers(), hashers());
        for (hasher, (first, rest)) in alone.iter_mut().zip(&messages) {
            hasher.update(first);
            hasher.update(rest);
        }
        let firsts = messages.iter().map(|(first, _)| &first[..]);
        Hasher::update_many(together.iter_mut().zip(firsts));
        let rests = messages.iter().map(|(_, rest)| &rest[..]);
        Hasher::update_many(together.iter_mut().zip(rests));
        for hashers in [alone, together] {
            let digests = hashers.into_iter().map(|hasher| hasher.finish().to_string());
            assert_eq!(digests.collect::<Vec<_>>(), expected, "{implementation:?}");
        }
    }
}

/// A message in two parts, of less than twelve blocks.
fn message([length, split]: [u8; 2], content: &[u8]) -> (Vec<u8>, Vec<u8>) {
    // Steps of three end at every place in a block.
    let length = usize::from(length) * 3;
    let mut first: Vec<_> = content.iter().copied().cycle().take(length).collect();
    let rest = first.split_off(first.len() * usize::from(split) / 255);
    (first, rest)
}

fn expected(first: &[u8], rest: &[u8]) -> String {
    let digest = sha2::Sha256::new_with_prefix(first).chain_update(rest).finalize();
    let hexadecimal: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hexadecimal}")
}
