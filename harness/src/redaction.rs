//! Keeping out of what is written what nobody may read there: credentials, and bytes that are not ours.
//!
//! Three rules, applied to evidence and messages before they reach the journal, a terminal or a log:
//!
//! 1. What the user gave as the value of a field (`--header`) is taken out wherever it stands, however it is spelled.
//! 2. A field that carries credentials keeps only what holds a canary of ours: those are secrets of one run, and harmless.
//! 3. Of bodies, canaries and stripes are kept, and how much lay between them: a reply that went astray in a gateway
//!    that others use may be somebody's. `--capture-bodies` keeps them whole.
//!
//! What is taken out leaves its length and a fingerprint under the run's key, so that a reader sees what is equal. Pure.

mod spellings;

use std::hash::Hasher;
use std::ops::Range;

use siphasher::sip::SipHasher24;
use vocabulary::canary::{CANARY_BYTES, CanaryKey, MARKER, STRIPE_BYTES};
use vocabulary::directive::Field;
use vocabulary::finding::{Evidence, ExchangeEvidence, Finding};

use crate::oracle::Judgement;

/// Characters below which a value is taken out only in its own field: `1` stands everywhere.
const SOUGHT_CHARS_MIN: usize = 6;
/// Fields whose values are credentials, in lower case.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-goog-api-key",
];
/// Parts of names of further fields that carry credentials.
const CREDENTIAL_PARTS: [&str; 7] = ["apikey", "api-key", "credential", "password", "secret", "session", "token"];

/// What must not be written, and what may.
#[derive(Debug, Clone)]
pub(crate) struct Redaction {
    secrets: Vec<Secret>,
    /// Names of the fields that the user gave, in lower case.
    fields: Vec<String>,
    key: [u8; 16],
    bodies: Bodies,
}

/// What is kept of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// What is ours.
    Ours,
    /// Their beginning, whosever it is.
    Whole,
}

#[derive(Clone)]
struct Secret {
    value: String,
    /// The digits by which it is known in base 64.
    base64: Vec<String>,
}

/// A secret is not shown by accident either.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("bytes", &self.value.len()).finish()
    }
}

impl Redaction {
    /// For a run with this key whose user sends these fields with every request.
    pub(crate) fn new(given: &[Field], key: &CanaryKey) -> Redaction {
        let mut values: Vec<String> = given.iter().flat_map(|field| sought(&field.value)).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Redaction {
            secrets: values.into_iter().map(|value| Secret { base64: spellings::in_base64(&value), value }).collect(),
            fields: given.iter().map(|field| field.name.to_ascii_lowercase()).collect(),
            key: key.secret(),
            bodies: Bodies::Ours,
        }
    }

    /// Keeps so much of bodies.
    pub(crate) fn keep(&mut self, bodies: Bodies) {
        self.bodies = bodies;
    }

    /// Whether there is anything that a text of somebody else's could hold.
    pub(crate) fn seeks_nothing(&self) -> bool {
        self.secrets.is_empty()
    }

    /// A text without what the user gave (rule 1).
    pub(crate) fn conceal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let places = spellings::places(&text, &secret.value);
            self.take_out(&mut text, places, &secret.value);
            for digits in &secret.base64 {
                let places = spellings::digit_places(&text, digits);
                self.take_out(&mut text, places, &secret.value);
            }
        }
        text
    }

    fn take_out(&self, text: &mut String, places: Vec<Range<usize>>, value: &str) {
        // From behind, so that the places before stay where they are.
        for place in places.into_iter().rev() {
            text.replace_range(place, &self.redacted(value));
        }
    }

    /// Everything in a judgement that is kept or shown.
    pub(crate) fn conceal_judgement(&self, judgement: &mut Judgement) {
        for observation in &mut judgement.summary.observations {
            observation.sentence = self.conceal(&observation.sentence);
        }
        judgement.findings.iter_mut().for_each(|finding| self.conceal_finding(finding));
    }

    fn conceal_finding(&self, finding: &mut Finding) {
        let Finding { sentence, evidence: Evidence { exchanges, timeline }, chain, excuses, .. } = finding;
        let told =
            timeline.iter_mut().map(|entry| &mut entry.event).chain(chain.iter_mut().map(|step| &mut step.event));
        let tried = excuses.iter_mut().map(|excuse| &mut excuse.ruled_out_by);
        for text in std::iter::once(sentence).chain(told).chain(tried) {
            *text = self.conceal(text);
        }
        exchanges.iter_mut().for_each(|exchange| self.conceal_exchange(exchange));
    }

    fn conceal_exchange(&self, evidence: &mut ExchangeEvidence) {
        let ExchangeEvidence { request_sent, request_seen, emitted, reply_received, came_unasked, .. } = evidence;
        let requests = std::iter::once(request_sent).chain(request_seen);
        for message in requests.chain(emitted.iter_mut().map(|emitted| &mut emitted.head)) {
            *message = self.message(message);
        }
        for message in [reply_received, came_unasked].into_iter().flatten() {
            *message = self.message(message);
        }
    }

    /// A head and what of a body stands behind it, as an excerpt has them.
    fn message(&self, text: &str) -> String {
        let text = self.conceal(text);
        let (head, body) = parts(&text);
        let mut lines = head.split('\n');
        let first = lines.next().unwrap_or_default().to_owned();
        let mut kept: Vec<String> = vec![first];
        kept.extend(lines.map(|line| self.field(line)));
        match self.bodies {
            Bodies::Whole => kept.join("\n") + body,
            Bodies::Ours => kept.join("\n") + &ours(body),
        }
    }

    /// A line of a head without its credentials (rule 2).
    fn field(&self, line: &str) -> String {
        let Some((name, value)) = line.split_once(':') else { return line.to_owned() };
        let lower = name.trim().to_ascii_lowercase();
        let carries = CREDENTIALS.contains(&lower.as_str()) || CREDENTIAL_PARTS.iter().any(|part| lower.contains(part));
        if !carries && !self.fields.contains(&lower) {
            return line.to_owned();
        }
        let separator = if lower.ends_with("cookie") { ';' } else { ',' };
        let is_attribute = |index: usize| lower == "set-cookie" && index > 0;
        let parts = value.split(separator).enumerate().map(|(index, part)| match part.contains(MARKER) {
            true => part.to_owned(),
            false if part.trim().is_empty() || part.contains("[redacted ") || is_attribute(index) => part.to_owned(),
            false => match part.split_once('=').filter(|_| separator == ';') {
                Some((cookie, value)) => format!("{cookie}={}", self.redacted(value.trim())),
                None => format!(" {}", self.redacted(part.trim())),
            },
        });
        format!("{name}:{}", parts.collect::<Vec<_>>().join(&separator.to_string()))
    }

    /// What stands in the place of a secret.
    fn redacted(&self, value: &str) -> String {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(value.as_bytes());
        format!("[redacted {} bytes #{:06x}]", value.len(), hasher.finish() & 0x00ff_ffff)
    }
}

