/// Declares the values that a text on the wire may have, and keeps those that nobody listed.
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
/// assert_eq!(oci_image::json::from_slice::<Colour>(b"\"puce\"")?, Colour::Other("puce".into()));
/// # Ok::<(), oci_image::json::Error>(())
/// ```
///
/// Make values by `From`: `Other` of a listed text is not the listed value.
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
            /// A value that is not listed here.
            Other(String),
        }

        impl $name {
            /// The listed values.
            pub const LISTED: &'static [Self] = &[$(Self::$variant),*];

            /// The text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
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
                    _ => Self::Other(text.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Other(text),
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
