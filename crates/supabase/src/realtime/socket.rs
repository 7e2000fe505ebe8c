//! Opening the websocket.

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use url::Url;

use super::RealtimeOptions;
use super::disconnect::{DisconnectReason, HandshakeRefusal};
use super::protocol::ProtocolVersion;
use crate::client::service_url;
use crate::tls;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Larger than anything the real server sends: it closes connections at five million bytes.
const LARGEST_FRAME: usize = 16 * 1024 * 1024;

/// Opens the project's realtime socket. The error is a reason for people; it never holds the key.
pub(super) async fn open(options: RealtimeOptions) -> Result<Socket, DisconnectReason> {
    let RealtimeOptions { url, anon_key, protocol, connect_timeout: timeout, .. } = options;
    let url = endpoint(&url, &anon_key, protocol).map_err(DisconnectReason::Unreachable)?;
    let config = tls::client_config(&url).map_err(|error| DisconnectReason::Unreachable(error.to_string()))?;
    let connector = match config {
        Some(config) => Connector::Rustls(config),
        None => Connector::Plain,
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_FRAME))
        .max_frame_size(Some(LARGEST_FRAME))
        .max_write_buffer_size(LARGEST_FRAME);
    // Without Nagle's delay: frames are small and latency is the point.
    let opening = connect_async_tls_with_config(url.as_str(), Some(config), true, Some(connector));
    match tokio::time::timeout(timeout, opening).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err(DisconnectReason::Unreachable(format!("no websocket within {timeout:?}"))),
    }
}

/// `{base}/realtime/v1/websocket` with the key and the version. The key goes into the query because the gateway of a hosted
/// project looks for it there, or in a header that the server itself does not know.
fn endpoint(base: &Url, anon_key: &str, protocol: ProtocolVersion) -> Result<Url, String> {
    let mut url = service_url(base, &["realtime", "v1", "websocket"]);
    let scheme = match base.scheme() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        other => return Err(format!("{other}:// is no address of a Supabase project")),
    };
    url.set_scheme(scheme).map_err(|()| "the address names no host".to_owned())?;
    url.set_fragment(None);
    url.query_pairs_mut().clear().append_pair("apikey", anon_key).append_pair("vsn", protocol.as_str());
    Ok(url)
}

/// The server's own words where it refused with an HTTP answer, the transport's otherwise.
fn reason(error: &tungstenite::Error) -> DisconnectReason {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let said = serde_json::from_slice::<serde_json::Value>(body)
                .ok()
                .and_then(|body| Some(body.get("error")?.as_str()?.to_owned()))
                .unwrap_or_default();
            DisconnectReason::Refused(HandshakeRefusal::read(response.status().as_u16(), said))
        }
        // Its message can hold the address, and so the key.
        tungstenite::Error::Url(_) => {
            DisconnectReason::Unreachable("the address cannot be used for a websocket".to_owned())
        }
        other => DisconnectReason::Unreachable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint;
    use crate::realtime::protocol::ProtocolVersion;
    use rstest::rstest;
    use url::Url;

    #[rstest]
    #[case("https://abc.supabase.co", "wss://abc.supabase.co/realtime/v1/websocket?apikey=a%26b&vsn=2.0.0")]
    #[case("http://127.0.0.1:54321/", "ws://127.0.0.1:54321/realtime/v1/websocket?apikey=a%26b&vsn=2.0.0")]
    #[case("ws://hub.local/x?y=1#z", "ws://hub.local/x/realtime/v1/websocket?apikey=a%26b&vsn=2.0.0")]
    fn names_the_socket_of_a_project(#[case] base: &str, #[case] expected: &str) {
        assert_eq!(endpoint(&Url::parse(base).unwrap(), "a&b", ProtocolVersion::V2).unwrap().as_str(), expected);
    }

    #[test]
    fn refuses_what_is_no_address_of_a_server() {
        assert!(endpoint(&Url::parse("mailto:a@b.c").unwrap(), "k", ProtocolVersion::V1).is_err());
    }
}
