//! Two people, two real desktops, one hub: what one does, the other sees; and what is killed loses nothing.

#[cfg(target_os = "linux")]
mod support;

#[cfg(target_os = "linux")]
#[cfg(test)]
mod e2e {
    use std::collections::HashSet;
    use std::path::Path;

    use anyhow::{Context, Result, ensure};
    use serde_json::{Value, json};

    use crate::support::desktop::Desktop;
    use crate::support::display::Display;
    use crate::support::hub::{Hub, PASSWORD};
    use crate::support::{PATIENCE, wait_for};

    const ADA: &str = "ada@cockpit.test";
    const BEN: &str = "ben@cockpit.test";

    /// Everything there is: dropped in this order, desktops first.
    struct Stage {
        ada: Desktop,
        ben: Desktop,
        ada_display: Display,
        ben_display: Display,
        hub: Hub,
        home: tempfile::TempDir,
    }

    /// A task as PostgreSQL has it: what must be the same on every desktop, and how often it was changed.
    #[derive(Debug, PartialEq)]
    struct Stored {
        name: String,
        status: String,
        trashed: bool,
        version: u64,
    }

    fn stored(name: &str, status: &str, trashed: bool, version: u64) -> Stored {
        Stored { name: name.to_owned(), status: status.to_owned(), trashed, version }
    }

    impl Stage {
        /// Ada signs in by the form, Ben by the command line.
        fn open() -> Result<Self> {
            let home = tempfile::tempdir()?;
            let hub = Hub::start("two", home.path(), 24)?;
            let (ada_display, ben_display) = (Display::start("ada")?, Display::start("ben")?);
            let ada = Desktop::start("ada", &ada_display, &home.path().join("ada"), &[])?;
            ada.wait_until_loaded()?;
            ada.screenshot(&ada_display, "e2e/01-ada-sign-in")?;
            ada.sign_in(hub.url(), ADA, PASSWORD)?;

            let file = home.path().join("password");
            std::fs::write(&file, PASSWORD)?;
            let file = file.to_string_lossy();
            let flags = ["--server", hub.url(), "--email", BEN, "--password-file", &file];
            let ben = Desktop::start("ben", &ben_display, &home.path().join("ben"), &flags)?;
            Ok(Self { ada, ben, ada_display, ben_display, hub, home })
        }

        fn both(&self) -> [&Desktop; 2] {
            [&self.ada, &self.ben]
        }

        fn shoot(&self, name: &str) -> Result<()> {
            self.ada.screenshot(&self.ada_display, &format!("e2e/{name}-ada"))?;
            self.ben.screenshot(&self.ben_display, &format!("e2e/{name}-ben"))?;
            Ok(())
        }

        /// Both desktops have sent everything and the feed is up.
        fn wait_until_synced(&self) -> Result<()> {
            self.both().into_iter().try_for_each(|desktop| desktop.wait_for_pill("live", 0))
        }

        fn wait_until_offline(&self, pending: u32) -> Result<()> {
            self.both().into_iter().try_for_each(|desktop| desktop.wait_for_pill("offline", pending))
        }

        /// The task as each of both people may read it from PostgreSQL, which must be the same; and its log holds as many changes, each
        /// with a mutation of its own, as its version says.
        fn stored(&self, id: &str) -> Result<Stored> {
            let query = format!("select=name,status,deleted_at,version&id=eq.{id}");
            let [ada, ben] = [self.hub.rows(ADA, "tasks", &query)?, self.hub.rows(BEN, "tasks", &query)?];
            ensure!(ada == ben && ada.len() == 1, "Ada reads {ada:?}, Ben reads {ben:?}");
            let row = ada.first().context("no row")?;
            let word = |column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
            let version = row.get("version").and_then(Value::as_u64).context("no version")?;

            let log = self.hub.log(BEN)?;
            let changes: Vec<_> = log.iter().filter(|change| change.get("id") == Some(&json!(id))).collect();
            let mutations: HashSet<String> =
                changes.iter().filter_map(|change| Some(change.get("mutation")?.as_str()?.to_owned())).collect();
            ensure!(
                changes.len() as u64 == version && mutations.len() == changes.len(),
                "version {version} came of {} changes by {} mutations: {changes:?}",
                changes.len(),
                mutations.len()
            );
            Ok(Stored {
                name: word("name").context("no name")?,
                status: word("status").context("no status")?,
                trashed: row.get("deleted_at").is_some_and(|at| !at.is_null()),
                version,
            })
        }

