/// Declares open enums whose variants are documented by their texts.
macro_rules! open {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident { $($variant:ident = $text:literal,)+ }
    )+) => {
        oci_image::json::open_enum! {$(
            $(#[$meta])*
            pub enum $name {
                $(#[doc = concat!("`", $text, "`.")] $variant = $text;)+
            }
        )+}
    };
}
