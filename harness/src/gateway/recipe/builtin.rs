//! The recipes of `harness/recipes/`, as part of the binary: one line per file. A test compares it with the folders.

/// A recipe's name, and its files with their contents.
type BuiltIn = (&'static str, &'static [(&'static str, &'static str)]);

/// Every recipe, by name.
pub(super) const RECIPES: &[BuiltIn] = &[
    (
        "apache2",
        &[
            ("apache2.conf.in", include_str!("../../../recipes/apache2/apache2.conf.in")),
            ("recipe.toml", include_str!("../../../recipes/apache2/recipe.toml")),
            ("start", include_str!("../../../recipes/apache2/start")),
        ],
    ),
    (
        "caddy",
        &[
            ("Caddyfile.in", include_str!("../../../recipes/caddy/Caddyfile.in")),
            ("recipe.toml", include_str!("../../../recipes/caddy/recipe.toml")),
            ("start", include_str!("../../../recipes/caddy/start")),
        ],
    ),
    (
        "envoy",
        &[
            ("envoy.yaml.in", include_str!("../../../recipes/envoy/envoy.yaml.in")),
            ("recipe.toml", include_str!("../../../recipes/envoy/recipe.toml")),
            ("start", include_str!("../../../recipes/envoy/start")),
        ],
    ),
    (
        "go-reverseproxy",
        &[
            ("main.go.in", include_str!("../../../recipes/go-reverseproxy/main.go.in")),
            ("recipe.toml", include_str!("../../../recipes/go-reverseproxy/recipe.toml")),
            ("start", include_str!("../../../recipes/go-reverseproxy/start")),
        ],
    ),
    (
        "h2o",
        &[
            ("h2o.yaml.in", include_str!("../../../recipes/h2o/h2o.yaml.in")),
            ("recipe.toml", include_str!("../../../recipes/h2o/recipe.toml")),
            ("start", include_str!("../../../recipes/h2o/start")),
        ],
    ),
    (
        "haproxy",
        &[
            ("haproxy.cfg.in", include_str!("../../../recipes/haproxy/haproxy.cfg.in")),
            ("recipe.toml", include_str!("../../../recipes/haproxy/recipe.toml")),
            ("start", include_str!("../../../recipes/haproxy/start")),
        ],
    ),
    (
        "lighttpd",
        &[
            ("lighttpd.conf.in", include_str!("../../../recipes/lighttpd/lighttpd.conf.in")),
            ("recipe.toml", include_str!("../../../recipes/lighttpd/recipe.toml")),
            ("start", include_str!("../../../recipes/lighttpd/start")),
        ],
    ),
    (
        "nghttpx",
        &[
            ("nghttpx.conf.in", include_str!("../../../recipes/nghttpx/nghttpx.conf.in")),
            ("recipe.toml", include_str!("../../../recipes/nghttpx/recipe.toml")),
            ("start", include_str!("../../../recipes/nghttpx/start")),
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
        "squid",
        &[
            ("recipe.toml", include_str!("../../../recipes/squid/recipe.toml")),
            ("squid.conf.in", include_str!("../../../recipes/squid/squid.conf.in")),
            ("start", include_str!("../../../recipes/squid/start")),
        ],
    ),
    (
        "trafficserver",
        &[
            ("ip_allow.yaml.in", include_str!("../../../recipes/trafficserver/ip_allow.yaml.in")),
            ("recipe.toml", include_str!("../../../recipes/trafficserver/recipe.toml")),
            ("records.config.in", include_str!("../../../recipes/trafficserver/records.config.in")),
            ("start", include_str!("../../../recipes/trafficserver/start")),
        ],
    ),
    (
        "varnish",
        &[
            ("hitch.conf.in", include_str!("../../../recipes/varnish/hitch.conf.in")),
            ("pass.vcl.in", include_str!("../../../recipes/varnish/pass.vcl.in")),
            ("recipe.toml", include_str!("../../../recipes/varnish/recipe.toml")),
            ("start", include_str!("../../../recipes/varnish/start")),
            ("varnish.vcl.in", include_str!("../../../recipes/varnish/varnish.vcl.in")),
        ],
    ),
];
