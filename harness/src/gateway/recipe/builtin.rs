//! The recipes of `harness/recipes/`, as part of the binary: one line per file. A test compares it with the folders.

/// A recipe's name, and its files with their contents.
type BuiltIn = (&'static str, &'static [(&'static str, &'static str)]);

/// Every recipe, by name.
pub(super) const RECIPES: &[BuiltIn] = &[
    (
        "haproxy",
        &[
            ("haproxy.cfg.in", include_str!("../../../recipes/haproxy/haproxy.cfg.in")),
            ("recipe.toml", include_str!("../../../recipes/haproxy/recipe.toml")),
            ("start", include_str!("../../../recipes/haproxy/start")),
        ],
    ),
    (
        "nginx",
        &[
            ("nginx.conf.in", include_str!("../../../recipes/nginx/nginx.conf.in")),
            ("recipe.toml", include_str!("../../../recipes/nginx/recipe.toml")),
            ("start", include_str!("../../../recipes/nginx/start")),
        ],
    ),
    (
        "varnish",
        &[
            ("pass.vcl.in", include_str!("../../../recipes/varnish/pass.vcl.in")),
            ("recipe.toml", include_str!("../../../recipes/varnish/recipe.toml")),
            ("start", include_str!("../../../recipes/varnish/start")),
            ("varnish.vcl.in", include_str!("../../../recipes/varnish/varnish.vcl.in")),
        ],
    ),
];
