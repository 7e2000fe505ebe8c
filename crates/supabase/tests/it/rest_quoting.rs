//! Any value in any place of a query, read back by a parser written from PostgREST's grammar and not from our quoting.

use cockpit_supabase::rest::{Container, Filter, all_of, any_of};
use proptest::prelude::*;

use crate::support::client;

/// What a condition means.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    Compare { column: String, negated: bool, operator: String, values: Vec<String> },
    Group { negated: bool, conjunction: String, members: Vec<Meaning> },
}

/// PostgREST's grammar: `pLogicTree`, `pOpExpr`, `pListVal`, `pQuotedValue` of its QueryParams module.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn take(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(stop).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text
    }

    /// Quoted, if the quote is followed by the end of the element; or else everything up to that.
    fn element(&mut self) -> String {
        if let Some(inner) = self.rest.strip_prefix('"') {
            let (mut text, mut characters) = (String::new(), inner.chars());
            while let Some(character) = characters.next() {
                match character {
                    '\\' => text.extend(characters.next()),
                    '"' => {
                        let after = characters.as_str();
                        if after.is_empty() || after.starts_with([',', ')']) {
                            self.rest = after;
                            return text;
                        }
                        break;
                    }
                    other => text.push(other),
                }
            }
        }
        // A group's value may be an array without nested braces.
        if let Some(inner) = self.rest.strip_prefix('{')
            && let Some(end) = inner.find(['{', '}'])
            && inner[end..].starts_with('}')
        {
            let (array, rest) = self.rest.split_at(end + 2);
            self.rest = rest;
            return array.to_owned();
        }
        self.until(|character| matches!(character, ',' | ')')).to_owned()
    }

    fn list(&mut self) -> Vec<String> {
        assert!(self.take("("), "a list begins with a parenthesis: {}", self.rest);
        let mut elements = vec![self.element()];
        while self.take(",") {
            elements.push(self.element());
        }
        assert!(self.take(")"), "a list ends with a parenthesis: {}", self.rest);
        elements
    }

    fn members(&mut self) -> Vec<Meaning> {
        assert!(self.take("("), "a group begins with a parenthesis: {}", self.rest);
        let mut members = vec![self.tree()];
        while self.take(",") {
            members.push(self.tree());
        }
        assert!(self.take(")"), "a group ends with a parenthesis: {}", self.rest);
        members
    }

    fn tree(&mut self) -> Meaning {
        for (word, negated, conjunction) in
            [("and(", false, "and"), ("or(", false, "or"), ("not.and(", true, "and"), ("not.or(", true, "or")]
        {
            if self.rest.starts_with(word) {
                self.rest = &self.rest[word.len() - 1..];
                return Meaning::Group { negated, conjunction: conjunction.into(), members: self.members() };
            }
        }
        let column = self.until(|character| character == '.').to_owned();
        assert!(self.take("."));
        let (negated, operator) = self.operator();
        let values = if operator == "in" { self.list() } else { vec![self.element()] };
        Meaning::Compare { column, negated, operator, values }
    }

    fn operator(&mut self) -> (bool, String) {
        let negated = self.take("not.");
        let operator = self.until(|character| character == '.').to_owned();
        assert!(self.take("."));
        (negated, operator)
    }

    /// A parameter: the value of a comparison goes on to its end, whatever it is.
    fn parameter(name: &str, value: &'a str) -> Meaning {
        let mut parser = Parser { rest: value };
        let (negated, plain) = name.strip_prefix("not.").map_or((false, name), |plain| (true, plain));
        let meaning = if matches!(plain, "and" | "or") {
            Meaning::Group { negated, conjunction: plain.into(), members: parser.members() }
        } else {
            let (negated, operator) = parser.operator();
            let values =
                if operator == "in" { parser.list() } else { vec![std::mem::take(&mut parser.rest).to_owned()] };
            Meaning::Compare { column: name.into(), negated, operator, values }
        };
        assert_eq!(parser.rest, "", "nothing is left over");
        meaning
    }
}

fn compare(column: &str, operator: &str, values: Vec<String>) -> (Meaning, bool) {
    (Meaning::Compare { column: column.into(), negated: false, operator: operator.into(), values }, false)
}

