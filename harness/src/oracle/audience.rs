//! What a shared store may lawfully hand out: RFC 9111 as one pure function.
//!
//! A cache hit for another tenant is no violation where RFC 9111 allows it. [`permits`] decides from the reply's
//! fields and the two requests alone; [`shareable`] takes those from a history.

use std::fmt;

use vocabulary::canary::{Role, Site};
use vocabulary::directive::{Field, OriginAct};
use vocabulary::history::History;
use vocabulary::identity::{DeliveryId, ExchangeId, TenantId};
use vocabulary::plan::{Credential, Request, Stimulus, Target};

/// Whether a stored reply may answer another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It may.
    May,
    /// It must not.
    MustNot(Forbidden),
}

/// What forbids sharing: one sentence of the RFC each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden {
    Target,
    Method,
    NoStore,
    Private,
    NoCache,
    Authorization,
    VaryAll,
    Vary,
    /// Not the RFC: what nobody planned has no request to compare with.
    Unplanned,
}

impl Forbidden {
    /// Where it stands.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Forbidden::Target | Forbidden::Method | Forbidden::Unplanned => "RFC 9111 section 4",
            Forbidden::NoStore => "RFC 9111 section 5.2.2.5",
            Forbidden::Private => "RFC 9111 section 5.2.2.7",
            Forbidden::NoCache => "RFC 9111 section 5.2.2.4",
            Forbidden::Authorization => "RFC 9111 section 3.5",
            Forbidden::VaryAll | Forbidden::Vary => "RFC 9111 section 4.1",
        }
    }

    /// What stands there.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Forbidden::Target => "the presented target URI and that of the stored response match",
            Forbidden::Method => "the request method allows the stored response to be used",
            Forbidden::NoStore => "no-store: a cache must not store the response",
            Forbidden::Private => "private: a shared cache must not store the response",
            Forbidden::NoCache => "no-cache: not without successful validation",
            Forbidden::Authorization => "a shared cache must not use a response to a request with Authorization",
            Forbidden::VaryAll => "a stored response with Vary: * never matches",
            Forbidden::Vary => "the fields nominated by Vary do not match",
            Forbidden::Unplanned => "the delivery belongs to no planned exchange",
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.section(), self.sentence())
    }
}

/// What the decision needs to know of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Authority and target, in comparable form.
    pub(crate) uri: String,
    /// Whether it carried `Authorization`: for the request that filled the store, as the origin saw it.
    pub(crate) authorization: Option<String>,
    pub(crate) fields: Vec<Field>,
}

impl Asked {
    /// The request's value of a field, by which `Vary` selects.
    fn value(&self, name: &str) -> Option<&str> {
        match name.eq_ignore_ascii_case("authorization") {
            true => self.authorization.as_deref(),
            false => {
                let field = self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
                field.map(|field| field.value.as_str())
            }
        }
    }
}

/// Whether a store that was filled by `fill` with a reply of these fields may answer `asked` with it.
pub(crate) fn permits(reply: &[Field], fill: &Asked, asked: &Asked) -> Sharing {
    if fill.uri != asked.uri {
        return Sharing::MustNot(Forbidden::Target);
    }
    if !matches!(asked.method.as_str(), "GET" | "HEAD") || !matches!(fill.method.as_str(), "GET" | "HEAD") {
        return Sharing::MustNot(Forbidden::Method);
    }
    let directives = directives(reply);
    let has = |name: &str| directives.iter().any(|(directive, _)| directive == name);
    let unqualified = |name: &str| directives.iter().any(|(directive, value)| directive == name && value.is_none());
    if has("no-store") {
        return Sharing::MustNot(Forbidden::NoStore);
    }
    if unqualified("private") {
        return Sharing::MustNot(Forbidden::Private);
    }
    if unqualified("no-cache") {
        return Sharing::MustNot(Forbidden::NoCache);
    }
    if fill.authorization.is_some() && !(has("public") || has("s-maxage") || has("must-revalidate")) {
        return Sharing::MustNot(Forbidden::Authorization);
    }
    let vary: Vec<String> = list(reply, "vary").collect();
    if vary.iter().any(|name| name == "*") {
        return Sharing::MustNot(Forbidden::VaryAll);
    }
    match vary.iter().any(|name| fill.value(name) != asked.value(name)) {
        true => Sharing::MustNot(Forbidden::Vary),
        false => Sharing::May,
    }
}

/// Whether `receiver` may lawfully be answered with a delivery that another exchange caused.
pub(super) fn shareable(history: &History, delivery: DeliveryId, receiver: ExchangeId) -> Sharing {
    let (Some(fill), Some(asked)) = (asked_by(history, delivery.exchange), asked_by(history, receiver)) else {
        return Sharing::MustNot(Forbidden::Unplanned);
    };
    let acts = history.plan.stimulus(delivery.exchange).map(|(_, stimulus)| stimulus.directive.acts.as_slice());
    let reply = acts.unwrap_or_default().iter().find_map(OriginAct::final_reply);
    let filled = Asked { authorization: authorization_seen(history, delivery), ..fill };
    permits(reply.map(|reply| reply.fields.as_slice()).unwrap_or_default(), &filled, &asked)
}

/// What an exchange asked for: a planned one, or a tail, which is a plain GET on a target of its own.
fn asked_by(history: &History, exchange: ExchangeId) -> Option<Asked> {
    if let Some((_, stimulus)) = history.plan.stimulus(exchange) {
        return Some(asked_of(stimulus));
    }
    history.plan.speller(exchange)?;
    let (method, uri) = ("GET".to_owned(), format!(" own of {exchange}"));
    Some(Asked { method, uri, authorization: None, fields: Vec::new() })
}

