//! What a reader asks for beside the rows: form (`Accept`), count (`Prefer`) and schema (`Accept-Profile`).

use axum::http::{HeaderMap, header};

use super::error::RestError;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A JSON array.
    Rows,
    /// The one row as a JSON object; it is an error when there are none or several.
    Single,
}

impl Form {
    /// From `Accept`; JSON when nothing is said.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, RestError> {
        let mut asked = Vec::new();
        for value in headers.get_all(header::ACCEPT) {
            asked.extend(value.to_str().unwrap_or("?").split(',').map(str::trim));
        }
        if asked.is_empty() {
            return Ok(Self::Rows);
        }
        let known = asked.iter().find_map(|media| {
            let (kind, parameters) = media.split_once(';').unwrap_or((media, ""));
            let strips_nulls = parameters.contains("nulls");
            match kind.trim().to_ascii_lowercase().as_str() {
                "*/*" | "application/*" | "application/json" => Some(Self::Rows),
                "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" if !strips_nulls => {
                    Some(Self::Single)
                }
                _ => None,
            }
        });
        known.ok_or_else(|| RestError::media(&asked.join(", ")))
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Rows => "application/json; charset=utf-8",
            Self::Single => "application/vnd.pgrst.object+json; charset=utf-8",
        }
    }
}

/// Whether `Prefer` asks for the number of all rows. A planned or an estimated count is answered with the exact one.
pub(super) fn counts(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| matches!(preference.trim(), "count=exact" | "count=planned" | "count=estimated"))
}

/// Refuses every schema but `public`.
pub(super) fn check_schema(headers: &HeaderMap) -> Result<(), RestError> {
    match headers.get("accept-profile").map(|value| value.to_str().unwrap_or("?")) {
        None | Some("public") => Ok(()),
        Some(other) => Err(RestError::schema(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("application/json", Some(Form::Rows))]
    #[case("*/*", Some(Form::Rows))]
    #[case("text/csv, application/json;q=0.5", Some(Form::Rows))]
    #[case("application/vnd.pgrst.object+json", Some(Form::Single))]
    #[case("application/vnd.pgrst.object+json;nulls=stripped", None)]
    #[case("text/csv", None)]
    #[case("application/vnd.pgrst.plan+text", None)]
    fn the_form_is_chosen_by_accept(#[case] accept: &str, #[case] form: Option<Form>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
        assert_eq!(Form::of(&headers).ok(), form);
    }
}
