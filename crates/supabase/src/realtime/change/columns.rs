//! The columns of a table, as the server describes them beside every change.

/// A column: its name and the name of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: Box<str>,
    /// PostgreSQL's own name (`int8`, `_text` for an array); empty when the server did not say.
    pub(crate) type_name: Box<str>,
    pub(crate) kind: ColumnKind,
}

/// How the values of a type are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ColumnKind {
    pub(crate) scalar: Scalar,
    pub(crate) array: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Int,
    Float,
    Uuid,
    Bytes,
    Json,
    /// Whatever the JSON is: text, a number, true or false.
    Plain,
}

impl ColumnKind {
    fn of(type_name: &str) -> Self {
        // `_` before a type's name is PostgreSQL's name for its array. A type of somebody's own can begin with it too, therefore only a
        // value that is an array is read as one.
        let (element, array) = type_name.strip_prefix('_').map_or((type_name, false), |element| (element, true));
        let scalar = match element {
            "int8" | "int4" | "int2" | "oid" => Scalar::Int,
            "float8" | "float4" => Scalar::Float,
            "uuid" => Scalar::Uuid,
            "bytea" => Scalar::Bytes,
            "jsonb" | "json" => Scalar::Json,
            _ => Scalar::Plain,
        };
        Self { scalar, array }
    }
}

/// All columns of a table in its own order. Shared by the rows that have them.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Columns {
    list: Vec<Column>,
    /// Indices into `list` in the order in which `jsonb` keeps its keys, the shorter ones first: that is how a record comes.
    as_in_records: Vec<u32>,
}

impl Columns {
    /// None when a name comes twice.
    pub(crate) fn new(columns: impl IntoIterator<Item = (Box<str>, Box<str>)>) -> Option<Self> {
        let list: Vec<Column> = columns
            .into_iter()
            .map(|(name, type_name)| Column { kind: ColumnKind::of(&type_name), name, type_name })
            .collect();
        let mut keyed: Vec<(u32, &str)> = (0..).zip(list.iter().map(|column| &*column.name)).collect();
        keyed.sort_by_key(|(_, name)| (name.len(), *name));
        if !keyed.is_sorted_by(|(_, one), (_, next)| one != next) {
            return None;
        }
        let as_in_records = keyed.into_iter().map(|(index, _)| index).collect();
        Some(Self { list, as_in_records })
    }

    /// These columns and then others of which only the names are known; none when a name comes twice.
    pub(crate) fn with(&self, names: impl IntoIterator<Item = Box<str>>) -> Option<Self> {
        let known = self.list.iter().map(|column| (column.name.clone(), column.type_name.clone()));
        Self::new(known.chain(names.into_iter().map(|name| (name, Box::default()))))
    }

    pub(crate) fn list(&self) -> &[Column] {
        &self.list
    }

    /// The index of a column.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.index_at(self.place(name)?)
    }

    /// The index of a column that is expected at a place in a record; moves the place on. A record usually has all of them in order.
    #[inline]
    pub(crate) fn find_next(&self, name: &str, place: &mut usize) -> Option<usize> {
        if let Some(index) = self.index_at(*place)
            && self.list.get(index).is_some_and(|column| &*column.name == name)
        {
            *place += 1;
            return Some(index);
        }
        let found = self.place(name)?;
        *place = found + 1;
        self.index_at(found)
    }

    fn index_at(&self, place: usize) -> Option<usize> {
        self.as_in_records.get(place).map(|index| *index as usize)
    }

    fn place(&self, name: &str) -> Option<usize> {
        let order = |index: &u32| {
            let column = self.list.get(*index as usize).map_or("", |column| &column.name);
            (column.len(), column).cmp(&(name.len(), name))
        };
        self.as_in_records.binary_search_by(order).ok()
    }
}
