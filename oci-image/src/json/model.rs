/// Declares wire models: structs that read JSON objects strictly and lose nothing.
///
/// ```
/// oci_image::json::model! {
///     /// A pet.
///     pub struct Pet {
///         /// Its name.
///         required name: String = "name";
///         /// What it eats.
///         optional food: String = "favouriteFood";
///         /// Its nicknames.
///         list nicknames: Vec<String> = "nicknames";
///     }
/// }
/// let text = r#"{"name":"Rex","nicknames":null,"age":3.50}"#;
/// let pet: Pet = oci_image::json::from_slice(text.as_bytes())?;
/// assert_eq!(pet.name, "Rex");
/// assert_eq!(oci_image::json::to_vec(&pet)?, text.as_bytes());
/// assert_eq!(Pet::new("Rex".into()).food, None);
/// # Ok::<(), oci_image::json::Error>(())
/// ```
///
/// The kinds of members are
/// - `required name: Type`: an argument of `new`; missing or `null` is an error;
/// - `fixed name: Type = "member", value`: required in a document; `new` sets it to `value`;
/// - `required_list name: Collection`: required, `null` reads as empty; `new` leaves it empty;
/// - `optional name: Type`: an `Option`; `null` reads as `None`;
/// - `list name: Collection`: a plain `Vec` or map; absent and `null` read as empty.
///
/// `required size: u64 as Int63 = "size"` reads through another type that converts into the first.
/// Whatever is read as `null` or empty is written so again.
#[macro_export]
macro_rules! model {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $kind:ident $field:ident : $type:ty $(as $via:ty)? = $wire:literal $(, $value:expr)?;
            )*
        }
    )*) => {$(
        $crate::model!(@struct [$(#[$meta])* $vis struct $name] [] $(
            $kind [$(#[$field_meta])*] $field [$type];
        )*);

        impl $name {
            /// The names of the members that the model knows.
            pub const MEMBERS: &'static [&'static str] = &[$($wire),*];
        }

        $crate::model!(@new [$name] [] [] $($kind $field [$type] [$($value)?];)*);

        const _: () = {
            use $crate::json::private::serde::{
                de::{Deserialize, Deserializer, Error, MapAccess, Visitor},
                ser::{Serialize, SerializeMap, Serializer},
            };

            #[allow(non_camel_case_types)]
            enum Name { $($field,)* Unknown(String) }

            struct NameVisitor;

            impl Visitor<'_> for NameVisitor {
                type Value = Name;

                fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str("a member name")
                }

                fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
                    match name {
                        $($wire => Ok(Name::$field),)*
                        _ => match $crate::json::fold(name, $name::MEMBERS) {
                            None => Ok(Name::Unknown(name.to_owned())),
                            Some(known) => Err(E::custom(format_args!(
                                "member `{name}` differs from `{known}` only by letter case"
                            ))),
                        },
                    }
                }
            }

            impl<'de> Deserialize<'de> for Name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_identifier(NameVisitor)
                }
            }

            struct ModelVisitor;

            impl<'de> Visitor<'de> for ModelVisitor {
                type Value = $name;

                fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<$name, A::Error> {
                    let mut unknown = $crate::json::Members::new();
                    $(let mut $field = None;)*
                    loop {
                        match members.next_key::<Name>()? {
                            None => break,
                            $(Some(Name::$field) => {
                                if $field.is_some() {
                                    return Err(A::Error::custom(concat!("duplicate member `", $wire, "`")));
                                }
                                $field = Some($crate::model!(@read $kind [$type] [$($via)?] $wire members unknown));
                            })*
                            Some(Name::Unknown(name)) => {
                                let value = members.next_value()?;
                                if unknown.get(&name).is_some() {
                                    return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
                                }
                                unknown.insert(name, value);
                            }
                        }
                    }
                    Ok($name {
                        $($field: $crate::model!(@have $kind $field $wire A),)*
                        unknown,
                    })
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_map(ModelVisitor)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let mut map = serializer.serialize_map(None)?;
                    $($crate::model!(@write $kind self $field $wire map);)*
                    for (name, value) in &self.unknown {
                        if !$name::MEMBERS.contains(&name.as_str()) {
                            map.serialize_entry(name, value)?;
                        }
                    }
                    map.end()
                }
            }
        };
    )*};

    // The struct, one member after the other.
    (@struct [$($head:tt)*] [$($done:tt)*] optional [$($meta:tt)*] $field:ident [$type:ty]; $($rest:tt)*) => {
        $crate::model!(@struct [$($head)*] [$($done)* $($meta)* pub $field: Option<$type>,] $($rest)*);
    };
    (@struct [$($head:tt)*] [$($done:tt)*] $kind:ident [$($meta:tt)*] $field:ident [$type:ty]; $($rest:tt)*) => {
        $crate::model!(@struct [$($head)*] [$($done)* $($meta)* pub $field: $type,] $($rest)*);
    };
    (@struct [$($head:tt)*] [$($done:tt)*]) => {
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        $($head)* {
            $($done)*
            /// The members that the model does not know.
            pub unknown: $crate::json::Members,
        }
    };

    // The constructor: arguments in the first brackets, members in the second.
    (@new [$name:ident] [$($args:tt)*] [$($init:tt)*] required $field:ident [$type:ty] []; $($rest:tt)*) => {
        $crate::model!(@new [$name] [$($args)* $field: $type,] [$($init)* $field,] $($rest)*);
    };
    (@new [$name:ident] [$($args:tt)*] [$($init:tt)*] fixed $field:ident [$type:ty] [$value:expr]; $($rest:tt)*) => {
        $crate::model!(@new [$name] [$($args)*] [$($init)* $field: $value,] $($rest)*);
    };
    (@new [$name:ident] [$($args:tt)*] [$($init:tt)*] $kind:ident $field:ident [$type:ty] []; $($rest:tt)*) => {
        $crate::model!(@new [$name] [$($args)*] [$($init)* $field: Default::default(),] $($rest)*);
    };
    (@new [$name:ident] [] [$($init:tt)*]) => {
        impl $name {
            /// A value whose optional members are all absent.
            pub fn new() -> Self {
                Self { $($init)* unknown: $crate::json::Members::new() }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
    (@new [$name:ident] [$($args:tt)+] [$($init:tt)*]) => {
        impl $name {
            /// A value with the required members; all others are absent.
            pub fn new($($args)+) -> Self {
                Self { $($init)* unknown: $crate::json::Members::new() }
            }
        }
    };

    // One member's value.
    (@read required [$type:ty] [] $wire:literal $members:ident $unknown:ident) => {
        $members.next_value::<$type>()?
    };
    (@read fixed [$type:ty] [] $wire:literal $members:ident $unknown:ident) => {
        $members.next_value::<$type>()?
    };
    (@read required [$type:ty] [$via:ty] $wire:literal $members:ident $unknown:ident) => {
        <$type>::from($members.next_value::<$via>()?)
    };
    (@read optional [$type:ty] [] $wire:literal $members:ident $unknown:ident) => {
        $crate::model!(@null $members.next_value::<Option<$type>>()?, $wire $unknown)
    };
    (@read optional [$type:ty] [$via:ty] $wire:literal $members:ident $unknown:ident) => {
        $crate::model!(@null $members.next_value::<Option<$via>>()?, $wire $unknown).map(<$type>::from)
    };
    (@read $list:ident [$type:ty] [] $wire:literal $members:ident $unknown:ident) => {
        $crate::model!(@empty $list [$type] $members.next_value::<Option<$type>>()?, $wire $unknown)
    };
    (@read $list:ident [$type:ty] [$via:ty] $wire:literal $members:ident $unknown:ident) => {
        $crate::model!(@empty $list [$type] $members.next_value::<Option<$via>>()?.map(<$type>::from), $wire $unknown)
    };
    (@null $value:expr, $wire:literal $unknown:ident) => {{
        let value = $value;
        if value.is_none() {
            $unknown.insert($wire, $crate::json::Value::Null);
        }
        value
    }};
    (@empty $list:ident [$type:ty] $value:expr, $wire:literal $unknown:ident) => {{
        let value: Option<$type> = $value;
        match value {
            None => {
                $unknown.insert($wire, $crate::json::Value::Null);
                <$type>::default()
            }
            Some(value) => {
                $crate::model!(@remember $list [$type] value $wire $unknown);
                value
            }
        }
    }};
    (@remember required_list [$type:ty] $value:ident $wire:literal $unknown:ident) => {};
    (@remember list [$type:ty] $value:ident $wire:literal $unknown:ident) => {
        if $crate::json::Collection::is_empty(&$value) {
            $unknown.insert($wire, <$type as $crate::json::Collection>::EMPTY);
        }
    };

    // What a member is after the last one was read.
    (@have optional $field:ident $wire:literal $access:ident) => { $field.unwrap_or_default() };
    (@have list $field:ident $wire:literal $access:ident) => { $field.unwrap_or_default() };
    (@have $required:ident $field:ident $wire:literal $access:ident) => {
        $field.ok_or_else(|| <$access::Error as Error>::missing_field($wire))?
    };

    (@write optional $self:ident $field:ident $wire:literal $map:ident) => {
        match &$self.$field {
            Some(value) => $map.serialize_entry($wire, value)?,
            None => $crate::model!(@write_remembered $self $wire $map),
        }
    };
    (@write list $self:ident $field:ident $wire:literal $map:ident) => {
        if $crate::json::Collection::is_empty(&$self.$field) {
            $crate::model!(@write_remembered $self $wire $map)
        } else {
            $map.serialize_entry($wire, &$self.$field)?
        }
    };
    (@write required_list $self:ident $field:ident $wire:literal $map:ident) => {
        match $self.unknown.get($wire) {
            Some(null) if $crate::json::Collection::is_empty(&$self.$field) => $map.serialize_entry($wire, null)?,
            _ => $map.serialize_entry($wire, &$self.$field)?,
        }
    };
    (@write $required:ident $self:ident $field:ident $wire:literal $map:ident) => {
        $map.serialize_entry($wire, &$self.$field)?
    };
    (@write_remembered $self:ident $wire:literal $map:ident) => {
        if let Some(remembered) = $self.unknown.get($wire) {
            $map.serialize_entry($wire, remembered)?;
        }
    };
}
