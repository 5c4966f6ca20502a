//! The encoder: straight from a document to its bytes. An object's values are written as they come, and put in
//! the order of their keys when the object ends.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::ser::{self, Serializer};
use serde_json::Value;

use super::{CanonicalError, string};

impl ser::Error for CanonicalError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Shape(<serde_json::Error as ser::Error>::custom(message))
    }
}

type Done = Result<(), CanonicalError>;

/// Bytes written so far.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
}

impl Writer {
    fn number(&mut self, number: impl fmt::Display) -> Done {
        use std::io::Write as _;
        write!(self.out, "{number}").map_err(|e| CanonicalError::Shape(serde_json::Error::io(e)))
    }

    /// Opens `{"name":`, for what a variant holds.
    fn variant(&mut self, name: &str) -> Done {
        self.out.push(b'{');
        string(name, &mut self.out)?;
        self.out.push(b':');
        Ok(())
    }
}

/// A list that is being written, and what closes it.
pub(super) struct List<'a> {
    to: &'a mut Writer,
    first: bool,
    end: &'static [u8],
}

impl<'a> List<'a> {
    fn new(to: &'a mut Writer, end: &'static [u8]) -> Self {
        to.out.push(b'[');
        Self { to, first: true, end }
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Done {
        if !std::mem::take(&mut self.first) {
            self.to.out.push(b',');
        }
        item.serialize(&mut *self.to)
    }

    fn close(self) -> Done {
        self.to.out.extend_from_slice(self.end);
        Ok(())
    }
}

/// An object that is being written: where it starts, its values' places, and what closes it.
pub(super) struct Object<'a> {
    to: &'a mut Writer,
    start: usize,
    fields: Vec<(Cow<'static, str>, Range<usize>)>,
    key: Option<String>,
    end: &'static [u8],
}

impl<'a> Object<'a> {
    fn new(to: &'a mut Writer, len: usize, end: &'static [u8]) -> Self {
        let start = to.out.len();
        Self { to, start, fields: Vec::with_capacity(len), key: None, end }
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: Cow<'static, str>, value: &T) -> Done {
        let from = self.to.out.len();
        value.serialize(&mut *self.to)?;
        self.fields.push((key, from..self.to.out.len()));
        Ok(())
    }

