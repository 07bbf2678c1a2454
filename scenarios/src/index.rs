//! The files of the catalogue. Rewritten by `UPDATE_INDEX=1 cargo test -p crosswire-scenarios index`; a test compares.

#[rustfmt::skip]
pub(crate) const FILES: &[(&str, &str)] = &[
    ("catalogue/abort/client-abort-before-headers.toml", include_str!("../catalogue/abort/client-abort-before-headers.toml")),
    ("catalogue/abort/client-abort-mid-body.toml", include_str!("../catalogue/abort/client-abort-mid-body.toml")),
    ("catalogue/cache/same-url-other-tenant.toml", include_str!("../catalogue/cache/same-url-other-tenant.toml")),
    ("catalogue/concurrency/crowd.toml", include_str!("../catalogue/concurrency/crowd.toml")),
    ("catalogue/concurrency/plain-concurrency.toml", include_str!("../catalogue/concurrency/plain-concurrency.toml")),
    ("catalogue/failure/gateway-timeout-late-response.toml", include_str!("../catalogue/failure/gateway-timeout-late-response.toml")),
    ("catalogue/failure/midbody-failure-reuse.toml", include_str!("../catalogue/failure/midbody-failure-reuse.toml")),
    ("catalogue/interim/interim-100-late-final.toml", include_str!("../catalogue/interim/interim-100-late-final.toml")),
    ("catalogue/interim/interim-103-split.toml", include_str!("../catalogue/interim/interim-103-split.toml")),
    ("catalogue/interim/interim-method-queue.toml", include_str!("../catalogue/interim/interim-method-queue.toml")),
    ("catalogue/pipelining/pipelined-chunked-then-late.toml", include_str!("../catalogue/pipelining/pipelined-chunked-then-late.toml")),
    ("catalogue/pipelining/pipelined-slow-fast.toml", include_str!("../catalogue/pipelining/pipelined-slow-fast.toml")),
    ("catalogue/surplus/bodyless-surplus.toml", include_str!("../catalogue/surplus/bodyless-surplus.toml")),
    ("catalogue/surplus/chunked-trailing.toml", include_str!("../catalogue/surplus/chunked-trailing.toml")),
    ("catalogue/surplus/content-length-mismatch.toml", include_str!("../catalogue/surplus/content-length-mismatch.toml")),
    ("catalogue/surplus/head-with-body.toml", include_str!("../catalogue/surplus/head-with-body.toml")),
    ("catalogue/surplus/surplus-after-long-idle.toml", include_str!("../catalogue/surplus/surplus-after-long-idle.toml")),
    ("catalogue/surplus/surplus-busy-loop.toml", include_str!("../catalogue/surplus/surplus-busy-loop.toml")),
    ("catalogue/surplus/surplus-frozen.toml", include_str!("../catalogue/surplus/surplus-frozen.toml")),
    ("catalogue/surplus/surplus-in-flight-control.toml", include_str!("../catalogue/surplus/surplus-in-flight-control.toml")),
    ("catalogue/surplus/surplus-same-segment.toml", include_str!("../catalogue/surplus/surplus-same-segment.toml")),
    ("catalogue/surplus/surplus-while-idle.toml", include_str!("../catalogue/surplus/surplus-while-idle.toml")),
];