/// What of a field's value is looked for: all of it, and what stands behind the scheme of a credential.
fn sought(value: &str) -> Vec<String> {
    let value = value.trim();
    let mut sought = vec![value.to_owned()];
    if let Some((scheme, credential)) = value.split_once(' ') {
        sought.push(credential.trim().to_owned());
        // RFC 7617 §2: a name and a password.
        if scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) = spellings::decoded(credential.trim())
        {
            sought.extend(pair.split_once(':').map(|(_, password)| password.to_owned()));
            sought.push(pair);
        }
    }
    sought.retain(|value| value.len() >= SOUGHT_CHARS_MIN);
    sought
}

/// Head and body of an excerpt: the head ends with an empty line, or where it was cut off.
fn parts(text: &str) -> (&str, &str) {
    let has_head = text.split('\n').next().is_some_and(|first| first.contains("HTTP/"));
    let end = match (text.find("\n\n"), text.find('…')) {
        _ if !has_head => 0,
        (Some(blank), Some(cut)) if cut < blank => cut + '…'.len_utf8(),
        (Some(blank), _) => blank + 2,
        (None, Some(cut)) => cut + '…'.len_utf8(),
        (None, None) => text.len(),
    };
    text.split_at(end)
}

/// What of a body is ours: canaries and stripes; how much stands between them (rule 3).
fn ours(body: &str) -> String {
    let mut kept = String::new();
    let mut rest = body;
    while !rest.is_empty() {
        let foreign = rest.find(MARKER).unwrap_or(rest.len());
        match &rest[..foreign] {
            "" => {}
            "…" => kept.push('…'),
            bytes => kept.push_str(&format!("[{} bytes not kept]", bytes.len())),
        }
        rest = &rest[foreign..];
        let length = stripe(rest);
        kept.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    kept
}

/// How long the stripe or canary is with which a text begins: letters and digits, up to the next marker.
fn stripe(text: &str) -> usize {
    let letters = text.bytes().take(STRIPE_BYTES).take_while(u8::is_ascii_alphanumeric).count();
    let is_stripe =
        text.get(CANARY_BYTES..).is_some_and(|tag| ["beg", "str", "end"].iter().any(|it| tag.starts_with(it)));
    let most = if is_stripe { STRIPE_BYTES } else { CANARY_BYTES };
    let next = text.get(MARKER.len()..).and_then(|behind| behind.find(MARKER)).map(|at| at + MARKER.len());
    letters.min(most).min(next.unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::canary::{Claim, Role, Site, StripedBody};
    use vocabulary::identity::{Attempt, ExchangeId, TenantId};

    const SECRET: &str = "s3cr3t/Val+ue==";

    fn key() -> CanaryKey {
        CanaryKey::new([7; 16], 1)
    }

    fn redaction() -> Redaction {
        let given = [("Authorization", format!("Bearer {SECRET}")), ("X-Debug", "1".to_owned())];
        let given = given.map(|(name, value)| Field { name: name.to_owned(), value });
        Redaction::new(&given, &key())
    }

    fn claim() -> Claim {
        Claim {
            role: Role::Reply,
            tenant: TenantId(1),
            exchange: ExchangeId(1),
            attempt: Attempt(1),
            site: Site::ReplyHeader,
            delivery: 1,
        }
    }

    #[test]
    fn what_the_user_gave_is_taken_out_however_it_is_spelled_and_nothing_else_is() {
        let redaction = redaction();
        for spelled in ["s3cr3t/Val+ue==", "s3cr3t%2FVal+ue==", "s3cr3t%2fval%2bue%3d%3d", "s3cr3t\\/Val+ue=="] {
            let concealed = redaction.conceal(&format!("no such user: {spelled}, said the page"));
            assert!(!concealed.to_lowercase().contains("val") && concealed.ends_with(", said the page"), "{concealed}");
            assert!(concealed.contains("[redacted 15 bytes #"), "{concealed}");
        }
        let harmless = "GET /a?b=1 HTTP/1.1, Bearer of 1 s3cr3t";
        assert_eq!(redaction.conceal(harmless), harmless);
    }

    #[test]
    fn it_is_taken_out_of_base_64_wherever_it_stands_in_it() {
        let redaction = redaction();
        for before in ["", "a", "ab", "abc"] {
            let encoded = spellings::encoded(format!("{before}{SECRET} and more").as_bytes());
            let concealed = redaction.conceal(&format!("token {encoded} end"));
            assert!(concealed.contains("[redacted 15 bytes #"), "{before}: {encoded}: {concealed}");
        }
        let other = spellings::encoded(b"an other text of some length");
        assert_eq!(redaction.conceal(&other), other);
    }

    #[test]
    fn the_password_of_a_basic_credential_is_sought_too() {
        let basic = format!("Basic {}", spellings::encoded(b"me:hunter22"));
        let given = [Field { name: "Authorization".to_owned(), value: basic }];
        assert!(!Redaction::new(&given, &key()).conceal("welcome me, hunter22").contains("hunter22"));
    }

    #[test]
    fn a_secret_that_an_excerpt_cuts_off_is_taken_out_as_far_as_it_goes() {
        let concealed = redaction().conceal("GET / HTTP/1.1\nX-Echo: s3cr3t/V…");
        assert!(!concealed.contains("s3cr3t") && concealed.ends_with("]…"), "{concealed}");
        assert_eq!(redaction().conceal("X-Echo: s3c…"), "X-Echo: s3c…");
    }

    #[test]
    fn credentials_keep_their_canaries_and_lose_the_rest() {
        let canary = key().mint(claim());
        let head = format!(
            "GET / HTTP/1.1\nAuthorization: Bearer {canary}\nCookie: session={canary}; sid=abc\nX-Api-Key: of the gateway\n\
             X-Debug: 1\nVia: 1.1 gw\n\n"
        );
        let kept = redaction().message(&head);
        for stays in
            [&format!("Bearer {canary}")[..], &format!("session={canary}; sid=[redacted 3 bytes #"), "Via: 1.1 gw\n\n"]
        {
            assert!(kept.contains(stays), "{stays}: {kept}");
        }
        for goes in ["abc", "of the gateway", "X-Debug: 1"] {
            assert!(!kept.contains(goes), "{goes}: {kept}");
        }
        let set = redaction().message("HTTP/1.1 200 OK\nSet-Cookie: SERVERID=a1; Path=/; HttpOnly\n\n");
        assert!(set.contains("SERVERID=[redacted 2 bytes #") && set.contains("; Path=/; HttpOnly"), "{set}");
    }

    #[test]
    fn equal_secrets_have_equal_fingerprints_and_other_runs_have_others() {
        let fingerprint = |key: CanaryKey, value: &str| Redaction::new(&[], &key).redacted(value);
        assert_eq!(fingerprint(key(), "one"), fingerprint(key(), "one"));
        assert_ne!(fingerprint(key(), "one"), fingerprint(key(), "two"));
        assert_ne!(fingerprint(key(), "one"), fingerprint(CanaryKey::new([8; 16], 1), "one"));
    }

    #[test]
    fn of_a_body_only_what_is_ours_is_kept_unless_all_is_asked_for() {
        let stripes = StripedBody::new(&key(), claim(), 200).to_vec();
        let stripes = String::from_utf8(stripes).unwrap();
        let head = "HTTP/1.1 200 OK\nContent-Length: 9\n\n";
        let mixed = format!("{head}<p>Dear Ada</p>{stripes}<i>");
        let mut redaction = redaction();
        let kept = redaction.message(&mixed);
        assert_eq!(kept, format!("{head}[15 bytes not kept]{stripes}[3 bytes not kept]"));
        assert_eq!(redaction.message(&format!("{head}{stripes}")), format!("{head}{stripes}"));
        redaction.keep(Bodies::Whole);
        assert_eq!(redaction.message(&mixed), mixed);
    }

    #[test]
    fn bytes_without_a_head_are_a_body_and_a_head_that_was_cut_off_ends_there() {
        assert_eq!(redaction().message("whatever: this is"), "[17 bytes not kept]");
        assert_eq!(redaction().message("HTTP/1.1 200 OK\nVia: x…<p>"), "HTTP/1.1 200 OK\nVia: x…[3 bytes not kept]");
    }
}
