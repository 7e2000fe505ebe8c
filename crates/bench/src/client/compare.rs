//! Whether two contestants found the same in the same frames, and what one of them could only hold inexactly.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// Frames that were the same in every value.
    pub(super) exact: usize,
    /// Frames of which only rounding or a missing mark differed.
    pub(super) inexact: usize,
    /// What differed, and how many values.
    pub(super) kinds: BTreeMap<&'static str, usize>,
    /// Frames that the other could not decode.
    pub(super) refused: usize,
    /// The first of its reasons.
    pub(super) reason: Option<String>,
}

/// Compares what two contestants wrote, ours first.
///
/// # Errors
/// When they found different values: one of them is wrong, and figures would mean nothing.
pub(super) fn compare(ours: &str, theirs: &str) -> Result<Agreement> {
    let (ours, theirs) = (fs::read_to_string(ours)?, fs::read_to_string(theirs)?);
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    if ours.len() != theirs.len() {
        bail!("{} frames against {}", ours.len(), theirs.len());
    }
    let mut agreement = Agreement::default();
    for (at, (a, b)) in ours.into_iter().zip(theirs).enumerate() {
        if a == b {
            agreement.exact += 1;
            continue;
        }
        let (mut a, mut b): (Value, Value) = (serde_json::from_str(a)?, serde_json::from_str(b)?);
        if b.get("k").and_then(Value::as_str) == Some("refused") {
            agreement.refused += 1;
            agreement
                .reason
                .get_or_insert_with(|| b.get("error").and_then(Value::as_str).unwrap_or_default().to_owned());
            continue;
        }
        sort(&mut a);
        sort(&mut b);
        let mut kinds = Vec::new();
        same(&a, &b, &mut kinds).with_context(|| format!("frame {at}:\n  {a}\n  {b}"))?;
        if kinds.is_empty() {
            agreement.exact += 1;
        } else {
            agreement.inexact += 1;
        }
        for kind in kinds {
            *agreement.kinds.entry(kind).or_default() += 1;
        }
    }
    Ok(agreement)
}

/// Who comes and goes in one frame does so in no order.
fn sort(frame: &mut Value) {
    for side in ["joins", "leaves"] {
        if let Some(people) = frame.get_mut(side).and_then(Value::as_array_mut) {
            people.sort_by_key(|person| person.get(1).map(ToString::to_string));
        }
    }
}

fn same(a: &Value, b: &Value, kinds: &mut Vec<&'static str>) -> Result<()> {
    if a == b {
        return Ok(());
    }
    if let (Some(a), Some(b)) = (tagged(a, "i"), tagged(b, "i")) {
        return rounded(a.parse::<f64>()? == b.parse::<f64>()?, "int8 beyond 2^53 rounded", kinds);
    }
    if let (Some(a), Some(b)) = (tagged(a, "num"), tagged(b, "num")) {
        return rounded(a.parse::<f64>()? == b.parse::<f64>()?, "numeric as a double (digits or scale lost)", kinds);
    }
    if let (Some(a), Some(b)) = (tagged(a, "us"), tagged(b, "us")) {
        let (a, b): (i64, i64) = (a.parse()?, b.parse()?);
        return rounded(a.div_euclid(1000) == b.div_euclid(1000), "instant cut to milliseconds", kinds);
    }
    match (a, b) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).try_for_each(|(a, b)| same(a, b, kinds))
        }
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (name, a) in a {
                let b = b.get(name).unwrap_or(&Value::Null);
                if name == "id" && b.is_null() && a.is_string() {
                    kinds.push("the database's message id not passed on");
                } else {
                    same(a, b, kinds).with_context(|| format!("in {name}"))?;
                }
            }
            Ok(())
        }
        _ => bail!("{a} against {b}"),
    }
}

fn tagged<'a>(value: &'a Value, tag: &str) -> Option<&'a str> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(tag)?.as_str()
}

fn rounded(close: bool, kind: &'static str, kinds: &mut Vec<&'static str>) -> Result<()> {
    if !close {
        bail!("another value");
    }
    kinds.push(kind);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::same;

    #[test]
    fn rounding_is_told_from_being_wrong() {
        let mut kinds = Vec::new();
        same(&json!({"i": "9007199254740993"}), &json!({"i": "9007199254740992"}), &mut kinds).unwrap();
        same(&json!({"num": "1.50"}), &json!({"num": "1.5"}), &mut kinds).unwrap();
        same(&json!({"us": "1767315845123456"}), &json!({"us": "1767315845123000"}), &mut kinds).unwrap();
        assert_eq!(kinds.len(), 3);
        for (a, b) in [
            (json!({"i": "7"}), json!({"i": "8"})),
            (json!({"num": "1.50"}), json!({"num": "1.6"})),
            (json!({"us": "1767315845123456"}), json!({"us": "1767315845124000"})),
            (json!({"a": 1}), json!({"b": 1})),
            (json!([1]), json!([1, 2])),
        ] {
            assert!(same(&a, &b, &mut kinds).is_err(), "{a} and {b} are not the same");
        }
    }
}
