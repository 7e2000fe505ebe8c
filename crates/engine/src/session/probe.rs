//! What stands at an address, and whether it fits this app.

use std::time::Duration;

use cockpit_domain::{AppError, ErrorCode};
use cockpit_supabase::{Client, ClientOptions, Error, Fingerprint};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{
    Trust, address,
    failure::{https_required, not_a_server, sign_in_error, unreachable, with_address},
};

/// Every wait for the network ends after this.
pub(crate) const NETWORK_TIMEOUT: Duration = Duration::from_secs(20);

/// The oldest schema that has all that this app calls.
const SCHEMA_OLDEST: u32 = 13;
/// Schemas grow additively, so a newer one is understood; a change that breaks older apps begins at the next full thousand.
const SCHEMA_BREAKS_AT: u32 = 1000;

/// What stands at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    /// A hub, which tells its key.
    Hub {
        /// The key that admits a client.
        anon_key: String,
    },
    /// A Supabase project, whose key a person has to give.
    Supabase,
}

/// What was found at an address as typed.
pub(crate) struct Found {
    /// The address in full.
    pub(crate) address: Url,
    /// The certificate to insist on there.
    pub(crate) pinned: Option<Fingerprint>,
    /// What it is.
    pub(crate) probed: Probed,
}

/// Finds out what stands at an address as typed. A near one without a scheme is asked by plain HTTP first, unless a certificate was
/// trusted there before; a server that then says it speaks TLS only is asked again with it.
///
/// # Errors
/// `server_unreachable` when nobody answers, `not_a_cockpit_server` when it is something else, `untrusted_certificate` and
/// `certificate_changed` with the fingerprint.
pub(crate) async fn find(typed: &str, trust: &Trust) -> Result<Found, AppError> {
    let mut url = address::complete(typed)?;
    let secured = if typed.contains("://") { None } else { secured(&url) };
    if let Some(secured) = secured.as_ref().filter(|secured| trust.knows(secured)) {
        url = secured.clone();
    }
    let outcome = match (probe(&url, trust.pinned(&url)).await, secured) {
        (Err(error), Some(secured)) if is_https_required(&error) => {
            url = secured;
            probe(&url, trust.pinned(&url)).await
        }
        (outcome, _) => outcome,
    };
    let probed = outcome.map_err(|error| with_address(told(&error), &url))?;
    Ok(Found { pinned: trust.pinned(&url), address: url, probed })
}

/// The code with which a hub answers plain HTTP where it speaks TLS.
const HTTPS_REQUIRED: &str = "https_required";

/// The same address with TLS.
fn secured(url: &Url) -> Option<Url> {
    let mut secured = url.clone();
    secured.set_scheme("https").ok().map(|()| secured)
}

fn told(error: &Error) -> AppError {
    match error {
        error if is_https_required(error) => https_required(),
        Error::InvalidUrl { .. } => sign_in_error(error),
        Error::Http { status: 500.., .. } => unreachable(error),
        error if is_unheard(error) => unreachable(error),
        _ => not_a_server(),
    }
}

/// Whether nobody answered, or nobody who is trusted.
fn is_unheard(error: &Error) -> bool {
    matches!(
        error,
        Error::Network { .. }
            | Error::Timeout
            | Error::Closed
            | Error::Tls { .. }
            | Error::InvalidUrl { .. }
            | Error::UntrustedCertificate { .. }
            | Error::CertificateChanged { .. }
    )
}

async fn probe(url: &Url, pinned: Option<Fingerprint>) -> Result<Probed, Error> {
    let client = client(url, "", pinned)?;
    match client.get_json::<HubInfo>("hub/v1/info", None).await {
        Ok(info) if info.product == "cockpit-hub" => return Ok(Probed::Hub { anon_key: info.anon_key }),
        Err(error) if is_https_required(&error) || is_unheard(&error) => return Err(error),
        // Whoever answers otherwise may still be a Supabase project.
        _ => {}
    }
    match client.get_json::<Value>("auth/v1/health", None).await {
        Ok(health) if health.get("name").and_then(Value::as_str) == Some("GoTrue") => Ok(Probed::Supabase),
        Ok(_) => Err(Error::Decode { what: "auth/v1/health".into(), message: "it is not GoTrue's".into() }),
        // The gateway of a project asks for the key before anything else, in JSON.
        Err(Error::Auth { status: 401, .. }) => Ok(Probed::Supabase),
        Err(Error::Http { status: 401, body }) if body.contains("API key") || body.contains("apikey") => {
            Ok(Probed::Supabase)
        }
        Err(error) => Err(error),
    }
}

fn is_https_required(error: &Error) -> bool {
    matches!(error, Error::Postgrest { code, .. } if code == HTTPS_REQUIRED)
}

/// A client of the server that insists on the pinned certificate, where there is one.
///
/// # Errors
/// When the address or this machine's TLS cannot be used.
pub(crate) fn client(url: &Url, anon_key: &str, pinned: Option<Fingerprint>) -> Result<Client, Error> {
    Client::new(ClientOptions {
        timeout: NETWORK_TIMEOUT,
        pinned_certificate: pinned,
        ..ClientOptions::new(url.clone(), anon_key)
    })
}

/// Whether the server's schema fits this app.
///
/// # Errors
/// `schema_missing`, `schema_too_old`, `schema_too_new`, `key_needed`, or why it could not be asked.
pub(crate) async fn check_schema(client: &Client) -> Result<(), AppError> {
    let health: Health = match client.rpc("sync_health", &json!({}), None).await {
        Ok(health) => health,
        Err(Error::Decode { .. }) => return Err(not_a_server()),
        Err(error) => return Err(sign_in_error(&error)),
    };
    judge(&health)
}

fn judge(health: &Health) -> Result<(), AppError> {
    let version = health.schema_version;
    let details = json!({ "server": version, "needed": SCHEMA_OLDEST });
    if health.product != "cockpit" {
        Err(not_a_server())
    } else if version < SCHEMA_OLDEST {
        let message = "The server's Cockpit tables are older than this app needs. Ask whoever runs it to apply the newer migrations.";
        Err(AppError::new(ErrorCode::SchemaTooOld, message).with_details(details))
    } else if version >= SCHEMA_BREAKS_AT {
        let message = "The server is newer than this app understands. Update Cockpit; your work here is kept.";
        Err(AppError::new(ErrorCode::SchemaTooNew, message).with_details(details))
    } else {
        Ok(())
    }
}

#[derive(Deserialize)]
struct HubInfo {
    product: String,
    anon_key: String,
}

#[derive(Deserialize)]
struct Health {
    product: String,
    schema_version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("cockpit", 13, None)]
    #[case("cockpit", 14, None)]
    #[case("cockpit", 12, Some(ErrorCode::SchemaTooOld))]
    #[case("cockpit", 1000, Some(ErrorCode::SchemaTooNew))]
    #[case("other", 13, Some(ErrorCode::NotACockpitServer))]
    fn a_schema_is_judged(#[case] product: &str, #[case] schema_version: u32, #[case] expected: Option<ErrorCode>) {
        let health = Health { product: product.into(), schema_version };
        assert_eq!(judge(&health).err().map(|error| error.code), expected);
    }
}
