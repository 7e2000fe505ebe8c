//! The longest common order of what was received then and now; what is left over are differences.

use super::item::Item;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Received from the real server, and not from the hub.
    OnlyReal,
    /// Received from the hub, and not from the real server.
    OnlyHub,
}

/// What one connection received on one side only, and how many items both sides have.
pub(crate) fn compare(real: &[Item], hub: &[Item]) -> (usize, Vec<(Side, Item)>) {
    let mut lanes: Vec<&str> = real.iter().chain(hub).map(|item| item.lane.as_str()).collect();
    lanes.sort_unstable();
    lanes.dedup();
    let mut equal = 0;
    let mut differences = Vec::new();
    for lane in lanes {
        let of_lane = |items: &[Item]| items.iter().filter(|item| item.lane == lane).cloned().collect::<Vec<_>>();
        equal += align(&of_lane(real), &of_lane(hub), &mut differences);
    }
    (equal, differences)
}

fn align(real: &[Item], hub: &[Item], differences: &mut Vec<(Side, Item)>) -> usize {
    // common[r][h]: the most items that real[r..] and hub[h..] have in common, in order.
    let mut common = vec![vec![0_usize; hub.len() + 1]; real.len() + 1];
    for r in (0..real.len()).rev() {
        for h in (0..hub.len()).rev() {
            common[r][h] =
                if real[r] == hub[h] { common[r + 1][h + 1] + 1 } else { common[r + 1][h].max(common[r][h + 1]) };
        }
    }
    let (mut r, mut h) = (0, 0);
    while r < real.len() || h < hub.len() {
        if r < real.len() && h < hub.len() && real[r] == hub[h] {
            (r, h) = (r + 1, h + 1);
        } else if h == hub.len() || (r < real.len() && common[r + 1][h] >= common[r][h + 1]) {
            differences.push((Side::OnlyReal, real[r].clone()));
            r += 1;
        } else {
            differences.push((Side::OnlyHub, hub[h].clone()));
            h += 1;
        }
    }
    common[0][0]
}
