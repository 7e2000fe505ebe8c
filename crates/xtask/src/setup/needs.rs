//! What must be on a machine, in the words of Debian and in those of others.

use super::Purpose;

/// Something that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A Debian package.
    Package(&'static str),
    /// One of several programs; when none is there, the Debian package brings the first.
    Program(&'static [&'static str], &'static str),
    /// The pgTAP extension for the system's PostgreSQL, whose package name has the version in it.
    PgTap,
}

const BUILD: &[Need] = &[
    Need::Package("build-essential"),
    Need::Package("pkg-config"),
    Need::Package("file"),
    Need::Package("patchelf"),
    Need::Package("libwebkit2gtk-4.1-dev"),
    Need::Package("libgtk-3-dev"),
    Need::Package("libayatana-appindicator3-dev"),
    Need::Package("librsvg2-dev"),
    Need::Package("libssl-dev"),
    Need::Package("libxdo-dev"),
    Need::Package("libdbus-1-dev"),
    // The hub runs a private server from its programs; the service that the package starts is not used.
    Need::Package("postgresql"),
];

const TEST: &[Need] = &[
    Need::PgTap,
    Need::Package("webkit2gtk-driver"),
    Need::Package("xvfb"),
    Need::Package("xauth"),
    Need::Package("dbus-x11"),
    Need::Package("gnome-keyring"),
    Need::Package("openbox"),
    Need::Package("wmctrl"),
    Need::Package("x11-utils"),
    Need::Package("xdotool"),
    Need::Package("imagemagick"),
    Need::Program(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"], "chromium"),
];

/// Everything that `purpose` needs.
pub(crate) fn needs(purpose: Purpose) -> Vec<Need> {
    match purpose {
        Purpose::Run => BUILD.to_vec(),
        Purpose::Test => [BUILD, TEST].concat(),
    }
}

/// pkg-config modules whose absence means that the build fails, for Linux systems without apt.
pub(crate) const MODULES: &[&str] =
    &["webkit2gtk-4.1", "gtk+-3.0", "ayatana-appindicator3-0.1", "librsvg-2.0", "openssl", "dbus-1"];

/// Programs that the end-to-end tests start on Linux.
pub(crate) const TEST_PROGRAMS: &[&str] =
    &["WebKitWebDriver", "Xvfb", "dbus-run-session", "gnome-keyring-daemon", "openbox", "wmctrl", "xprop", "import"];

/// What to type on Fedora.
pub(crate) const FEDORA: &str = "sudo dnf install @development-tools pkgconf-pkg-config file patchelf webkit2gtk4.1-devel gtk3-devel \
     libayatana-appindicator-gtk3-devel librsvg2-devel openssl-devel libxdo-devel dbus-devel postgresql-server";

/// The same for the tests.
pub(crate) const FEDORA_TEST: &str = "sudo dnf install pgtap webkit2gtk4.1 xorg-x11-server-Xvfb xauth dbus-daemon gnome-keyring openbox wmctrl xprop xdotool ImageMagick chromium";

/// What to type on Arch.
pub(crate) const ARCH: &str = "sudo pacman -S --needed base-devel file patchelf webkit2gtk-4.1 gtk3 libayatana-appindicator librsvg \
     openssl xdotool dbus postgresql";

/// The same for the tests.
pub(crate) const ARCH_TEST: &str = "sudo pacman -S --needed xorg-server-xvfb xorg-xauth dbus gnome-keyring openbox wmctrl xorg-xprop xdotool imagemagick chromium (and pgtap from the AUR)";
