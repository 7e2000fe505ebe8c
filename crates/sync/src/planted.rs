//! Bugs that are put in on purpose, each by its name, for the simulation to find; see `crates/sim`. Without the feature `planted` there are none. A bug
//! is chosen per thread, so that runs beside each other do not meet.

/// Whether the bug of that name is put in. Always false, and compiled away, without the feature `planted`.
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::planted::is($name)
    };
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

/// Whether this thread carries a bug: never, in a build without them.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn is(_: &str) -> bool {
    false
}
