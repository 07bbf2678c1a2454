//! What a shared store may lawfully hand out: RFC 9111 as one pure function.
//!
//! [`shareable`] decides from the stored reply's fields, the request that filled the store and the use that is made of
//! it; nobody else in the oracle knows a rule of caching. [`between`] takes those three from a history. A cache hit that
//! the RFC allows is no violation, whoever it is for; what the RFC leaves to the origin, or what cannot be told from
//! outside, is observed and held against nobody.

mod asked;
mod uri;

use std::fmt;

use vocabulary::directive::Field;

pub(super) use asked::{between, lifetime, may_answer, was_in_flight};

/// Whether a stored reply may answer another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It may.
    May,
    /// It may, or it cannot be told, and somebody will want to know.
    Observe(Observed),
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
    PrivateField,
    NoCache,
    NoCacheField,
    Authorization,
    VaryAll,
    Vary,
    Stale,
    Unconfirmed,
    /// Not the RFC: what nobody planned has no request to compare with.
    Unplanned,
}

/// What is shared lawfully, and yet is not for everybody to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Observed {
    EmptyArgument,
    StaleTogether,
    StaleAtOnce,
    Stale,
    SetCookie,
    Cookie,
    UriUnseen,
}

impl Forbidden {
    /// Where it stands.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Forbidden::Target | Forbidden::Method | Forbidden::Unplanned => "RFC 9111 section 4",
            Forbidden::NoStore => "RFC 9111 section 5.2.2.5",
            Forbidden::Private | Forbidden::PrivateField => "RFC 9111 section 5.2.2.7",
            Forbidden::NoCache | Forbidden::NoCacheField => "RFC 9111 section 5.2.2.4",
            Forbidden::Authorization => "RFC 9111 section 3.5",
            Forbidden::VaryAll | Forbidden::Vary => "RFC 9111 section 4.1",
            Forbidden::Stale => "RFC 9111 section 5.2.2.2",
            Forbidden::Unconfirmed => "RFC 9111 section 4.3.4",
        }
    }

    /// What stands there.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Forbidden::Target => "the presented target URI and that of the stored response match",
            Forbidden::Method => "the request method allows the stored response to be used",
            Forbidden::NoStore => "no-store: a cache must not store the response",
            Forbidden::Private => "private: a shared cache must not store the response",
            Forbidden::PrivateField => {
                "private with an argument: a shared cache must not store the fields that it lists"
            }
            Forbidden::NoCache => "no-cache: not without successful validation",
            Forbidden::NoCacheField => "no-cache with an argument: not the fields that it lists without validation",
            Forbidden::Authorization => "a shared cache must not use a response to a request with Authorization",
            Forbidden::VaryAll => "a stored response with Vary: * never matches",
            Forbidden::Vary => "the fields nominated by Vary do not match",
            Forbidden::Stale => {
                "must-revalidate, proxy-revalidate or s-maxage: what is stale is not used without successful validation"
            }
            Forbidden::Unconfirmed => "a 304 with another validator than the stored response's does not update it",
            Forbidden::Unplanned => "the delivery belongs to no planned exchange",
        }
    }
}

impl Observed {
    /// Where it is spoken of.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Observed::EmptyArgument => "RFC 9111 section 5.2.2.7",
            Observed::StaleTogether => "RFC 9111 section 4",
            Observed::StaleAtOnce => "RFC 9111 section 4.2",
            Observed::Stale => "RFC 9111 section 4.2.4",
            Observed::SetCookie => "RFC 9111 section 7.3",
            Observed::Cookie => "RFC 9111 section 4.2.2",
            Observed::UriUnseen => "RFC 9110 section 7.7",
        }
    }

    /// Why it is seen and not accused.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Observed::EmptyArgument => "private or no-cache with an empty argument lists no field",
            Observed::StaleTogether => "a reply that is stale at once was shared among requests in flight together",
            Observed::StaleAtOnce => "a reply without any lifetime was used before its age was a second",
            Observed::Stale => "a stale reply was used, as a gateway may be configured to",
            Observed::SetCookie => "the origin let a reply with Set-Cookie be stored",
            Observed::Cookie => "the origin answered a request with a cookie, and its reply does not say Vary: Cookie",
            Observed::UriUnseen => "the gateway may have made one URI of the two, for the origin has not seen both",
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.section(), self.sentence())
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.section(), self.sentence())
    }
}

