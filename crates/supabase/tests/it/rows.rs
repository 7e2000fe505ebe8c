//! Rows: values in the types of their columns, and rows as structs.

use cockpit_supabase::realtime::change::{ColumnValue, PostgresChange, RowError};
use cockpit_supabase::realtime::protocol::{Json, ServerMessage, decode_text};
use rstest::rstest;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

fn change(columns: &str, record: &str) -> PostgresChange {
    let frame = format!(
        r#"[null,null,"realtime:t","postgres_changes",{{"ids":[2,1,2],"data":{{"table":"t","type":"UPDATE","record":{record},"columns":[{columns}],"errors":null,"schema":"public","commit_timestamp":"2026-11-23T03:44:27.203Z","old_record":null}}}}]"#
    );
    match decode_text(&frame) {
        Ok(ServerMessage::PostgresChange { change, ids, .. }) => {
            assert_eq!(ids, [2, 1, 2]);
            *change
        }
        other => panic!("{other:?}"),
    }
}

fn value(type_name: &str, value: &str) -> ColumnValue {
    let change = change(&format!(r#"{{"name":"c","type":"{type_name}"}}"#), &format!(r#"{{"c":{value}}}"#));
    change.record.get("c").unwrap().clone()
}

fn shown(type_name: &str, json: &str) -> String {
    format!("{:?}", value(type_name, json))
}

#[rstest]
#[case("int8", "9223372036854775807", "Int(9223372036854775807)")]
#[case("int8", "-9223372036854775808", "Int(-9223372036854775808)")]
#[case("int4", "1e999999999", "Numeric(1e999999999)")]
#[case("int8", "9223372036854775808", "Numeric(9223372036854775808)")]
#[case("oid", r#""4294967295""#, "Int(4294967295)")]
#[case("numeric", "-0.10", "Numeric(-0.10)")]
#[case("numeric", "null", "Null")]
#[case("numeric", r#""NaN""#, r#"Text("NaN")"#)]
#[case("float8", "1e308", "Float(1e308)")]
#[case("float8", "1e309", "Numeric(1e309)")]
#[case("float4", r#""-Infinity""#, "Float(-inf)")]
#[case("bool", "false", "Bool(false)")]
#[case("bytea", r#""""#, "Bytes([])")]
#[case("bytea", r#""00ff""#, "Bytes([0, 255])")]
#[case("bytea", r#""0""#, r#"Text("0")"#)]
#[case("bytea", r#""+0""#, r#"Text("+0")"#)]
#[case("uuid", r#""no""#, r#"Text("no")"#)]
#[case("jsonb", r#"{"a": 1.00}"#, r#"Json({"a": 1.00})"#)]
#[case("jsonb", r#""text""#, r#"Json("text")"#)]
#[case("date", r#""0044-03-15 BC""#, r#"Text("0044-03-15 BC")"#)]
#[case("timestamptz", r#""-infinity""#, r#"Text("-infinity")"#)]
#[case("interval", r#""1 day 02:03:04""#, r#"Text("1 day 02:03:04")"#)]
#[case("mood", r#""ok""#, r#"Text("ok")"#)]
#[case("money", r#""$1,234.50""#, r#"Text("$1,234.50")"#)]
#[case("some_domain", "5", "Numeric(5)")]
#[case("some_composite", r#"{"x": 1}"#, r#"Json({"x": 1})"#)]
#[case("_int8", "[9007199254740993, null]", "Array([Int(9007199254740993), Null])")]
#[case("_numeric", "[1.50]", "Array([Numeric(1.50)])")]
#[case("_text", r#"[["a", "b"], ["c", null]]"#, r#"Array([Array([Text("a"), Text("b")]), Array([Text("c"), Null])])"#)]
#[case("_bytea", r#"["\\x00ff"]"#, "Array([Bytes([0, 255])])")]
#[case("_jsonb", r#"[[1], {"a": 2}]"#, r#"Array([Json([1]), Json({"a": 2})])"#)]
#[case("_text", r#""not an array""#, r#"Text("not an array")"#)]
#[case("_int4", "[]", "Array([])")]
fn a_value_is_in_the_type_of_its_column(#[case] type_name: &str, #[case] json: &str, #[case] expected: &str) {
    assert_eq!(shown(type_name, json), expected);
}

#[test]
fn columns_come_in_the_tables_order_and_strange_ones_last() {
    let columns = r#"{"name":"zeta","type":"text"},{"name":"a","type":"int4"},{"name":"gone","type":"text"}"#;
    let record = change(columns, r#"{"a":1,"strange":[1],"zeta":"z"}"#).record;
    let names: Vec<&str> = record.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["zeta", "a", "strange"]);
    assert_eq!(
        (record.type_name("a"), record.type_name("strange"), record.type_name("none")),
        (Some("int4"), None, None)
    );
    assert_eq!((record.get("gone"), record.len()), (None, 3));
    assert_eq!(record.get("strange").unwrap().get::<Vec<u8>>(), Ok(vec![1]));
}

#[test]
fn a_row_becomes_a_struct_without_loss() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Line {
        id: Uuid,
        price: Decimal,
        price_text: String,
        whole: i64,
        tags: Vec<String>,
        payload: Json,
        note: Option<String>,
        gone: Option<i32>,
        kept: Wrapper,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    struct Wrapper(i16);
    let columns = [
        ("id", "uuid"),
        ("price", "numeric"),
        ("price_text", "numeric"),
        ("whole", "numeric"),
        ("tags", "_text"),
        ("payload", "jsonb"),
        ("note", "text"),
        ("kept", "int2"),
        ("unused", "bytea"),
    ];
    let columns: Vec<String> =
        columns.iter().map(|(name, kind)| json!({ "name": name, "type": kind }).to_string()).collect();
    let record = r#"{"id":"22222222-2222-4222-8222-222222222222","price":1234567890123.4567,"price_text":0.10,"whole":7.00,"tags":["a"],"payload":{"n": 1.0},"note":null,"kept":3,"unused":"00"}"#;
    let row = change(&columns.join(","), record).record;
    let expected = Line {
        id: Uuid::parse_str("22222222-2222-4222-8222-222222222222").unwrap(),
        price: "1234567890123.4567".parse().unwrap(),
        price_text: "0.10".to_owned(),
        whole: 7,
        tags: vec!["a".to_owned()],
        payload: r#"{"n": 1.0}"#.parse().unwrap(),
        note: None,
        gone: None,
        kept: Wrapper(3),
    };
    assert_eq!(row.deserialize::<Line>(), Ok(expected));
}

/// Values are somebody's data: an error names the column and the kind of thing, never what was in it.
#[test]
fn an_error_names_the_column_and_not_the_value() {
    #[derive(Deserialize, Debug)]
    #[allow(dead_code, reason = "never filled")]
    struct Numbers {
        a: i32,
        b: i32,
    }
    let columns = r#"{"name":"a","type":"int8"},{"name":"b","type":"text"}"#;
    let error = |record: &str| change(columns, record).record.deserialize::<Numbers>().unwrap_err().to_string();
    assert_eq!(error(r#"{"a":1,"b":"secret"}"#), "column b: a text where i32 was expected");
    assert_eq!(error(r#"{"a":5000000000,"b":"secret"}"#), "column a: an integer that is not i32");
    assert_eq!(error(r#"{"a":null}"#), "column a: null where i32 was expected");
    assert_eq!(error(r#"{"a":1}"#), "missing field `b`");
    let fraction = value("numeric", "7.5").get::<i64>();
    assert_eq!(fraction, Err(RowError { column: None, message: "a number that is no i64".to_owned() }));
    let json = value("jsonb", r#"{"password":"secret"}"#).get::<i64>().unwrap_err();
    assert!(!json.to_string().contains("secret"), "{json}");
}

#[rstest]
#[case(r#""ids":[1]"#)]
#[case(r#""ids":[-1],"data":{}"#)]
#[case(r#""ids":[1],"data":{"schema":"s","table":"t","type":"TRUNCATE"}"#)]
#[case(r#""ids":[1],"data":{"schema":"s","table":"t"}"#)]
#[case(r#""ids":[1],"data":{"schema":"s","table":"t","type":"INSERT","type":"DELETE"}"#)]
#[case(r#""ids":[1],"data":{"schema":"s","table":"t","type":"INSERT","columns":[{"type":"int4"}]}"#)]
#[case(
    r#""ids":[1],"data":{"schema":"s","table":"t","type":"INSERT","columns":[{"name":"a"}],"record":{"a":1,"a":2}}"#
)]
fn what_is_no_change_is_refused(#[case] payload: &str) {
    assert!(decode_text(&format!(r#"[null,null,"realtime:t","postgres_changes",{{{payload}}}]"#)).is_err());
}
