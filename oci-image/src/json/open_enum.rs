use std::fmt;

/// The text of a value that an [`open_enum!`](crate::json::open_enum) does not list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unlisted(String);

impl Unlisted {
    /// For the macro, which has compared `text` with every listed value.
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Declares the values that a text on the wire may have, and keeps those that are not listed.
///
/// ```
/// oci_image::json::open_enum! {
///     /// A colour.
///     pub enum Colour {
///         /// Red.
///         Red = "red";
///     }
/// }
/// assert_eq!(Colour::from("red"), Colour::Red);
/// assert_eq!(Colour::from("puce").as_str(), "puce");
/// assert_eq!(oci_image::json::from_slice::<Colour>(b"\"puce\"")?, Colour::from("puce"));
/// assert!(Colour::from("puce") == "puce" && !Colour::from("puce").is_listed());
/// # Ok::<(), oci_image::json::Error>(())
/// ```
///
/// Compare a value that is not listed by its text (`as_str`, or `==` with a `str`), and
/// make it by `From`. What `Other` holds cannot be named or made otherwise, so a value that is listed later
/// breaks no program, and `Other` never holds a listed text.
#[macro_export]
macro_rules! open_enum {
    ($(
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal;)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        $vis enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// A value that is not listed here. Compare its text, which [`as_str`](Self::as_str) gives.
            Other($crate::json::Unlisted),
        }

        impl $name {
            /// The listed values.
            pub const LISTED: &'static [Self] = &[$(Self::$variant),*];

            /// The text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text.as_str(),
                }
            }

            /// Whether the value is a listed one.
            pub fn is_listed(&self) -> bool {
                !matches!(self, Self::Other(_))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    _ => Self::Other($crate::json::private::unlisted(text.to_owned())),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Other($crate::json::private::unlisted(text)),
                }
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.as_str() == text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                self.as_str() == *text
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        const _: () = {
            use $crate::json::private::serde::{
                de::{Deserialize, Deserializer, Error, Visitor},
                ser::{Serialize, Serializer},
            };

            struct Text;

            impl Visitor<'_> for Text {
                type Value = $name;

                fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str("a string")
                }

                fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                    Ok(text.into())
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_str(Text)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.as_str())
                }
            }
        };
    )*};
}
