use crate::json::{Members, model};
use crate::{MediaType, Model};

model! {
    /// The file `oci-layout` ([image-layout.md]).
    ///
    /// [image-layout.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
    pub struct LayoutFile {
        /// The version of the layout, `1.0.0`.
        fixed image_layout_version: String = "imageLayoutVersion", Self::VERSION.into();
    }
}

impl LayoutFile {
    /// The one version that there is.
    pub const VERSION: &'static str = "1.0.0";
}

impl Model for LayoutFile {
    const MEDIA_TYPES: &'static [MediaType] = &[MediaType::LAYOUT_HEADER];

    fn unknown(&self) -> &Members {
        &self.unknown
    }
}
