//! A server's address as a person types it.

use std::net::IpAddr;

use cockpit_domain::{AppError, ErrorCode};
use url::{Host, Url};

/// The address in full. Without a scheme it becomes `https`, or `http` where the name is of this machine or the local network. Plain
/// `http` to the internet is refused: passwords would cross it readable.
///
/// # Errors
/// `invalid_address`, with what is wrong about it.
pub(crate) fn complete(typed: &str) -> Result<Url, AppError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Err(invalid(typed, "Type the address of your server, for example cockpit.example.com."));
    }
    let with_scheme = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
    let mut url = Url::parse(&with_scheme)
        .map_err(|_| invalid(typed, "That is not a server address. Check it for spaces and typing errors."))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(typed, "A server address begins with https:// (or http:// on your own network)."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(typed, "Leave the user name out of the address; there are fields for it."));
    }
    let near = is_near(&url);
    if !typed.contains("://") && near {
        url = Url::parse(&format!("http://{typed}")).map_err(|_| invalid(typed, "That is not a server address."))?;
    }
    if url.scheme() == "http" && !near {
        return Err(invalid(
            typed,
            "An address on the internet has to begin with https://, or else your password could be read on the way.",
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn invalid(typed: &str, message: &str) -> AppError {
    AppError::new(ErrorCode::InvalidAddress, message).with_details(serde_json::json!({ "typed": typed }))
}

/// Whether the host is this machine or on the local network, where certificates are not to be had.
fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            !name.contains('.')
                || [".localhost", ".local", ".lan", ".internal", ".home.arpa"].iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(address)) => is_private(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_private(IpAddr::V6(address)),
        None => false,
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("cockpit.example.com", "https://cockpit.example.com/")]
    #[case("  https://abc.supabase.co/ ", "https://abc.supabase.co/")]
    #[case("localhost:54500", "http://localhost:54500/")]
    #[case("127.0.0.1:54500", "http://127.0.0.1:54500/")]
    #[case("192.168.1.20:54500", "http://192.168.1.20:54500/")]
    #[case("https://192.168.1.20", "https://192.168.1.20/")]
    #[case("[::1]:8000", "http://[::1]:8000/")]
    #[case("nas.local", "http://nas.local/")]
    #[case("https://h.example/base/?x=1#y", "https://h.example/base")]
    fn an_address_is_completed(#[case] typed: &str, #[case] expected: &str) {
        assert_eq!(complete(typed).unwrap().as_str(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("two words")]
    #[case("ftp://h.example")]
    #[case("http://cockpit.example.com")]
    #[case("http://8.8.8.8:80")]
    #[case("https://ada:secret@h.example")]
    #[case("https://")]
    fn what_cannot_be_an_address_is_refused(#[case] typed: &str) {
        assert_eq!(complete(typed).unwrap_err().code, ErrorCode::InvalidAddress);
    }
}
