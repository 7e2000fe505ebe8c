//! The certificate a hub makes for itself, once, and keeps.

use std::{fs, path::PathBuf};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::{TlsError, machine_addresses, machine_names};
use crate::data_dir::{DataDir, write_private};

/// People trust this very certificate and no authority, so a short life would only make them trust another more often.
const YEARS: i64 = 10;

/// Where the certificate and its key lie.
pub(super) fn paths(data: &DataDir) -> (PathBuf, PathBuf) {
    (data.tls().join("certificate.pem"), data.tls().join("key.pem"))
}

/// Makes the pair when there is none. The key is written first: a crash in between leaves no certificate that nobody can use.
pub(super) fn make_once(data: &DataDir, now: Timestamp) -> Result<(), TlsError> {
    let (certificate, key) = paths(data);
    match (certificate.exists(), key.exists()) {
        (true, true) => return Ok(()),
        (true, false) => return Err(TlsError::HalfMissing(key)),
        // The key of a making that did not get further; nobody has seen its certificate.
        (false, _) => {}
    }
    let (certificate_pem, key_pem) = make(now)?;
    let unwritable = |path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::Unwritable { path, source }
    };
    fs::create_dir_all(data.tls()).map_err(unwritable(&data.tls()))?;
    write_private(&key, key_pem.as_bytes()).map_err(unwritable(&key))?;
    write_private(&certificate, certificate_pem.as_bytes()).map_err(unwritable(&certificate))
}

fn make(now: Timestamp) -> Result<(String, String), TlsError> {
    let failed = |error: rcgen::Error| TlsError::Making(error.to_string());
    let mut names = machine_names();
    names.extend(machine_addresses().iter().map(ToString::to_string));
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Cockpit hub");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let today = TimeZone::UTC.to_datetime(now).date();
    // A day earlier, for machines whose clock is behind.
    let (from, until) = (day(today.checked_sub(1.day())), day(today.checked_add(YEARS.years())));
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Year, month and day. Fails only at the end of the calendar, eight thousand years from now.
fn day(date: Result<Date, jiff::Error>) -> (i32, u8, u8) {
    let date = date.unwrap_or(Date::MAX);
    (date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
}