/// What the decision needs to know of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The target URI as the origin gets it; none if nothing shows what the gateway makes of it.
    pub(crate) uri: Option<String>,
    /// The credential in `Authorization`: for the request that filled the store, as the origin saw it. What a gateway
    /// strips makes no reply anybody's own.
    pub(crate) authorization: Option<String>,
    /// The session in `Cookie`, likewise.
    pub(crate) cookie: Option<String>,
    pub(crate) fields: Vec<Field>,
}

impl Asked {
    /// The request's value of a field, by which `Vary` selects. RFC 9111 §4.1: several lines are one list.
    fn value(&self, name: &str) -> Option<String> {
        if name.eq_ignore_ascii_case("authorization") {
            return self.authorization.clone();
        }
        let lines = self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        let lines = lines.map(|field| field.value.trim());
        let session = self.cookie.as_deref().filter(|_| name.eq_ignore_ascii_case("cookie"));
        let values: Vec<&str> = session.into_iter().chain(lines).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// What the origin has said of a stored reply when the use was made of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Validation {
    /// It was not asked, or it did not answer 304.
    #[default]
    None,
    /// 304, with the validator of the stored reply. RFC 9111 §4.3.4.
    Confirms,
    /// A 304 with another validator, parts of which stand in what the client got.
    Another,
}

/// The use that is made of a stored reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) asked: Asked,
    pub(crate) validation: Validation,
    /// Whether the request came when the one that filled the store had no whole reply yet: it was collapsed with it.
    pub(crate) together: bool,
    /// Whole seconds that had passed since the stored reply went out.
    pub(crate) age: u64,
    /// The fields of the stored reply that were handed on, lower case.
    pub(crate) handed_on: Vec<String>,
}

/// Whether a store that was filled by `fill` with a reply of these fields may be used so.
pub(crate) fn shareable(reply: &[Field], fill: &Asked, usage: &Use) -> Sharing {
    match forbidden(reply, fill, usage) {
        Some(rule) => Sharing::MustNot(rule),
        None => observed(reply, fill, usage).map_or(Sharing::May, Sharing::Observe),
    }
}

fn forbidden(reply: &[Field], fill: &Asked, usage: &Use) -> Option<Forbidden> {
    let Use { asked, validation, handed_on, .. } = usage;
    if let (Some(filled), Some(wanted)) = (&fill.uri, &asked.uri)
        && uri::normal(filled) != uri::normal(wanted)
    {
        return Some(Forbidden::Target);
    }
    if !matches!(asked.method.as_str(), "GET" | "HEAD") || !matches!(fill.method.as_str(), "GET" | "HEAD") {
        return Some(Forbidden::Method);
    }
    let said = Directives::of(reply);
    // RFC 9111 §5.2.2.3: whoever understands the status may store in spite of a no-store beside must-understand.
    if said.has("no-store") && !said.has("must-understand") {
        return Some(Forbidden::NoStore);
    }
    if said.has_plain("private") {
        return Some(Forbidden::Private);
    }
    if said.lists_any("private", handed_on) {
        return Some(Forbidden::PrivateField);
    }
    if fill.authorization.is_some() && !["public", "s-maxage", "must-revalidate"].iter().any(|name| said.has(name)) {
        return Some(Forbidden::Authorization);
    }
    // From here on what the origin has just confirmed may be used. RFC 9111 §4.1, §4.3.
    match validation {
        Validation::Confirms => return None,
        Validation::Another => return Some(Forbidden::Unconfirmed),
        Validation::None => {}
    }
    if said.has_plain("no-cache") {
        return Some(Forbidden::NoCache);
    }
    if said.lists_any("no-cache", handed_on) {
        return Some(Forbidden::NoCacheField);
    }
    let vary: Vec<String> = list(reply, "vary").collect();
    if vary.iter().any(|name| name == "*") {
        return Some(Forbidden::VaryAll);
    }
    if vary.iter().any(|name| fill.value(name) != asked.value(name)) {
        return Some(Forbidden::Vary);
    }
    (is_bound(&said) && has_outlived(&said, usage) && !usage.together).then_some(Forbidden::Stale)
}

