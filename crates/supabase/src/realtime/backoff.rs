//! Pauses that grow, with full jitter.

use std::time::Duration;

use rand::Rng;

/// A pause between `min` and a ceiling that doubles with each failure, from twice `min` up to `max`. It is drawn over the whole
/// range, so that clients that lost the same server do not come back together.
pub(super) fn pause(rng: &mut impl Rng, failures: u32, min: Duration, max: Duration) -> Duration {
    let ceiling = min.saturating_mul(2u32.saturating_pow(failures.saturating_add(1))).min(max).max(min);
    rng.random_range(min..=ceiling)
}

#[cfg(test)]
mod tests {
    use super::pause;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::time::Duration;

    const MIN: Duration = Duration::from_millis(500);
    const MAX: Duration = Duration::from_secs(30);

    proptest! {
        #[test]
        fn stays_within_its_bounds(seed in any::<u64>(), failures in any::<u32>()) {
            let pause = pause(&mut StdRng::seed_from_u64(seed), failures, MIN, MAX);
            prop_assert!((MIN..=MAX).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn the_first_is_short_and_later_ones_are_spread() {
        let mut rng = StdRng::seed_from_u64(1);
        assert!((0..100).all(|_| pause(&mut rng, 0, MIN, MAX) <= MIN * 2));
        let late: Vec<_> = (0..200).map(|_| pause(&mut rng, 20, MIN, MAX)).collect();
        assert!(
            late.iter().any(|pause| *pause < MAX / 4) && late.iter().any(|pause| *pause > MAX / 4 * 3),
            "not spread"
        );
    }
}
