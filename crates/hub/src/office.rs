//! Administrative work on a data directory, whether or not a hub serves it at the moment.

use crate::{
    Hub, HubError, HubOptions, accounts::Accounts, data_dir::DataDir, database::Database, demo, postgres::Postgres,
};

/// A way to the database of a data directory.
#[derive(Debug)]
pub(crate) enum Office {
    /// No hub was running: one was started on a free port for the time of the work.
    Own(Box<Hub>),
    /// A hub serves the directory: its PostgreSQL is asked directly.
    Running { database: Database, accounts: Accounts },
}

impl Office {
    pub(crate) async fn open(mut options: HubOptions) -> Result<Self, HubError> {
        let data = DataDir::open(&options.data)?;
        if data.lock().is_ok() {
            options.port = 0;
            return Ok(Self::Own(Box::new(Hub::start(options).await?)));
        }
        let running = Postgres::attach(&data.postgres())?;
        let database = Database::new(|user| running.config(user))?;
        Ok(Self::Running { accounts: Accounts::new(database.clone()), database })
    }

    pub(crate) async fn create_user(&self, email: &str, password: &str) -> Result<(), HubError> {
        match self {
            Self::Own(hub) => hub.create_user(email, password).await?,
            Self::Running { accounts, .. } => accounts.create(email, password).await?,
        };
        Ok(())
    }

    pub(crate) async fn make_demo(&self, tasks: usize) -> Result<(), HubError> {
        match self {
            Self::Own(hub) => hub.make_demo(tasks).await,
            Self::Running { database, accounts } => {
                demo::make(database, accounts, tasks, jiff::ZonedDateTime::now().date()).await
            }
        }
    }

    pub(crate) async fn close(self) -> Result<(), HubError> {
        match self {
            Self::Own(hub) => hub.stop().await,
            Self::Running { database, .. } => {
                database.close();
                Ok(())
            }
        }
    }
}
