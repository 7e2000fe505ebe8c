//! A row: the columns of a table, and values for those that were sent.

use std::sync::Arc;

use serde::Deserialize;

use super::columns::Columns;
use super::{ColumnValue, RowError};

/// The columns of a row in the table's order, with the name of each column's type.
///
/// A column can be missing, which is not the same as null: the server leaves out large values that did not change, and most values of a row
/// that was too large.
#[derive(Debug, Clone, Default)]
pub struct Row {
    columns: Arc<Columns>,
    /// By the index of the column; shorter than the columns when the last ones are missing.
    values: Vec<Option<ColumnValue>>,
}

impl Row {
    pub(crate) fn new(columns: Arc<Columns>, values: Vec<Option<ColumnValue>>) -> Self {
        Self { columns, values }
    }

    /// The value of a column; none when the server left it out.
    pub fn get(&self, column: &str) -> Option<&ColumnValue> {
        self.values.get(self.columns.find(column)?)?.as_ref()
    }

    /// The name of a column's type as PostgreSQL's catalogue has it: `int8`, `_text` for an array of text. None when the table has no such
    /// column or the server did not say.
    pub fn type_name(&self, column: &str) -> Option<&str> {
        let column = self.columns.list().get(self.columns.find(column)?)?;
        (!column.type_name.is_empty()).then_some(&*column.type_name)
    }

    /// The columns that are here, with their values, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ColumnValue)> {
        let pairs = self.columns.list().iter().zip(&self.values);
        pairs.filter_map(|(column, value)| value.as_ref().map(|value| (&*column.name, value)))
    }

    /// How many columns are here.
    pub fn len(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    /// The row as a struct whose fields are named as the columns. Values are converted only where nothing is lost:
    ///
    /// - `int8` to any integer that can hold it; `numeric` to text, to a decimal type that reads text (`rust_decimal::Decimal`), to an integer
    ///   when it is one, and to a float only because that was asked for;
    /// - `uuid` to `Uuid` or text, `bytea` to bytes or `Vec<u8>`, `jsonb` to whatever its JSON can be;
    /// - enumerations to an enum's variants; dates and times from their text.
    ///
    /// A column that is missing or null is `None` for an `Option`. Columns without a field are passed over.
    ///
    /// # Errors
    /// Names the column and what was wrong with it, without its value.
    pub fn deserialize<'a, T: Deserialize<'a>>(&'a self) -> Result<T, RowError> {
        T::deserialize(self)
    }
}

/// Equal when the same columns are here with the same values, whatever is known of columns that are not.
impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
