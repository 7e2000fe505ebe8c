//! Bugs that are put in on purpose, each by its name, for the simulation to find; see `crates/sim`. Without the feature `planted` none of them is
//! compiled in. A bug is chosen per thread, so that runs beside each other do not meet.

/// Whether the bug of that name is put in. Always false without the feature `planted`.
#[macro_export]
macro_rules! planted {
    ($name:literal) => {{
        #[cfg(feature = "planted")]
        let bug = $crate::planted::is($name);
        #[cfg(not(feature = "planted"))]
        let bug = false;
        bug
    }};
}

#[cfg(feature = "planted")]
thread_local! {
    static BUG: std::cell::Cell<&'static str> = const { std::cell::Cell::new("") };
}

/// Puts a bug into this thread; the empty name takes it out.
#[cfg(feature = "planted")]
pub fn carry(name: &'static str) {
    BUG.set(name);
}

/// Whether this thread carries the bug of that name.
#[cfg(feature = "planted")]
pub fn is(name: &str) -> bool {
    BUG.get() == name
}
