//! The files of the catalogue. Rewritten by `UPDATE_INDEX=1 cargo test -p crosswire-scenarios index`; a test compares.

#[rustfmt::skip]
pub(crate) const FILES: &[(&str, &str)] = &[
    ("catalogue/abort/client-abort-before-headers.toml", include_str!("../catalogue/abort/client-abort-before-headers.toml")),
    ("catalogue/boundary/connect-refused-with-body.toml", include_str!("../catalogue/boundary/connect-refused-with-body.toml")),
    ("catalogue/boundary/early-final-unsent-body.toml", include_str!("../catalogue/boundary/early-final-unsent-body.toml")),
    ("catalogue/boundary/expect-early-final.toml", include_str!("../catalogue/boundary/expect-early-final.toml")),
    ("catalogue/boundary/local-reply-undrained-body.toml", include_str!("../catalogue/boundary/local-reply-undrained-body.toml")),
    ("catalogue/boundary/pipelined-bad-first.toml", include_str!("../catalogue/boundary/pipelined-bad-first.toml")),
    ("catalogue/boundary/tail-after-head.toml", include_str!("../catalogue/boundary/tail-after-head.toml")),
    ("catalogue/boundary/te-cl-disagreement.toml", include_str!("../catalogue/boundary/te-cl-disagreement.toml")),
    ("catalogue/boundary/upgrade-fake-accept.toml", include_str!("../catalogue/boundary/upgrade-fake-accept.toml")),
    ("catalogue/boundary/upgrade-refused-with-tail.toml", include_str!("../catalogue/boundary/upgrade-refused-with-tail.toml")),
    ("catalogue/cache/same-url-other-tenant.toml", include_str!("../catalogue/cache/same-url-other-tenant.toml")),
    ("catalogue/concurrency/crowd.toml", include_str!("../catalogue/concurrency/crowd.toml")),
    ("catalogue/concurrency/plain-concurrency.toml", include_str!("../catalogue/concurrency/plain-concurrency.toml")),
    ("catalogue/interim/interim-100-late-final.toml", include_str!("../catalogue/interim/interim-100-late-final.toml")),
    ("catalogue/interim/interim-103-split.toml", include_str!("../catalogue/interim/interim-103-split.toml")),
    ("catalogue/surplus/surplus-frozen.toml", include_str!("../catalogue/surplus/surplus-frozen.toml")),
    ("catalogue/surplus/surplus-in-flight-control.toml", include_str!("../catalogue/surplus/surplus-in-flight-control.toml")),
    ("catalogue/surplus/surplus-same-segment.toml", include_str!("../catalogue/surplus/surplus-same-segment.toml")),
];
