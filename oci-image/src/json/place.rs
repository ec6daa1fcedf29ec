use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::pointer;

/// Where a reading stopped: which element of each array or object, the innermost first.
///
/// Nothing is written down until a value is refused, so that good documents cost nothing.
#[derive(Debug, Default)]
pub(super) struct Trail(RefCell<Vec<usize>>);

impl Trail {
    /// The JSON pointer (RFC 6901) of the place in `document`, which is JSON up to there.
    pub(super) fn pointer(&self, document: &[u8]) -> String {
        let mut items = Items(document);
        let mut pointer = String::new();
        for element in self.0.borrow().iter().rev() {
            let name = items.enter(*element);
            pointer.push('/');
            pointer.push_str(&pointer::step(&name));
        }
        pointer
    }
}

/// The items of JSON text: what stands between its brackets, colons and commas.
struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// Goes into an array or object, up to the value of an element, whose name this is.
    fn enter(&mut self, element: usize) -> String {
        let is_object = self.0.trim_ascii_start().first() == Some(&b'{');
        self.0 = self.0.trim_ascii_start().get(1..).unwrap_or_default();
        if !is_object {
            (0..element).for_each(|_| _ = self.next());
            return element.to_string();
        }
        (0..2 * element).for_each(|_| _ = self.next());
        serde_json::from_slice(self.next()).unwrap_or_default()
    }

    /// The next item; the delimiter behind it is left out.
    fn next(&mut self) -> &'a [u8] {
        let (mut depth, mut is_text, mut is_escaped) = (0, false, false);
        let end = self.0.iter().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_text = !is_text,
                _ if is_text => {}
                b'{' | b'[' => depth += 1,
                b',' | b':' if depth == 0 => return true,
                b'}' | b']' if depth == 0 => return true,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            false
        });
        let (item, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        item
    }
}

/// A deserializer, visitor or seed that writes down on the trail where a value is refused.
pub(super) struct Placed<'a, T> {
    inner: T,
    trail: &'a Trail,
}

impl<'a, T> Placed<'a, T> {
    pub(super) fn new(inner: T, trail: &'a Trail) -> Self {
        Self { inner, trail }
    }
}

/// What has no elements whose places are wanted is read as it is.
macro_rules! as_it_is {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($argument,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Placed<'_, D> {
    type Error = D::Error;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(Placed::new(visitor, self.trail))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_seq(Placed::new(visitor, self.trail))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(Placed::new(visitor, self.trail))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, Placed::new(visitor, self.trail))
    }

    as_it_is! {
        deserialize_any()
        deserialize_bool()
        deserialize_i8()
        deserialize_i16()
        deserialize_i32()
        deserialize_i64()
        deserialize_i128()
        deserialize_u8()
        deserialize_u16()
        deserialize_u32()
        deserialize_u64()
        deserialize_u128()
        deserialize_f32()
        deserialize_f64()
        deserialize_char()
        deserialize_str()
        deserialize_string()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
        deserialize_ignored_any()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Placed<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Placed::new(some, self.trail))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Elements { inner: elements, trail: self.trail, read: 0 })
    }

    fn visit_map<A: MapAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Elements { inner: elements, trail: self.trail, read: 0 })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Placed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Placed::new(deserializer, self.trail))
    }
}

/// The elements of an array or object, of which so many were read.
struct Elements<'a, A> {
    inner: A,
    trail: &'a Trail,
    read: usize,
}

impl<A> Elements<'_, A> {
    /// Takes values by reference, as they are large.
    fn note<T, E>(&mut self, value: &Result<T, E>) {
        if value.is_err() {
            self.trail.0.borrow_mut().push(self.read);
        }
        self.read += 1;
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let value = self.inner.next_element_seed(Placed::new(seed, self.trail));
        self.note(&value);
        value
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.inner.next_value_seed(Placed::new(seed, self.trail));
        self.note(&value);
        value
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}
