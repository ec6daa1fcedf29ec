use oci_digest::{Algorithm, Digest, Hasher, Implementation};
use proptest::prelude::*;
use sha2::Digest as _;

/// Vectors of the Cryptographic Algorithm Validation Program of NIST. Of the long messages, those up to 20,000 bits.
const SHORT: &str = include_str!("cavp/SHA256ShortMsg.rsp");
const LONG: &str = include_str!("cavp/SHA256LongMsg.rsp");
const MONTE: &str = include_str!("cavp/SHA256Monte.rsp");

fn hash(implementation: Implementation, pieces: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Hasher::sha256_by(implementation);
    pieces.iter().for_each(|piece| hasher.update(piece));
    hex::decode(hasher.finish().encoded()).unwrap()
}

/// The values of lines `NAME = HEX`.
fn values<'a>(vectors: &'a str, name: &str) -> impl Iterator<Item = Vec<u8>> + use<'a> {
    let start = format!("{name} = ");
    vectors.lines().filter_map(move |line| Some(hex::decode(line.strip_prefix(&start)?).unwrap()))
}

/// The values of lines `Len = BITS`, in bytes.
fn lengths(vectors: &str) -> impl Iterator<Item = usize> {
    vectors
        .lines()
        .filter_map(|line| Some(line.strip_prefix("Len = ")?.parse::<usize>().unwrap() / 8))
}

// covers: IMG-DIG-09
#[test]
fn every_implementation_gives_the_published_hash_values() {
    let messages =
        |vectors| lengths(vectors).zip(values(vectors, "Msg")).zip(values(vectors, "MD"));
    let all: Vec<_> = messages(SHORT).chain(messages(LONG)).collect();
    assert_eq!(all.len(), 65 + 24);
    for implementation in Implementation::available() {
        for ((length, message), expected) in &all {
            let hash = hash(implementation, &[&message[..*length]]);
            assert_eq!(hash, *expected, "{implementation:?}, {length} bytes");
        }
    }
}

/// The chain of 100,000 hash values that "The Secure Hash Algorithm Validation System" describes.
#[test]
fn every_implementation_gives_the_published_chain() {
    for implementation in Implementation::available() {
        let mut seed = values(MONTE, "Seed").next().unwrap();
        for (count, expected) in values(MONTE, "MD").enumerate() {
            let mut last = [seed.clone(), seed.clone(), seed];
            for _ in 0..1000 {
                let [a, b, c] = last;
                let next = hash(implementation, &[&a, &b, &c]);
                last = [b, c, next];
            }
            [_, _, seed] = last;
            assert_eq!(seed, expected, "{implementation:?}, {count}");
        }
    }
}

#[test]
fn the_default_is_the_first_available_and_a_portable_one_is_always_there() {
    let names: Vec<_> = Implementation::available().map(Implementation::name).collect();
    assert_eq!(Implementation::default().name(), names[0]);
    assert!(names.contains(&"sha2"), "{names:?}");
}

/// How often each message is continued.
const PIECES: usize = 3;

/// A message in pieces, of which some are much longer than others.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![0..100_usize, 0..3000_usize]
        .prop_flat_map(|length| prop::collection::vec(any::<u8>(), length));
    prop::collection::vec(piece, PIECES)
}

#[test]
fn hashers_of_all_kinds_are_updated_together() {
    let algorithms = [Algorithm::Sha512, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha256];
    let content = [7; 1000];
    let mut hashers = algorithms.map(Hasher::new).to_vec();
    hashers.extend(Implementation::available().map(Hasher::sha256_by));
    Hasher::update_many(hashers.iter_mut().map(|hasher| (hasher, &content[..])));
    for hasher in hashers {
        let algorithm = hasher.algorithm();
        assert_eq!(hasher.finish(), Digest::of(algorithm, content));
    }
}

proptest! {
    #[test]
    fn every_implementation_agrees_with_sha2_however_the_message_is_split(
        message in prop::collection::vec(any::<u8>(), 0..2000),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(message.len() + 1)).collect();
        cuts.extend([0, message.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &message[cut[0]..cut[1]]).collect();
        let expected = sha2::Sha256::digest(&message).to_vec();
        for implementation in Implementation::available() {
            prop_assert_eq!(&hash(implementation, &pieces), &expected, "{:?}", implementation);
        }
    }
    #[test]
    fn messages_side_by_side_have_the_same_hash_values_as_alone(
        messages in prop::collection::vec(pieces(), 0..20),
    ) {
        for implementation in Implementation::available() {
            let mut hashers = vec![Hasher::sha256_by(implementation); messages.len()];
            for turn in 0..PIECES {
                let pieces = messages.iter().map(|pieces| &pieces[turn][..]);
                Hasher::update_many(hashers.iter_mut().zip(pieces));
            }
            for (hasher, pieces) in hashers.into_iter().zip(&messages) {
                let (hash, expected) = (hasher.finish(), sha2::Sha256::digest(pieces.concat()));
                prop_assert_eq!(hash.encoded(), hex::encode(expected), "{:?}", implementation);
            }
        }
    }
}