        /// Both windows show the same rows of this test, in the same order, none of them on its way or refused, and PostgreSQL has
        /// exactly these.
        fn assert_same_everywhere(&self, names: &[&str]) -> Result<()> {
            wait_for("the same rows in both windows", PATIENCE, || {
                let (ada, ben) = (self.ada.rows()?, self.ben.rows()?);
                ensure!(ada == ben, "Ada sees {ada:?}, Ben sees {ben:?}");
                ensure!(ada.iter().all(|row| !row.pending && !row.failed), "not settled: {ada:?}");
                Ok(Some(()))
            })?;
            let mut seen: Vec<String> = self.ada.rows()?.into_iter().map(|row| row.name).collect();
            let rows = self.hub.rows(BEN, "tasks", "select=name&deleted_at=is.null&limit=1000")?;
            let names_stored = rows.iter().filter_map(|row| row.get("name")?.as_str());
            let mut stored: Vec<String> =
                names_stored.filter(|name| name.contains("zebra")).map(str::to_owned).collect();
            let mut wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            [&mut seen, &mut stored, &mut wanted].into_iter().for_each(|list| list.sort());
            ensure!(seen == wanted && stored == wanted, "wanted {wanted:?}, shown {seen:?}, stored {stored:?}");
            Ok(())
        }
    }

    #[test]
    fn one_task_two_desktops_and_nothing_is_lost() -> Result<()> {
        let mut stage = Stage::open()?;
        for desktop in stage.both() {
            desktop.wait_for_list()?;
            desktop.wait_for_pill("live", 0)?;
        }
        stage.shoot("02-signed-in")?;
        for desktop in stage.both() {
            desktop.show_all_with("zebra")?;
        }
        let painted = what_one_does_the_other_sees(&stage)?;
        the_hub_is_killed_while_both_work(&mut stage, &painted)?;
        a_desktop_is_killed_while_it_works_offline(stage)
    }

    /// Created, renamed, completed, taken back, deleted, taken back. Answers the task's id.
    fn what_one_does_the_other_sees(stage: &Stage) -> Result<String> {
        let Stage { ada, ben, .. } = stage;
        let id = ada.add_task("Paint the zebra")?.id;
        assert_eq!(ben.row("Paint the zebra")?.id, id, "created");
        stage.shoot("03-created")?;

        ben.rename_task("Paint the zebra", "Paint the zebra green")?;
        assert_eq!(ada.row("Paint the zebra green")?.id, id, "edited");
        ada.tick_task("Paint the zebra green")?;
        ben.row_where("Paint the zebra green", |row| row.done).context("completed")?;
        stage.shoot("04-edited-and-completed")?;
        ada.undo()?;
        ben.row_where("Paint the zebra green", |row| !row.done).context("no longer completed")?;

        ben.delete_task("Paint the zebra green")?;
        ada.wait_until_gone("Paint the zebra green").context("deleted")?;
        stage.shoot("05-deleted")?;
        stage.wait_until_synced()?;
        assert_eq!(stage.stored(&id)?, stored("Paint the zebra green", "open", true, 5));
        ben.undo()?;
        ada.row("Paint the zebra green").context("restored")?;
        stage.wait_until_synced()?;
        assert_eq!(stage.stored(&id)?, stored("Paint the zebra green", "open", false, 6));
        stage.assert_same_everywhere(&["Paint the zebra green"])?;
        Ok(id)
    }

