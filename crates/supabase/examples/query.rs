//! Reads a table, whichever it is: its newest rows, how many there are, and one of them.
//!
//! ```text
//! SUPABASE_URL=… SUPABASE_ANON_KEY=… cargo run -p cockpit-supabase --example query -- tasks created_at
//! ```
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::error::Error;
use std::time::Duration;

use cockpit_supabase::rest::{Count, Filter, Is, Order, like_literal};
use cockpit_supabase::{Client, ClientOptions};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let table = arguments.next().ok_or("name a table")?;
    let column = arguments.next().ok_or("name a column to order by")?;
    let client = Client::new(ClientOptions {
        url: std::env::var("SUPABASE_URL")?.parse()?,
        anon_key: std::env::var("SUPABASE_ANON_KEY")?,
        timeout: Duration::from_secs(20),
    })?;

    let newest =
        client.from(&table).select("*").order(Order::desc(&column).nulls_last()).range(0, 9).count(Count::Planned);
    let page = newest.page::<Value>().await?;
    println!("{} of about {:?} rows", page.rows.len(), page.total);
    for row in &page.rows {
        println!("{row}");
    }

    let without = client.from(&table).select("*").is(&column, Is::Null).head().await?;
    println!("{without} rows have no {column}");

    // What a person typed is a value, whatever is in it.
    let typed = "50% (or more), \"quoted\"";
    let found = client
        .from(&table)
        .select("*")
        .or([Filter::ilike(&column, format!("*{}*", like_literal(typed))), Filter::eq(&column, typed)])
        .limit(1)
        .timeout(Duration::from_secs(5));
    println!("{}", found.url()?);
    Ok(())
}
