//! The files of the catalogue. Rewritten by `UPDATE_INDEX=1 cargo test -p crosswire-scenarios index`; a test compares.

#[rustfmt::skip]
pub(crate) const FILES: &[(&str, &str)] = &[
    ("catalogue/abort/client-abort-before-headers.toml", include_str!("../catalogue/abort/client-abort-before-headers.toml")),
    ("catalogue/cache/same-url-other-tenant.toml", include_str!("../catalogue/cache/same-url-other-tenant.toml")),
    ("catalogue/concurrency/crowd.toml", include_str!("../catalogue/concurrency/crowd.toml")),
    ("catalogue/concurrency/plain-concurrency.toml", include_str!("../catalogue/concurrency/plain-concurrency.toml")),
    ("catalogue/interim/interim-100-late-final.toml", include_str!("../catalogue/interim/interim-100-late-final.toml")),
    ("catalogue/interim/interim-103-split.toml", include_str!("../catalogue/interim/interim-103-split.toml")),
    ("catalogue/surplus/surplus-frozen.toml", include_str!("../catalogue/surplus/surplus-frozen.toml")),
    ("catalogue/surplus/surplus-in-flight-control.toml", include_str!("../catalogue/surplus/surplus-in-flight-control.toml")),
    ("catalogue/surplus/surplus-same-segment.toml", include_str!("../catalogue/surplus/surplus-same-segment.toml")),
];