/// Whether the reply must be validated once it is stale. RFC 9111 §5.2.2.8, §5.2.2.10: proxy-revalidate and s-maxage say the
/// same to a shared cache as must-revalidate.
fn is_bound(said: &Directives) -> bool {
    ["must-revalidate", "proxy-revalidate", "s-maxage"].iter().any(|name| said.has(name))
}

/// Whether the reply had outlived what it declares. Ages are whole seconds, and where the age is the lifetime the RFC can be
/// read in two ways: stale by the formula of §4.2, fresh by its words ("has not yet exceeded") and by those of §5.2.2.1
/// ("is greater than"). So it must be more.
fn has_outlived(said: &Directives, usage: &Use) -> bool {
    said.lifetime().is_some_and(|lifetime| usage.age > lifetime)
}

/// Whether the reply has no lifetime at all.
fn is_stale_at_once(said: &Directives) -> bool {
    said.lifetime() == Some(0)
}

fn observed(reply: &[Field], fill: &Asked, usage: &Use) -> Option<Observed> {
    let said = Directives::of(reply);
    if fill.uri.is_none() || usage.asked.uri.is_none() {
        return Some(Observed::UriUnseen);
    }
    if said.has_empty("private") || said.has_empty("no-cache") {
        return Some(Observed::EmptyArgument);
    }
    if (has_outlived(&said, usage) || is_stale_at_once(&said)) && usage.validation == Validation::None {
        return Some(match usage.together {
            true => Observed::StaleTogether,
            false if is_bound(&said) => Observed::StaleAtOnce,
            false => Observed::Stale,
        });
    }
    if usage.handed_on.iter().any(|name| name == "set-cookie") {
        return Some(Observed::SetCookie);
    }
    let varies = list(reply, "vary").any(|name| name == "cookie");
    (fill.cookie.is_some() && !said.has("public") && !varies).then_some(Observed::Cookie)
}

/// The members of a comma-separated field, lower case.
fn list<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = String> + 'a {
    let values = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    let members = values.flat_map(|field| unquoted_split(&field.value));
    members.map(|member| member.trim().to_ascii_lowercase()).filter(|member| !member.is_empty())
}