    fn close(self) -> Done {
        let Self { to, start, mut fields, end, .. } = self;
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        let mut sorted = Vec::with_capacity(to.out.len() - start + 16 * fields.len() + 2);
        sorted.push(b'{');
        for (at, (key, place)) in fields.iter().enumerate() {
            // Of a key that comes twice the last value stands.
            if fields.get(at + 1).is_some_and(|(next, _)| next == key) {
                continue;
            }
            if sorted.len() > 1 {
                sorted.push(b',');
            }
            string(key, &mut sorted)?;
            sorted.push(b':');
            sorted.extend_from_slice(&to.out[place.clone()]);
        }
        to.out.truncate(start);
        to.out.extend_from_slice(&sorted);
        to.out.extend_from_slice(end);
        Ok(())
    }
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, v: bool) -> Done {
        self.out.extend_from_slice(if v { b"true" } else { b"false" });
        Ok(())
    }
    fn serialize_i8(self, v: i8) -> Done {
        self.number(v)
    }
    fn serialize_i16(self, v: i16) -> Done {
        self.number(v)
    }
    fn serialize_i32(self, v: i32) -> Done {
        self.number(v)
    }
    fn serialize_i64(self, v: i64) -> Done {
        self.number(v)
    }
    fn serialize_u8(self, v: u8) -> Done {
        self.number(v)
    }
    fn serialize_u16(self, v: u16) -> Done {
        self.number(v)
    }
    fn serialize_u32(self, v: u32) -> Done {
        self.number(v)
    }
    fn serialize_u64(self, v: u64) -> Done {
        self.number(v)
    }
    fn serialize_f32(self, _: f32) -> Done {
        Err(CanonicalError::Value)
    }
    fn serialize_f64(self, _: f64) -> Done {
        Err(CanonicalError::Value)
    }
    fn serialize_char(self, v: char) -> Done {
        string(v.encode_utf8(&mut [0; 4]), &mut self.out)
    }
    fn serialize_str(self, v: &str) -> Done {
        string(v, &mut self.out)
    }
    fn serialize_bytes(self, v: &[u8]) -> Done {
        let mut list = List::new(self, b"]");
        v.iter().try_for_each(|byte| list.item(byte))?;
        list.close()
    }
    fn serialize_none(self) -> Done {
        Err(CanonicalError::Value)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        Err(CanonicalError::Value)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        Err(CanonicalError::Value)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        string(variant, &mut self.out)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.out.push(b'}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, CanonicalError> {
        Ok(List::new(self, b"]"))
    }
    fn serialize_tuple(self, _: usize) -> Result<List<'a>, CanonicalError> {
        Ok(List::new(self, b"]"))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, CanonicalError> {
        Ok(List::new(self, b"]"))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, CanonicalError> {
        self.variant(variant)?;
        Ok(List::new(self, b"]}"))
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Object<'a>, CanonicalError> {
        Ok(Object::new(self, len.unwrap_or_default(), b"}"))
    }
    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Object<'a>, CanonicalError> {
        Ok(Object::new(self, len, b"}"))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Object<'a>, CanonicalError> {
        self.variant(variant)?;
        Ok(Object::new(self, len, b"}}"))
    }
}

impl ser::SerializeSeq for List<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.item(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeTuple for List<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.item(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeTupleStruct for List<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.item(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeTupleVariant for List<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.item(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.key = Some(match serde_json::to_value(key).map_err(CanonicalError::Shape)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            _ => return Err(CanonicalError::Value),
        });
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        let key = self.key.take().unwrap_or_default();
        self.field(Cow::Owned(key), value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        self.field(Cow::Borrowed(key), value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeStructVariant for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        self.field(Cow::Borrowed(key), value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;

    use serde_json::Value;

    use super::super::{CanonicalError, encode, string};

    /// The encoding by way of a tree of values: what the encoder is tested against.
    fn through_value<T: Serialize>(document: &T) -> Result<Vec<u8>, CanonicalError> {
        let value = serde_json::to_value(document).map_err(CanonicalError::Shape)?;
        let mut out = Vec::new();
        write(&value, &mut out)?;
        Ok(out)
    }

    fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
        match value {
            Value::Null => return Err(CanonicalError::Value),
            Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Value::Number(n) if n.is_i64() || n.is_u64() => {
                out.extend_from_slice(n.to_string().as_bytes());
            }
            Value::Number(_) => return Err(CanonicalError::Value),
            Value::String(text) => string(text, out)?,
            Value::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write(item, out)?;
                }
                out.push(b']');
            }
            Value::Object(map) => {
                // serde_json keeps keys sorted only while no crate in the build asks for insertion order.
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort();
                out.push(b'{');
                for (i, key) in keys.into_iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    string(key, out)?;
                    out.push(b':');
                    write(&map[key], out)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }

    /// Every shape that a document can take, with names out of order.
    #[derive(Serialize, Clone, Debug)]
    enum Shape {
        Unit,
        Newtype(i64),
        Pair(u8, String),
        Named { z: bool, a: Box<Option<Shape>>, m: Vec<u64> },
    }

    #[derive(Serialize, Clone, Debug)]
    #[serde(tag = "kind")]
    enum Tagged {
        Zebra { a: i32 },
        Ant,
    }

    #[derive(Serialize, Clone, Debug)]
    struct Document {
        title: String,
        b: BTreeMap<String, Shape>,
        numbers: BTreeMap<i16, (u8, char)>,
        #[serde(flatten)]
        more: Tagged,
        a: Shape,
        #[serde(skip_serializing_if = "Option::is_none")]
        none: Option<u8>,
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let leaf = prop_oneof![
            Just(Shape::Unit),
            any::<i64>().prop_map(Shape::Newtype),
            (any::<u8>(), ".{0,6}").prop_map(|(n, text)| Shape::Pair(n, text)),
        ];
        leaf.prop_recursive(3, 12, 2, |inner| {
            (
                any::<bool>(),
                prop::option::weighted(0.9, inner),
                prop::collection::vec(any::<u64>(), 0..3),
            )
                .prop_map(|(z, a, m)| Shape::Named { z, a: Box::new(a), m })
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_way_through_a_tree(
            title in ".{0,8}",
            b in prop::collection::btree_map("\\PC{0,3}|[\"\\\\\n~]{0,2}", shapes(), 0..4),
            numbers in prop::collection::btree_map(any::<i16>(), (any::<u8>(), any::<char>()), 0..4),
            a in shapes(),
            zebra in prop::option::of(any::<i32>()),
            none in prop::option::of(any::<u8>()),
        ) {
            let more = zebra.map_or(Tagged::Ant, |a| Tagged::Zebra { a });
            let document = Document { title, b, numbers, more, a, none };
            prop_assert_eq!(encode(&document).ok(), through_value(&document).ok());
        }
    }
}
