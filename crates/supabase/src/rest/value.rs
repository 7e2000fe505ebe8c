//! The values that columns are compared with.

use uuid::Uuid;

use super::quoting::quote_array_element;

/// One value, as text that PostgreSQL reads as the column's type.
///
/// There is none for null, because a comparison with null holds for no row: use [`Is::Null`](super::Is::Null).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub(super) String);

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&String> for Scalar {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

impl From<f64> for Scalar {
    fn from(number: f64) -> Self {
        // PostgreSQL's spelling of what Rust calls inf.
        Self(match number {
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            number => number.to_string(),
        })
    }
}

macro_rules! displayed {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Scalar {
            fn from(value: $kind) -> Self {
                Self(value.to_string())
            }
        })*
    };
}

displayed!(bool, i16, i32, i64, u32, u64, usize, Uuid);

/// What `contains`, `contained_by` and `overlaps` compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container(pub(super) String);

impl Container {
    /// An array.
    pub fn array<T: Into<Scalar>>(elements: impl IntoIterator<Item = T>) -> Self {
        let elements: Vec<_> = elements.into_iter().map(|element| quote_array_element(&element.into().0)).collect();
        Self(format!("{{{}}}", elements.join(",")))
    }

    /// A JSON document, for `jsonb` columns.
    pub fn json(value: &serde_json::Value) -> Self {
        Self(value.to_string())
    }

    /// A range in PostgreSQL's text form: `[2026-01-01,2026-02-01)`.
    pub fn range(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl<T: Into<Scalar>> From<Vec<T>> for Container {
    fn from(elements: Vec<T>) -> Self {
        Self::array(elements)
    }
}

impl<T: Into<Scalar>, const N: usize> From<[T; N]> for Container {
    fn from(elements: [T; N]) -> Self {
        Self::array(elements)
    }
}

impl From<serde_json::Value> for Container {
    fn from(value: serde_json::Value) -> Self {
        Self::json(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Container, Scalar};
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(Scalar::from(f64::NEG_INFINITY), "-Infinity")]
    #[case(Scalar::from(f64::NAN), "NaN")]
    #[case(Scalar::from(1.5), "1.5")]
    #[case(Scalar::from(i64::MIN), "-9223372036854775808")]
    #[case(Scalar::from(true), "true")]
    fn is_written_as_postgresql_reads_it(#[case] scalar: Scalar, #[case] expected: &str) {
        assert_eq!(scalar.0, expected);
    }

    #[test]
    fn containers_are_arrays_documents_and_ranges() {
        assert_eq!(Container::from(["a", "b c", "null", "", "\"{"]).0, r#"{a,"b c","null","","\"{"}"#);
        assert_eq!(Container::from(vec![1, 2]).0, "{1,2}");
        assert_eq!(Container::from(json!({ "a": [1] })).0, r#"{"a":[1]}"#);
        assert_eq!(Container::range("[1,5)").0, "[1,5)");
    }
}