/// Splits at the commas that do not stand within quotes. RFC 9110 §5.6.4.
fn unquoted_split(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

/// What `Cache-Control` says: directives and their arguments, without quotes.
struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    fn of(fields: &[Field]) -> Directives {
        let members = list(fields, "cache-control").map(|member| match member.split_once('=') {
            Some((name, value)) => (name.trim().to_owned(), Some(value.trim().trim_matches('"').to_owned())),
            None => (member, None),
        });
        Directives(members.collect())
    }

    fn arguments<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        self.0.iter().filter(move |(directive, _)| directive == name).map(|(_, argument)| argument.as_deref())
    }

    fn has(&self, name: &str) -> bool {
        self.arguments(name).next().is_some()
    }

    fn has_plain(&self, name: &str) -> bool {
        self.arguments(name).any(|argument| argument.is_none())
    }

    fn has_empty(&self, name: &str) -> bool {
        self.arguments(name).flatten().any(|argument| argument.trim().is_empty())
    }

    /// Whether its argument lists one of these fields.
    fn lists_any(&self, name: &str, fields: &[String]) -> bool {
        let listed = self.arguments(name).flatten().flat_map(|argument| argument.split(','));
        listed.map(str::trim).any(|listed| fields.iter().any(|field| field == listed))
    }

    /// For how many seconds a shared cache may call the reply fresh, where it says so. RFC 9111 §4.2.1: s-maxage first.
    fn lifetime(&self) -> Option<u64> {
        let seconds = |name| self.arguments(name).flatten().find_map(|argument| argument.parse().ok());
        seconds("s-maxage").or_else(|| seconds("max-age"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "http://a.test/a";

    fn get(uri: &str) -> Asked {
        Asked { method: "GET".to_owned(), uri: Some(uri.to_owned()), ..Asked::default() }
    }

    fn field(line: &str) -> Field {
        let (name, value) = line.split_once(": ").unwrap();
        Field { name: name.to_owned(), value: value.to_owned() }
    }

    /// A request of a tenant, with its credential or its cookie.
    fn of(tenant: &str, carries: &str) -> Asked {
        let has = |carrier: &str| carries.contains(carrier).then(|| format!("of {tenant}"));
        Asked { authorization: has("authorization"), cookie: has("cookie"), ..get(A) }
    }

    /// How t1's reply with these fields may answer t2, who both carry the same kind of credential.
    fn row(fields: &[&str], carries: &str, how: fn(&mut Use)) -> Sharing {
        let reply: Vec<Field> = fields.iter().map(|line| field(line)).collect();
        let mut usage = Use { asked: of("t2", carries), ..Use::default() };
        how(&mut usage);
        shareable(&reply, &of("t1", carries), &usage)
    }

    const PLAIN: fn(&mut Use) = |_| ();
    const VALIDATED: fn(&mut Use) = |usage| usage.validation = Validation::Confirms;
    const ANOTHER: fn(&mut Use) = |usage| usage.validation = Validation::Another;
    const AFTER_TWO_SECONDS: fn(&mut Use) = |usage| usage.age = 2;
    const TOGETHER: fn(&mut Use) = |usage| usage.together = true;
    const WITH_COOKIE: fn(&mut Use) = |usage| usage.handed_on = vec!["set-cookie".to_owned()];

    use Forbidden as F;
    use Observed as O;
    use Sharing::{May, MustNot, Observe};

    type Row = (&'static [&'static str], &'static str, fn(&mut Use), Sharing, &'static str);

    /// The reply's fields, what both requests carry, the use, the verdict, and the section of RFC 9111 that it follows.
    const TABLE: &[Row] = &[
        (&[], "", PLAIN, May, "4.2.2"),
        (&["Cache-Control: max-age=60"], "", PLAIN, May, "4.2.1"),
        (&["Cache-Control: public"], "", PLAIN, May, "5.2.2.9"),
        (&["Cache-Control: no-store"], "", PLAIN, MustNot(F::NoStore), "5.2.2.5"),
        (&["Cache-Control: no-store, max-age=60"], "", VALIDATED, MustNot(F::NoStore), "5.2.2.5"),
        (&["Cache-Control: must-understand, no-store, max-age=60"], "", PLAIN, May, "5.2.2.3"),
        (&["Cache-Control: private"], "", PLAIN, MustNot(F::Private), "5.2.2.7"),
        (&["Cache-Control: Private, public, max-age=60"], "", PLAIN, MustNot(F::Private), "5.2.2.7"),
        (&["Cache-Control: max-age=60", "Cache-Control: private"], "", VALIDATED, MustNot(F::Private), "5.2.2.7"),
        (&["Cache-Control: x=\"private, no-store\", max-age=60"], "", PLAIN, May, "5.2.3"),
        (
            &["Cache-Control: private=\"set-cookie, x\", max-age=60"],
            "",
            WITH_COOKIE,
            MustNot(F::PrivateField),
            "5.2.2.7",
        ),
        (&["Cache-Control: private=\"set-cookie\", max-age=60"], "", PLAIN, May, "5.2.2.7"),
        (&["Cache-Control: private=\"\", max-age=60"], "", PLAIN, Observe(O::EmptyArgument), "5.2.2.7"),
        (&["Cache-Control: no-cache"], "", PLAIN, MustNot(F::NoCache), "5.2.2.4"),
        (&["Cache-Control: no-cache"], "", TOGETHER, MustNot(F::NoCache), "5.2.2.4"),
        (&["Cache-Control: no-cache"], "", VALIDATED, May, "5.2.2.4"),
        (&["Cache-Control: no-cache=\"Set-Cookie\", max-age=60"], "", WITH_COOKIE, MustNot(F::NoCacheField), "5.2.2.4"),
        (&["Cache-Control: no-cache=\"Set-Cookie\", max-age=60"], "", PLAIN, May, "5.2.2.4"),
        (&["Cache-Control: no-cache=\"\", max-age=60"], "", PLAIN, Observe(O::EmptyArgument), "5.2.2.4"),
        (&[], "authorization", PLAIN, MustNot(F::Authorization), "3.5"),
        (&["Cache-Control: max-age=60"], "authorization", PLAIN, MustNot(F::Authorization), "3.5"),
        (&["Cache-Control: max-age=60"], "authorization", VALIDATED, MustNot(F::Authorization), "3.5"),
        (&["Cache-Control: public, max-age=60"], "authorization", PLAIN, May, "5.2.2.9"),
        (&["Cache-Control: s-maxage=60"], "authorization", PLAIN, May, "5.2.2.10"),
        (&["Cache-Control: must-revalidate, max-age=60"], "authorization", PLAIN, May, "5.2.2.2"),
        (&["Cache-Control: proxy-revalidate, max-age=60"], "authorization", PLAIN, MustNot(F::Authorization), "3.5"),
        (&["Cache-Control: public", "Vary: Authorization"], "authorization", PLAIN, MustNot(F::Vary), "4.1"),
        (&["Cache-Control: public", "Vary: Authorization"], "authorization", VALIDATED, May, "4.1"),
        (&["Cache-Control: public", "Vary: Accept, cookie"], "cookie", PLAIN, MustNot(F::Vary), "4.1"),
        (&["Cache-Control: public", "Vary: Accept"], "cookie", PLAIN, May, "4.1"),
        (&["Cache-Control: public", "Vary: *"], "", PLAIN, MustNot(F::VaryAll), "4.1"),
        (&["Vary: Accept, *"], "", TOGETHER, MustNot(F::VaryAll), "4.1"),
        (&["Cache-Control: max-age=0, must-revalidate"], "", PLAIN, Observe(O::StaleAtOnce), "4.2"),
        (&["Cache-Control: max-age=60, s-maxage=0"], "", PLAIN, Observe(O::StaleAtOnce), "4.2"),
        (&["Cache-Control: max-age=0, must-revalidate"], "", AFTER_TWO_SECONDS, MustNot(F::Stale), "5.2.2.2"),
        (&["Cache-Control: max-age=60, s-maxage=0"], "", AFTER_TWO_SECONDS, MustNot(F::Stale), "5.2.2.10"),
        (&["Cache-Control: max-age=0, proxy-revalidate"], "", AFTER_TWO_SECONDS, MustNot(F::Stale), "5.2.2.8"),
        (&["Cache-Control: max-age=0, must-revalidate"], "", VALIDATED, May, "5.2.2.2"),
        (&["Cache-Control: max-age=0, must-revalidate"], "", TOGETHER, Observe(O::StaleTogether), "4"),
        (&["Cache-Control: max-age=0"], "", TOGETHER, Observe(O::StaleTogether), "4"),
        (&["Cache-Control: max-age=0"], "", PLAIN, Observe(O::Stale), "4.2.4"),
        (&["Cache-Control: public, max-age=1"], "", AFTER_TWO_SECONDS, Observe(O::Stale), "4.2.4"),
        (&["Cache-Control: public, max-age=2"], "", AFTER_TWO_SECONDS, May, "4.2.1"),
        (&["Cache-Control: public, max-age=1, must-revalidate"], "", AFTER_TWO_SECONDS, MustNot(F::Stale), "5.2.2.2"),
        (&["Cache-Control: public, max-age=1"], "", ANOTHER, MustNot(F::Unconfirmed), "4.3.4"),
        (&["Cache-Control: public, max-age=1", "Vary: Cookie"], "cookie", ANOTHER, MustNot(F::Unconfirmed), "4.3.4"),
        (&["Cache-Control: public, max-age=60"], "", WITH_COOKIE, Observe(O::SetCookie), "7.3"),
        (&["Cache-Control: max-age=60"], "cookie", PLAIN, Observe(O::Cookie), "4.2.2"),
        (&[], "cookie", PLAIN, Observe(O::Cookie), "4.2.2"),
        (&["Cache-Control: public, max-age=60"], "cookie", PLAIN, May, "5.2.2.9"),
    ];

    #[test]
    fn every_row_of_the_table_is_decided_as_its_section_says() {
        for (fields, carries, how, expected, section) in TABLE {
            assert_eq!(row(fields, carries, *how), *expected, "{fields:?} with {carries:?} (section {section})");
        }
    }

    #[test]
    fn what_the_table_forbids_or_observes_names_the_section_that_stands_beside_it() {
        for (fields, _, _, verdict, section) in TABLE {
            let named = match verdict {
                May => continue,
                MustNot(rule) => rule.section(),
                Observe(why) => why.section(),
            };
            // The sections of the shared cache's own directives say that they are as must-revalidate is, and the two
            // directives with arguments are spoken of alike.
            let alike = [("5.2.2.8", "5.2.2.2"), ("5.2.2.10", "5.2.2.2"), ("5.2.2.4", "5.2.2.7")];
            let same = alike.iter().any(|(one, other)| one == section && named.ends_with(other));
            assert!(same || named == format!("RFC 9111 section {section}"), "{fields:?}: {named}");
        }
    }

    #[test]
    fn a_stripped_credential_makes_the_reply_nobodys_own() {
        let reply = [field("Cache-Control: max-age=60")];
        let usage = Use { asked: of("t2", "authorization"), ..Use::default() };
        assert_eq!(shareable(&reply, &get(A), &usage), May, "the filling request had none");
    }

    #[test]
    fn vary_separates_what_differs_and_only_that() {
        let reply = [field("Cache-Control: public"), field("Vary: X-Plan")];
        let with = |lines: &[&str]| Asked { fields: lines.iter().map(|line| field(line)).collect(), ..get(A) };
        let may = |fill: &[&str], asked: &[&str]| {
            shareable(&reply, &with(fill), &Use { asked: with(asked), ..Use::default() }) == May
        };
        assert!(may(&["X-Plan: a"], &["x-plan:  a"]) && may(&[], &["X-Other: a"]));
        assert!(may(&["X-Plan: a", "X-Plan: b"], &["X-Plan: a, b"]), "several lines are one list");
        assert!(!may(&["X-Plan: a"], &["X-Plan: b"]) && !may(&["X-Plan: a"], &[]));
    }

    #[test]
    fn another_target_or_method_is_never_answered_from_the_store() {
        let using = |fill: &Asked, asked: Asked| shareable(&[], fill, &Use { asked, ..Use::default() });
        assert_eq!(using(&get(A), get("http://a.test/b")), MustNot(F::Target));
        assert_eq!(using(&get(A), get("http://b.test/a")), MustNot(F::Target));
        assert_eq!(using(&get(A), get("http://A.test:80/a")), May, "RFC 9110 section 4.2.3: equivalent");
        let post = Asked { method: "POST".to_owned(), ..get(A) };
        assert_eq!(using(&get(A), post.clone()), MustNot(F::Method));
        assert_eq!(using(&post, get(A)), MustNot(F::Method));
        assert_eq!(using(&get(A), Asked { uri: None, ..get(A) }), Observe(O::UriUnseen));
    }
}
