//! Columns: their types in the schema, and the values that wait for their row group.
//!
//! A column is a single value, a list of structures, or a map, which is a list of keys and values. That is as deep as it
//! goes, so that levels of definition and repetition are told in a few lines (see [`Column::push`]).

use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, Type as Physical};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::schema::types::{Type, TypePtr};

use crate::pipeline::judged::Judged;

/// The type of a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// 32 bits without a sign.
    Number,
    /// 64 bits with a sign.
    Long,
    Double,
    Bool,
}

/// A single value of a list's elements, or a column's only one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_optional: bool,
}

impl Field {
    pub(super) const fn of(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            is_optional: false,
        }
    }

    pub(super) const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            is_optional: true,
            ..Self::of(name, kind)
        }
    }
}

/// What a column holds in each row.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    One(Kind),
    /// One, or null.
    Maybe(Kind),
    /// A list of single values.
    Values(Kind),
    /// A list of structures.
    List(&'static [Field]),
    /// The same, or null.
    MaybeList(&'static [Field]),
    /// Texts by text.
    Map,
}

/// The fields of a map's entries.
const ENTRY: [Field; 2] = [Field::of("key", Kind::Text), Field::of("value", Kind::Text)];

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Cell<'a> {
    Null,
    Text(&'a str),
    Owned(String),
    Number(u32),
    Long(u64),
    Double(f64),
    Bool(bool),
    /// Elements, each with all its fields.
    List(Vec<Vec<Cell<'a>>>),
}

impl<'a> Cell<'a> {
    /// A value, or null.
    pub(super) fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, cell)
    }
}

/// How a column's value is taken from a sample.
type Take = Box<dyn for<'a> Fn(&'a Judged) -> Cell<'a>>;

/// A column of the file, with the values that wait for their row group.
pub(super) struct Column {
    name: String,
    shape: Shape,
    take: Take,
    leaves: Vec<Leaf>,
}

/// One physical column.
struct Leaf {
    is_optional: bool,
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Number(Vec<i32>),
    Long(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<bool>),
}

