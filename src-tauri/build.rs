//! Prepares what `tauri::generate_context!` reads at compile time: the built interface and the capability files.

use std::error::Error;
use std::fs;
use std::path::Path;

/// The page that is embedded when the interface has not been built. `cargo xtask` recognises it by its marker and
/// then builds the real one, so it must keep the meta element.
const PLACEHOLDER: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="cockpit-placeholder" content="true" />
    <title>Cockpit</title>
  </head>
  <body>
    <main id="placeholder">The interface has not been built yet. Run "cargo xtask run" in the project folder.</main>
  </body>
</html>
"#;

fn main() -> Result<(), Box<dyn Error>> {
    // An absent folder makes generate_context! fail with a message that says nothing of the cause.
    let page = Path::new("ui/dist/index.html");
    if !page.exists() {
        fs::create_dir_all("ui/dist")?;
        fs::write(page, PLACEHOLDER)?;
    }
    // The embedded files are compiled in, so a new build of the interface has to rebuild the application.
    println!("cargo:rerun-if-changed=ui/dist");
    println!("cargo:rerun-if-changed=icons");

    let attributes = tauri_build::Attributes::new().capabilities_path_pattern("./src-tauri/capabilities/**/*");
    tauri_build::try_build(attributes)?;
    Ok(())
}
