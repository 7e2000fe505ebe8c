//! What stands at an address, and whether it fits this app.

use std::time::Duration;

use cockpit_domain::{AppError, ErrorCode};
use cockpit_supabase::{Client, ClientOptions, Error};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::failure::{not_a_server, sign_in_error, unreachable};

/// Every wait for the network ends after this.
pub(crate) const NETWORK_TIMEOUT: Duration = Duration::from_secs(20);

/// The oldest schema that has all that this app calls.
const SCHEMA_OLDEST: u32 = 8;
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

/// Finds out what stands at an address.
///
/// # Errors
/// `server_unreachable` when nobody answers, `not_a_cockpit_server` when it is something else.
pub(crate) async fn probe(url: &Url) -> Result<Probed, AppError> {
    let client = client(url, "")?;
    match client.get_json::<HubInfo>("hub/v1/info", None).await {
        Ok(info) if info.product == "cockpit-hub" => return Ok(Probed::Hub { anon_key: info.anon_key }),
        Ok(_) | Err(Error::Http { .. } | Error::Decode { .. } | Error::Postgrest { .. } | Error::Auth { .. }) => {}
        Err(error) => return Err(unreachable(&error)),
    }
    match client.get_json::<Value>("auth/v1/health", None).await {
        Ok(health) if health.get("name").and_then(Value::as_str) == Some("GoTrue") => Ok(Probed::Supabase),
        // The gateway of a project asks for the key before anything else, in JSON.
        Err(Error::Auth { status: 401, .. }) => Ok(Probed::Supabase),
        Err(Error::Http { status: 401, body }) if body.contains("API key") || body.contains("apikey") => {
            Ok(Probed::Supabase)
        }
        Err(error @ (Error::Network { .. } | Error::Timeout | Error::Tls { .. })) => Err(unreachable(&error)),
        Err(error @ Error::Http { status: 500.., .. }) => Err(unreachable(&error)),
        _ => Err(not_a_server()),
    }
}

/// A client of the server.
pub(crate) fn client(url: &Url, anon_key: &str) -> Result<Client, AppError> {
    Client::new(ClientOptions { url: url.clone(), anon_key: anon_key.to_owned(), timeout: NETWORK_TIMEOUT })
        .map_err(|error| sign_in_error(&error))
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
    #[case("cockpit", 8, None)]
    #[case("cockpit", 9, None)]
    #[case("cockpit", 7, Some(ErrorCode::SchemaTooOld))]
    #[case("cockpit", 1000, Some(ErrorCode::SchemaTooNew))]
    #[case("other", 8, Some(ErrorCode::NotACockpitServer))]
    fn a_schema_is_judged(#[case] product: &str, #[case] schema_version: u32, #[case] expected: Option<ErrorCode>) {
        let health = Health { product: product.into(), schema_version };
        assert_eq!(judge(&health).err().map(|error| error.code), expected);
    }
}