impl Column {
    pub(super) fn new(
        name: impl Into<String>,
        shape: Shape,
        take: impl for<'a> Fn(&'a Judged) -> Cell<'a> + 'static,
    ) -> Self {
        let leaves = match &shape {
            Shape::One(kind) | Shape::Values(kind) => vec![Leaf::new(*kind, false)],
            Shape::Maybe(kind) => vec![Leaf::new(*kind, true)],
            Shape::List(fields) | Shape::MaybeList(fields) => Leaf::all(fields),
            Shape::Map => Leaf::all(&ENTRY),
        };
        Self {
            name: name.into(),
            shape,
            take: Box::new(take),
            leaves,
        }
    }

    /// Its type in the schema.
    pub(super) fn schema(&self) -> Result<TypePtr> {
        let (required, optional) = (Repetition::REQUIRED, Repetition::OPTIONAL);
        let fields = |fields: &[Field]| {
            let fields = fields.iter().map(|field| match field.is_optional {
                true => primitive(field.name, field.kind, optional),
                false => primitive(field.name, field.kind, required),
            });
            fields.collect::<Result<Vec<_>>>()
        };
        let element = |of: &[Field]| group("element", required, None, fields(of)?);
        let list = |outer, element| {
            let inner = group("list", Repetition::REPEATED, None, vec![element])?;
            group(&self.name, outer, Some(LogicalType::List), vec![inner])
        };
        match &self.shape {
            Shape::One(kind) => primitive(&self.name, *kind, required),
            Shape::Maybe(kind) => primitive(&self.name, *kind, optional),
            Shape::Values(kind) => list(required, primitive("element", *kind, required)?),
            Shape::List(of) => list(required, element(of)?),
            Shape::MaybeList(of) => list(optional, element(of)?),
            Shape::Map => {
                let entries = group("key_value", Repetition::REPEATED, None, fields(&ENTRY)?)?;
                group(&self.name, required, Some(LogicalType::Map), vec![entries])
            }
        }
    }

    /// Takes the value of one sample. Gives the bytes that it holds until it is written, about.
    pub(super) fn push(&mut self, sample: &Judged) -> Result<usize> {
        let wrong = |cell: &Cell<'_>| {
            let name = &self.name;
            ParquetError::General(format!("column `{name}` cannot hold {cell:?}"))
        };
        let outer = i16::from(matches!(self.shape, Shape::MaybeList(_)));
        let cell = (self.take)(sample);
        let mut bytes = 0;
        match (&self.shape, cell) {
            (Shape::One(_), cell) => {
                bytes += self.leaves[0]
                    .put(cell, 0, 0)
                    .map_err(|cell| wrong(&cell))?;
            }
            (Shape::Maybe(_), cell) => {
                bytes += self.leaves[0]
                    .put(cell, 1, 0)
                    .map_err(|cell| wrong(&cell))?;
            }
            // A null list is defined to no level, an empty one to that of the list alone.
            (Shape::MaybeList(_), Cell::Null) => {
                self.leaves.iter_mut().for_each(|leaf| leaf.mark(0, 0));
            }
            (_, Cell::List(elements)) if elements.is_empty() => {
                self.leaves.iter_mut().for_each(|leaf| leaf.mark(outer, 0));
            }
            (_, Cell::List(elements)) => {
                for (place, element) in elements.into_iter().enumerate() {
                    let repetition = i16::from(place > 0);
                    for (leaf, cell) in self.leaves.iter_mut().zip(element) {
                        let definition = outer + 1 + i16::from(leaf.is_optional);
                        let put = leaf.put(cell, definition, repetition);
                        bytes += put.map_err(|cell| wrong(&cell))?;
                    }
                }
            }
            (_, cell) => return Err(wrong(&cell)),
        }
        Ok(bytes)
    }

    /// Its physical columns.
    pub(super) fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Writes what waits in one physical column, and forgets it.
    pub(super) fn write(&mut self, leaf: usize, writer: &mut ColumnWriter<'_>) -> Result<()> {
        let leaf = &mut self.leaves[leaf];
        let (definitions, repetitions) = (&leaf.definitions, &leaf.repetitions);
        let definitions = Some(definitions.as_slice());
        let repetitions = Some(repetitions.as_slice());
        match (writer, &mut leaf.values) {
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
                values.clear();
            }
            (ColumnWriter::Int32ColumnWriter(writer), Values::Number(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
                values.clear();
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Long(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
                values.clear();
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Double(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
                values.clear();
            }
            (ColumnWriter::BoolColumnWriter(writer), Values::Bool(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
                values.clear();
            }
            _ => {
                let name = &self.name;
                let what = format!("column `{name}` has another type in the schema");
                return Err(ParquetError::General(what));
            }
        }
        leaf.definitions.clear();
        leaf.repetitions.clear();
        Ok(())
    }
}

impl Leaf {
    fn new(kind: Kind, is_optional: bool) -> Self {
        Self {
            is_optional,
            values: match kind {
                Kind::Text => Values::Text(Vec::new()),
                Kind::Number => Values::Number(Vec::new()),
                Kind::Long => Values::Long(Vec::new()),
                Kind::Double => Values::Double(Vec::new()),
                Kind::Bool => Values::Bool(Vec::new()),
            },
            definitions: Vec::new(),
            repetitions: Vec::new(),
        }
    }

    fn all(fields: &[Field]) -> Vec<Self> {
        let leaf = |field: &Field| Self::new(field.kind, field.is_optional);
        fields.iter().map(leaf).collect()
    }

    /// Notes that there is no value.
    fn mark(&mut self, definition: i16, repetition: i16) {
        self.definitions.push(definition);
        self.repetitions.push(repetition);
    }

    /// Keeps a value: `definition` is its level if it is there. Gives back what it cannot hold.
    fn put<'a>(
        &mut self,
        cell: Cell<'a>,
        definition: i16,
        repetition: i16,
    ) -> std::result::Result<usize, Cell<'a>> {
        let bytes = match (&mut self.values, cell) {
            (_, Cell::Null) if self.is_optional => {
                self.mark(definition - 1, repetition);
                return Ok(size_of::<i16>() * 2);
            }
            (Values::Text(values), Cell::Text(text)) => {
                values.push(ByteArray::from(text.as_bytes().to_vec()));
                size_of::<ByteArray>() + text.len()
            }
            (Values::Text(values), Cell::Owned(text)) => {
                let length = text.len();
                values.push(ByteArray::from(text.into_bytes()));
                size_of::<ByteArray>() + length
            }
            // Parquet keeps numbers without a sign in the bits of those with one.
            (Values::Number(values), Cell::Number(number)) => {
                values.push(number.cast_signed());
                size_of::<i32>()
            }
            (Values::Long(values), Cell::Long(number)) => {
                values.push(i64::try_from(number).unwrap_or(i64::MAX));
                size_of::<i64>()
            }
            (Values::Double(values), Cell::Double(number)) => {
                values.push(number);
                size_of::<f64>()
            }
            (Values::Bool(values), Cell::Bool(value)) => {
                values.push(value);
                size_of::<bool>()
            }
            (_, cell) => return Err(cell),
        };
        self.mark(definition, repetition);
        Ok(bytes + size_of::<i16>() * 2)
    }
}

fn primitive(name: &str, kind: Kind, repetition: Repetition) -> Result<TypePtr> {
    let (physical, logical) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Number => (Physical::INT32, Some(LogicalType::integer(32, false))),
        Kind::Long => (Physical::INT64, None),
        Kind::Double => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
        .map(Arc::new)
}

fn group(
    name: &str,
    repetition: Repetition,
    logical: Option<LogicalType>,
    fields: Vec<TypePtr>,
) -> Result<TypePtr> {
    Type::group_type_builder(name)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .with_fields(fields)
        .build()
        .map(Arc::new)
}