/// A condition and what it means.
fn conditions() -> impl Strategy<Value = (Filter, Meaning)> {
    // All of the grammar's characters, far more often than they would come by chance.
    let text = prop_oneof![
        4 => proptest::collection::vec(prop_oneof![Just(','), Just('('), Just(')'), Just('"'), Just('\\'), Just('.'), Just('{'), Just('}'), Just('*'), Just('+'), Just('&'), Just('='), Just('%'), Just('#'), Just(' '), Just('\n'), Just('a'), Just('ß')], 0..8)
            .prop_map(String::from_iter),
        1 => "\\PC{0,12}",
        1 => Just("null".to_owned()),
        1 => Just("not.eq.1".to_owned()),
        1 => Just(r#"x"),b.eq.(1"#.to_owned()),
    ];
    let column = prop_oneof![Just("a"), Just("data->>k"), Just("b")];
    let leaf = (column, text.clone(), proptest::collection::vec(text, 0..4), 0..4_u8).prop_map(
        |(column, text, list, kind)| {
            let (filter, (meaning, _)) = match kind {
                0 => (Filter::eq(column, &text), compare(column, "eq", vec![text])),
                1 => (Filter::ilike(column, &text), compare(column, "ilike", vec![text])),
                // A list of one is a comparison, and an empty one an element that is empty.
                2 if list.len() == 1 => (Filter::is_in(column, &list), compare(column, "eq", list)),
                2 if list.is_empty() => (Filter::is_in(column, &list), compare(column, "in", vec![String::new()])),
                2 => (Filter::is_in(column, &list), compare(column, "in", list)),
                _ => {
                    let json = serde_json::json!({ "k": text, "l": list });
                    (Filter::contains(column, Container::json(&json)), compare(column, "cs", vec![json.to_string()]))
                }
            };
            (filter, meaning)
        },
    );
    let negate = |(filter, meaning): (Filter, Meaning)| {
        let meaning = match meaning {
            Meaning::Compare { column, negated, operator, values } => {
                Meaning::Compare { column, negated: !negated, operator, values }
            }
            Meaning::Group { negated, conjunction, members } => {
                Meaning::Group { negated: !negated, conjunction, members }
            }
        };
        (filter.not(), meaning)
    };
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let group = (proptest::collection::vec(inner.clone(), 1..4), any::<bool>()).prop_map(|(members, or)| {
            let (filters, meanings): (Vec<_>, Vec<_>) = members.into_iter().unzip();
            let filter = if or { any_of(filters) } else { all_of(filters) };
            let conjunction = if or { "or" } else { "and" }.to_owned();
            (filter, Meaning::Group { negated: false, conjunction, members: meanings })
        });
        prop_oneof![group, inner.prop_map(negate)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_value_becomes_syntax_anywhere(wanted in proptest::collection::vec(conditions(), 1..4)) {
        let client = client("http://127.0.0.1:1");
        let mut query = client.from("tasks").select("id").url_limit(usize::MAX);
        for (filter, _) in &wanted {
            query = query.filter(filter.clone());
        }
        let url = query.url().unwrap();
        let pairs: Vec<_> = url.query_pairs().collect();
        prop_assert_eq!(&pairs[0], &("select".into(), "id".into()));
        prop_assert_eq!(pairs.len(), wanted.len() + 1, "no value made another parameter");
        for ((name, value), (_, meaning)) in pairs[1..].iter().zip(&wanted) {
            prop_assert_eq!(&Parser::parameter(name, value), meaning, "{}={}", name, value);
        }
    }

    /// PostgreSQL's array text, read as its manual has it.
    #[test]
    fn no_element_of_an_array_becomes_another(elements in proptest::collection::vec(prop_oneof![Just("Null".to_owned()), "[a,{}\"\\\\ ]{0,6}"], 0..5)) {
        let client = client("http://127.0.0.1:1");
        let url = client.from("t").select("id").contains("a", elements.clone()).url().unwrap();
        let (_, value) = url.query_pairs().nth(1).unwrap();
        prop_assert_eq!(array(value.strip_prefix("cs.").unwrap()), elements.into_iter().map(Some).collect::<Vec<_>>());
    }
}

fn array(text: &str) -> Vec<Option<String>> {
    let inner = text.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
    let (mut elements, mut characters) = (Vec::new(), inner.chars().peekable());
    while characters.peek().is_some() {
        let mut element = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next().unwrap() {
                    '\\' => element.push(characters.next().unwrap()),
                    '"' => break,
                    other => element.push(other),
                }
            }
            elements.push(Some(element));
        } else {
            while let Some(character) = characters.next_if(|character| *character != ',') {
                assert!(!"{}\"\\ ".contains(character), "{character} must be quoted in {text}");
                element.push(character);
            }
            assert!(!element.is_empty(), "an empty element must be quoted: {text}");
            elements.push(if element.eq_ignore_ascii_case("null") { None } else { Some(element) });
        }
        assert!(characters.peek().is_none() || characters.next() == Some(','), "{text}");
    }
    elements
}