    fn the_hub_is_killed_while_both_work(stage: &mut Stage, painted: &str) -> Result<()> {
        let groomed = stage.ada.add_task("Groom the zebra")?.id;
        stage.ben.row("Groom the zebra")?;
        stage.wait_until_synced()?;
        stage.hub.kill()?;
        stage.wait_until_offline(0)?;
        // One field by two people: the later to arrive wins, and the log has both.
        stage.ada.rename_task("Groom the zebra", "Groom the zebra early")?;
        stage.ben.rename_task("Groom the zebra", "Groom the zebra late")?;
        // Two fields of one task by two people, a task of each, and one that is created, completed and deleted without ever being sent.
        stage.ada.rename_task("Paint the zebra green", "Paint the zebra blue")?;
        stage.ben.tick_task("Paint the zebra green")?;
        let fed = stage.ada.add_task("Feed the zebra")?.id;
        let walked = stage.ben.add_task("Walk the zebra")?.id;
        stage.ben.rename_task("Walk the zebra", "Walk the zebra twice")?;
        let sold = stage.ben.add_task("Sell the zebra")?.id;
        stage.ben.tick_task("Sell the zebra")?;
        stage.ben.delete_task("Sell the zebra")?;
        ensure!(stage.ada.row("Feed the zebra")?.pending, "a row that was not sent says so");
        stage.ada.wait_for_pill("offline", 3)?;
        stage.ben.wait_for_pill("offline", 7)?;
        stage.shoot("06-hub-killed")?;

        stage.hub.start_again()?;
        stage.wait_until_synced()?;
        let winner = stage.stored(&groomed)?.name;
        ensure!(["Groom the zebra early", "Groom the zebra late"].contains(&winner.as_str()), "{winner}");
        stage.assert_same_everywhere(&["Paint the zebra blue", "Feed the zebra", "Walk the zebra twice", &winner])?;
        for desktop in stage.both() {
            desktop.row_where("Paint the zebra blue", |row| row.done).context("both changes of one task")?;
        }
        stage.shoot("07-hub-back")?;
        assert_eq!(stage.stored(&groomed)?, stored(&winner, "open", false, 3));
        stage.ada.delete_task(&winner)?;
        stage.ben.wait_until_gone(&winner)?;
        stage.wait_until_synced()?;
        assert_eq!(stage.stored(painted)?, stored("Paint the zebra blue", "done", false, 8));
        assert_eq!(stage.stored(&fed)?, stored("Feed the zebra", "open", false, 1));
        assert_eq!(stage.stored(&walked)?, stored("Walk the zebra twice", "open", false, 2));
        assert_eq!(stage.stored(&sold)?, stored("Sell the zebra", "done", true, 3));
        Ok(())
    }

    fn a_desktop_is_killed_while_it_works_offline(mut stage: Stage) -> Result<()> {
        stage.hub.kill()?;
        stage.wait_until_offline(0)?;
        let washed = stage.ada.add_task("Wash the zebra")?.id;
        stage.ada.rename_task("Wash the zebra", "Wash the zebra gently")?;
        let fed = stage.ada.tick_task("Feed the zebra")?.id;
        stage.ada.delete_task("Walk the zebra twice")?;
        stage.ada = kill_and_start_again(stage.ada, &stage.ada_display, &stage.home.path().join("ada"))?;

        // Before any server answers: what was written is there, and waits to be sent.
        stage.ada.wait_for_list()?;
        stage.ada.show_all_with("zebra")?;
        stage.ada.wait_for_pill("offline", 4)?;
        assert_eq!(stage.ada.row_where("Wash the zebra gently", |row| row.pending)?.id, washed);
        stage.ada.row_where("Feed the zebra", |row| row.done && row.pending)?;
        stage.ada.wait_until_gone("Walk the zebra twice")?;
        stage.shoot("08-desktop-killed-offline")?;

        stage.hub.start_again()?;
        stage.wait_until_synced()?;
        stage.assert_same_everywhere(&["Paint the zebra blue", "Feed the zebra", "Wash the zebra gently"])?;
        stage.shoot("09-all-caught-up")?;
        assert_eq!(stage.stored(&washed)?, stored("Wash the zebra gently", "open", false, 2));
        assert_eq!(stage.stored(&fed)?, stored("Feed the zebra", "done", false, 2));

        // The kept session still signs in, and the feed works after all that.
        stage.ada.add_task("Thank the zebra")?;
        stage.ben.row("Thank the zebra")?;
        let Stage { ada, ben, ada_display, ben_display, .. } = stage;
        ada.close(&ada_display)?;
        ben.close(&ben_display)
    }

    fn kill_and_start_again(desktop: Desktop, display: &Display, home: &Path) -> Result<Desktop> {
        desktop.kill()?;
        Desktop::start("ada-again", display, home, &[])
    }
}
