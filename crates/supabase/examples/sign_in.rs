//! Signs in with a code that is sent by mail, shows the account and what happens to the session, and signs out.
//!
//! ```text
//! SUPABASE_URL=http://127.0.0.1:54321 SUPABASE_ANON_KEY=… cargo run -p cockpit-supabase --example sign_in -- ada@example.org
//! ```
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cockpit_supabase::auth::{MailOptions, OtpType};
use cockpit_supabase::{Client, ClientOptions, KeeperOptions, MemoryStorage, SessionKeeper, SignOutScope, TokenSource};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let email = std::env::args().nth(1).ok_or("name a mail address")?;
    let client = Client::new(ClientOptions {
        url: std::env::var("SUPABASE_URL")?.parse()?,
        anon_key: std::env::var("SUPABASE_ANON_KEY")?,
        timeout: Duration::from_secs(20),
    })?;
    let settings = client.auth().settings().await?;
    if !settings.offers("email") {
        return Err("this project does not sign in by mail".into());
    }

    // A program that is to stay signed in over a restart brings a storage of its own: the system's keyring, for instance.
    let keeper = SessionKeeper::new(client.clone(), Arc::new(MemoryStorage::default()), KeeperOptions::default());
    let mut events = keeper.events();

    client.auth().otp(&email, true, serde_json::Map::new(), &MailOptions::default()).await?;
    println!("A mail is on its way to {email}. The code in it:");
    let code = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    })
    .await??;
    keeper.verify_otp(&email, &code, OtpType::Email).await?;
    println!("{:?}", events.next().await);

    // From here on every call asks the keeper for its token, and gets one that is fresh.
    let user = client.auth().user(&keeper.access_token().await?).await?;
    println!("signed in as {} ({}), confirmed {:?}", user.email.unwrap_or_default(), user.id, user.email_confirmed_at);

    keeper.sign_out(SignOutScope::Local).await?;
    Ok(())
}