/// A shared delivery betrays a tenant only if the origin saw that tenant's credential in the request that caused it.
fn authorization_seen(history: &History, delivery: DeliveryId) -> Option<String> {
    let owner = history.exchanges.get(&delivery.exchange)?;
    let attempt = owner.replied.iter().find(|replied| replied.delivery == delivery)?.attempt;
    let seen = owner.seen.iter().find(|seen| seen.attempt == attempt)?;
    let credential = seen
        .canaries
        .iter()
        .find(|found| found.claim.role == Role::Tenant && found.claim.site == Site::Authorization)?;
    Some(credential.claim.tenant.to_string())
}

fn asked_of(stimulus: &Stimulus) -> Asked {
    let (request, tenant) = (&stimulus.request, stimulus.tenant);
    let target = match &request.target {
        Target::Own => format!("own of {}", stimulus.exchange),
        Target::Shared(name) => format!("shared {name}"),
        Target::Asterisk => "*".to_owned(),
        Target::Authority(authority) => authority.to_ascii_lowercase(),
    };
    let authorized = matches!(request.credential, Credential::Authorization | Credential::Both);
    Asked {
        method: request.method.clone(),
        uri: format!("{} {target}", request.host.as_deref().unwrap_or_default().to_ascii_lowercase()),
        authorization: authorized.then(|| tenant.to_string()),
        fields: cookie(request, tenant).into_iter().chain(request.fields.iter().cloned()).collect(),
    }
}

fn cookie(request: &Request, tenant: TenantId) -> Option<Field> {
    let carries = matches!(request.credential, Credential::Cookie | Credential::Both);
    carries.then(|| Field { name: "cookie".to_owned(), value: format!("session of {tenant}") })
}

/// The members of a comma-separated field, lower case.
fn list<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = String> + 'a {
    let values = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    values.flat_map(|field| field.value.split(',')).map(|member| member.trim().to_ascii_lowercase())
}

/// Cache directives with their arguments. A quoted argument that holds commas is split; only its name is used.
fn directives(fields: &[Field]) -> Vec<(String, Option<String>)> {
    let members = list(fields, "cache-control").filter(|member| !member.is_empty());
    let split = members.map(|member| match member.split_once('=') {
        Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
        None => (member, None),
    });
    split.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> Field {
        Field { name: name.to_owned(), value: value.to_owned() }
    }

    fn get(uri: &str, authorization: Option<&str>) -> Asked {
        Asked {
            method: "GET".to_owned(),
            uri: uri.to_owned(),
            authorization: authorization.map(str::to_owned),
            fields: Vec::new(),
        }
    }

    /// `reply` is a list of `Cache-Control` and `Vary` values; both tenants ask for `/a`.
    fn between(cache_control: &str, vary: &str, fill: Option<&str>, asked: Option<&str>) -> Sharing {
        let reply = [field("Cache-Control", cache_control), field("Vary", vary)];
        let used: Vec<Field> = reply.into_iter().filter(|field| !field.value.is_empty()).collect();
        permits(&used, &get("/a", fill), &get("/a", asked))
    }

    fn forbids(sharing: Sharing, section: &str) -> bool {
        matches!(sharing, Sharing::MustNot(rule) if rule.to_string().contains(section))
    }

    #[test]
    fn directives_that_forbid_sharing_do_and_others_do_not() {
        assert!(forbids(between("no-store", "", None, None), "5.2.2.5"));
        assert!(forbids(between("private, max-age=60", "", None, None), "5.2.2.7"));
        assert!(forbids(between("no-cache", "", None, None), "5.2.2.4"));
        assert_eq!(between("max-age=60", "", None, None), Sharing::May);
        assert_eq!(between("", "", None, None), Sharing::May);
        assert_eq!(between("private=\"x-field\"", "", None, None), Sharing::May, "a qualified private is not our rule");
    }

    #[test]
    fn a_reply_to_authorization_is_shared_only_when_the_origin_says_so() {
        assert!(forbids(between("max-age=60", "", Some("t1"), Some("t2")), "3.5"));
        assert!(forbids(between("", "", Some("t1"), None), "3.5"));
        for explicit in ["public", "s-maxage=60", "must-revalidate"] {
            assert_eq!(between(explicit, "", Some("t1"), Some("t2")), Sharing::May, "{explicit}");
        }
        assert_eq!(between("max-age=60", "", None, Some("t2")), Sharing::May, "the filling request had none");
    }

    #[test]
    fn vary_separates_what_differs_and_only_that() {
        assert!(forbids(between("public", "Authorization", Some("t1"), Some("t2")), "4.1"));
        assert_eq!(between("public", "Authorization", Some("t1"), Some("t1")), Sharing::May);
        assert!(forbids(between("public", "*", Some("t1"), Some("t1")), "4.1"));
    }

    #[test]
    fn another_target_or_method_is_never_answered_from_the_store() {
        assert!(forbids(permits(&[], &get("/a", None), &get("/b", None)), "section 4:"));
        let post = Asked { method: "POST".to_owned(), ..get("/a", None) };
        assert!(forbids(permits(&[], &get("/a", None), &post), "section 4:"));
        assert_eq!(permits(&[], &get("/a", None), &get("/a", None)), Sharing::May);
    }
}
