//! Administrative work on a data directory, whether or not a hub serves it at the moment.

use crate::{
    Hub, HubError, HubOptions,
    accounts::{self, Accounts, Listed},
    codes::Codes,
    data_dir::DataDir,
    database::Database,
    demo,
    keyed_hash::KeyedHash,
    mail::{self, Kept},
    postgres::Postgres,
};

/// A way to the database of a data directory.
#[derive(Debug)]
pub(crate) struct Office {
    database: Database,
    accounts: Accounts,
    codes: Codes,
    /// The address that links in mails begin with, when a hub serves at one that lasts.
    public_url: Option<String>,
    /// The hub that was started on a free port for the time of the work, when none was running.
    own: Option<Box<Hub>>,
}

impl Office {
    pub(crate) async fn open(mut options: HubOptions) -> Result<Self, HubError> {
        let data = DataDir::open(&options.data)?;
        if data.lock().is_ok() {
            options.port = 0;
            let hub = Hub::start(options).await?;
            let database = hub.database().clone();
            return Self::new(&data, database, None, Some(Box::new(hub)));
        }
        let running = Postgres::attach(&data.postgres())?;
        let database = Database::new(|user| running.config(user))?;
        let public_url = data.read_hub_file().and_then(|file| file.public_url);
        Self::new(&data, database, public_url, None)
    }

    fn new(
        data: &DataDir,
        database: Database,
        public_url: Option<String>,
        own: Option<Box<Hub>>,
    ) -> Result<Self, HubError> {
        let codes = Codes::new(KeyedHash::new(&data.signing_secret()?)?);
        Ok(Self { accounts: Accounts::new(database.clone()), database, codes, public_url, own })
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(crate) async fn list(&self) -> Result<Vec<Listed>, HubError> {
        self.accounts.list().await
    }

    pub(crate) async fn invite(&self, email: &str) -> Result<(), HubError> {
        accounts::invite(&self.database, &self.codes, email, self.public_url.as_deref()).await
    }

    pub(crate) async fn mails(&self, to: Option<&str>) -> Result<Vec<Kept>, HubError> {
        mail::list(&self.database, to).await
    }

    pub(crate) async fn make_demo(&self, tasks: usize) -> Result<(), HubError> {
        demo::make(&self.database, &self.accounts, tasks, jiff::ZonedDateTime::now().date()).await
    }

    pub(crate) async fn close(self) -> Result<(), HubError> {
        match self.own {
            Some(hub) => hub.stop().await,
            None => {
                self.database.close();
                Ok(())
            }
        }
    }
}
