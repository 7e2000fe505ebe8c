//! The fingerprint of a certificate, as people compare it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

const BYTES: usize = 32;

/// SHA-256 of a server's certificate in DER form.
///
/// It is written in hexadecimal pairs with colons between them (`AB:CD:…`, 95 characters), as browsers, openssl and the hub write it,
/// and read in that form or without the colons, in any case. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; BYTES]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                out.write_str(":")?;
            }
            write!(out, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Fingerprint({self})")
    }
}

/// A text is no SHA-256 fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 fingerprint: 32 pairs of hexadecimal digits are needed")]
pub struct InvalidFingerprint;

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let text = text.trim();
        // Either no colon at all or one between every two pairs: a text that lost a part of itself must not pass.
        let pairs: Vec<&str> = if text.contains(':') {
            text.split(':').collect()
        } else {
            (0..text.len()).step_by(2).map(|at| text.get(at..at + 2).unwrap_or_default()).collect()
        };
        let byte = |pair: &str| match pair.len() {
            // A sign would be taken as part of a number.
            2 if pair.bytes().all(|digit| digit.is_ascii_hexdigit()) => u8::from_str_radix(pair, 16).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = pairs.into_iter().map(byte).collect();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn it_is_written_as_openssl_writes_it() {
        // SHA-256 of nothing, from the standard's own examples.
        let empty = "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55";
        assert_eq!(Fingerprint::of(b"").to_string(), empty);
        let plain = empty.replace(':', "").to_lowercase();
        assert_eq!(format!(" {plain}\n").parse(), Ok(Fingerprint::of(b"")));
    }

    #[rstest]
    #[case("")]
    #[case("AB")]
    #[case("AB:CD")]
    #[case(&"+1".repeat(32))]
    #[case(&"é".repeat(32))]
    #[case(&"AB:".repeat(32))]
    #[case(&"ABC".repeat(32))]
    fn what_is_none_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Fingerprint>(), Err(InvalidFingerprint));
    }

    proptest! {
        #[test]
        fn it_is_read_as_it_was_written(certificate in any::<Vec<u8>>()) {
            let fingerprint = Fingerprint::of(&certificate);
            prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let read: Result<Fingerprint, _> = text.parse();
            prop_assert!(read.is_err() || text.len() >= 64);
        }
    }
}
