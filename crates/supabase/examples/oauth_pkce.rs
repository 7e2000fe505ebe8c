//! Signs in with a provider: a browser, a redirect to this machine, and the exchange of the code.
//!
//! ```text
//! SUPABASE_URL=https://abc.supabase.co SUPABASE_ANON_KEY=… cargo run -p cockpit-supabase --example oauth_pkce -- github
//! ```
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cockpit_supabase::auth::{Callback, LoopbackRedirect, OAuth, Pkce};
use cockpit_supabase::{Client, ClientOptions, KeeperOptions, MemoryStorage, SessionKeeper};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = std::env::args().nth(1).ok_or("name a provider")?;
    let client = Client::new(ClientOptions {
        url: std::env::var("SUPABASE_URL")?.parse()?,
        anon_key: std::env::var("SUPABASE_ANON_KEY")?,
        timeout: Duration::from_secs(20),
    })?;
    let keeper = SessionKeeper::new(client.clone(), Arc::new(MemoryStorage::default()), KeeperOptions::default());

    // A program with a deep link gives that as redirect_to instead, and calls Callback::parse when it is opened.
    let redirect = LoopbackRedirect::bind().await?;
    let pkce = Pkce::generate();
    let oauth = OAuth::new(provider).redirect_to(redirect.redirect_uri());
    println!("Open this in your browser:\n{}", client.auth().authorize_url(&oauth, &pkce));

    match redirect.wait(Duration::from_secs(300)).await? {
        Callback::Code(code) => {
            let exchanged = keeper.exchange_code(&code, &pkce).await?;
            println!("signed in as {}", exchanged.session.user.email.unwrap_or_default());
        }
        other => println!("the server says: {other:?}"),
    }
    Ok(())
}
