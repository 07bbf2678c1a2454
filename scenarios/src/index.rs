//! The files of the catalogue. Rewritten by `UPDATE_INDEX=1 cargo test -p crosswire-scenarios index`; a test compares.

#[rustfmt::skip]
pub(crate) const FILES: &[(&str, &str)] = &[
    ("catalogue/abort/client-abort-before-headers.toml", include_str!("../catalogue/abort/client-abort-before-headers.toml")),
    ("catalogue/cache/cache-auth-unkeyed.toml", include_str!("../catalogue/cache/cache-auth-unkeyed.toml")),
    ("catalogue/cache/cache-cookie-bleed.toml", include_str!("../catalogue/cache/cache-cookie-bleed.toml")),
    ("catalogue/cache/cache-directive-matrix.toml", include_str!("../catalogue/cache/cache-directive-matrix.toml")),
    ("catalogue/cache/cache-key-ambiguity.toml", include_str!("../catalogue/cache/cache-key-ambiguity.toml")),
    ("catalogue/cache/coalesce-cross-principal.toml", include_str!("../catalogue/cache/coalesce-cross-principal.toml")),
    ("catalogue/cache/revalidation-304-cross.toml", include_str!("../catalogue/cache/revalidation-304-cross.toml")),
    ("catalogue/cache/same-path-other-authority.toml", include_str!("../catalogue/cache/same-path-other-authority.toml")),
    ("catalogue/cache/same-url-other-tenant.toml", include_str!("../catalogue/cache/same-url-other-tenant.toml")),
    ("catalogue/concurrency/crowd.toml", include_str!("../catalogue/concurrency/crowd.toml")),
    ("catalogue/concurrency/plain-concurrency.toml", include_str!("../catalogue/concurrency/plain-concurrency.toml")),
    ("catalogue/correlation/duplicate-request-id.toml", include_str!("../catalogue/correlation/duplicate-request-id.toml")),
    ("catalogue/identity/principal-context-race.toml", include_str!("../catalogue/identity/principal-context-race.toml")),
    ("catalogue/interim/interim-100-late-final.toml", include_str!("../catalogue/interim/interim-100-late-final.toml")),
    ("catalogue/interim/interim-103-split.toml", include_str!("../catalogue/interim/interim-103-split.toml")),
    ("catalogue/pool/pool-key-confusion.toml", include_str!("../catalogue/pool/pool-key-confusion.toml")),
    ("catalogue/recycling/buffer-residue-scan.toml", include_str!("../catalogue/recycling/buffer-residue-scan.toml")),
    ("catalogue/recycling/error-path-recycle.toml", include_str!("../catalogue/recycling/error-path-recycle.toml")),
    ("catalogue/recycling/field-omission-bleed.toml", include_str!("../catalogue/recycling/field-omission-bleed.toml")),
    ("catalogue/retry/retry-duplicate-body.toml", include_str!("../catalogue/retry/retry-duplicate-body.toml")),
    ("catalogue/surplus/surplus-frozen.toml", include_str!("../catalogue/surplus/surplus-frozen.toml")),
    ("catalogue/surplus/surplus-in-flight-control.toml", include_str!("../catalogue/surplus/surplus-in-flight-control.toml")),
    ("catalogue/surplus/surplus-same-segment.toml", include_str!("../catalogue/surplus/surplus-same-segment.toml")),
];
