//! Many clients that lose the same server at the same moment.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::script::{Script, broken, specs};
use crate::realtime::connection::{Effect, Input};
use crate::realtime::protocol::Outgoing;

/// When a client that has lost the server joins again, after which time. The server is back at once and answers at once, which is the
/// worst for a storm.
fn rejoin(seed: u64) -> Duration {
    let mut script = Script::new(seed);
    script.put(Input::Wanted(specs(&["a", "b"])));
    script.put(Input::Token(Ok("t1".into())));
    let effects = script.put(Input::Opened);
    script.let_join(&effects);
    // They may have been connected for hours.
    script.now += Duration::from_secs(5);
    script.answer_heartbeat(&effects);
    script.put(Input::Token(Ok("t1".into())));
    script.now += Duration::from_secs(15);
    let lost = script.now;
    let mut effects = script.put(Input::SocketClosed(broken("close 1012")));
    loop {
        let joins = effects.iter().filter(|effect| matches!(effect, Effect::Send(Outgoing::Join { .. }))).count();
        assert!(joins <= 1, "one at a time");
        if joins == 1 {
            return script.now - lost;
        }
        effects = if effects.contains(&Effect::Open) {
            script.put(Input::Opened)
        } else if effects.contains(&Effect::FetchToken) {
            script.put(Input::Token(Ok("t1".into())))
        } else {
            script.next()
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn clients_that_lost_the_same_server_do_not_join_together(seed in any::<u64>()) {
        const CLIENTS: u64 = 300;
        let start = Instant::now();
        let mut joins: Vec<Instant> = (0..CLIENTS).map(|client| start + rejoin(seed.wrapping_add(client))).collect();
        joins.sort();
        let (first, last) = (joins[0], joins[joins.len() - 1]);
        prop_assert!(last - first >= Duration::from_secs(1), "all within {:?}", last - first);
        prop_assert!(last - start <= Duration::from_secs(3), "and nobody waits long: {:?}", last - start);
        // Spread evenly a tenth of a second would hold a fifteenth of them.
        for (index, from) in joins.iter().enumerate() {
            let together = joins[index..].iter().take_while(|at| **at - *from < Duration::from_millis(100)).count();
            prop_assert!(together <= 60, "{together} of {CLIENTS} within 100 ms");
        }
    }
}
