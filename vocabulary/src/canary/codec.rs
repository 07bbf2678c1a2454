//! The form of a canary: what its 48 characters say and how they prove it.
//!
//! ```text
//! xw90q8 | 42 characters a-z2-7, 5 bits each: 210 bits
//! marker | version 4 · role 2 · run 40 · tenant 10 · exchange 32 · attempt 5 · site 5 · delivery 16 | MAC 96
//! ```
//! The marker holds digits that base 32 does not use, so it cannot begin inside a payload. The MAC is SipHash-2-4-128
//! over the 114 bits of the fields, cut to 96 bits.

use std::fmt;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::identity::{Attempt, DeliveryId, ExchangeId, TenantId};

/// What every canary begins with.
pub const MARKER: &str = "xw90q8";
/// The length of a canary's text.
pub const CANARY_BYTES: usize = 48;

const PAYLOAD_DIGITS: usize = CANARY_BYTES - MARKER.len();
const VERSION: u128 = 1;
const MAC_BITS: u32 = 96;
const MAC_MASK: u128 = (1 << MAC_BITS) - 1;
/// The payload is handled as two halves of 21 digits, 105 bits each.
const HALF_DIGITS: usize = PAYLOAD_DIGITS / 2;
const HALF_BITS: u32 = 105;
pub(super) const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// The value of each byte as a digit, case-blind; 255 is none.
pub(super) const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut digit = 0;
    while digit < 32 {
        values[DIGITS[digit] as usize] = digit as u8;
        values[DIGITS[digit].to_ascii_uppercase() as usize] = digit as u8;
        digit += 1;
    }
    values
};
const TENANT_MAX: u16 = (1 << 10) - 1;
const ATTEMPT_MAX: u8 = (1 << 5) - 1;
const RUN_MASK: u64 = (1 << 40) - 1;

/// What a canary says of its bearer. Example: the reply canary in the header of `d16`, tenant 1, first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// Who minted it and for what.
    pub role: Role,
    /// Whose it is; at most 1023.
    pub tenant: TenantId,
    /// Of which exchange, as numbered on the wire; 0 in a tenant's canary.
    pub exchange: ExchangeId,
    /// Of which arrival at the origin; 0 in a request, and never more than 31: later ones count as the 31st.
    pub attempt: Attempt,
    /// Where it was planted.
    pub site: Site,
    /// The number of the delivery among those of its exchange; 0 unless a reply's.
    pub delivery: u16,
}

impl Claim {
    /// The delivery that a reply's canary belongs to.
    pub fn delivery_id(&self) -> Option<DeliveryId> {
        match self.role {
            Role::Reply => Some(DeliveryId { exchange: self.exchange, number: self.delivery }),
            Role::Tenant | Role::Request => None,
        }
    }
}

/// Who minted a canary and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The client, for a tenant: in its credential and cookie, the same in all its requests.
    Tenant,
    /// The client, for one request.
    Request,
    /// The origin, for one delivery. Never present in a request, so an echo of the request cannot pass for a reply.
    Reply,
}

/// Where a canary was planted, so that a partial mix-up shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// A segment of a request's path.
    Path,
    /// A request's query, `cw`.
    Query,
    /// A request's field `x-crosswire`.
    Header,
    /// A request's `Authorization`.
    Authorization,
    /// A request's `Cookie`.
    Cookie,
    /// A request's body outside stripes.
    Body,
    /// A request's trailer `x-crosswire-end`.
    Trailer,
    /// Bytes after or inside a message that spell a request of their own.
    Tail,
    /// A field of an interim reply.
    Interim,
    /// A reply's field `x-crosswire`.
    ReplyHeader,
    /// A reply's `ETag`.
    Etag,
    /// A reply's `Set-Cookie`.
    SetCookie,
    /// The first stripe of a body.
    BodyBegin,
    /// A stripe between the first and the last.
    Stripe,
    /// The last stripe of a body.
    BodyEnd,
    /// A reply's trailer `x-crosswire-end`.
    ReplyTrailer,
}

impl Site {
    const ALL: [Site; 16] = [
        Site::Path,
        Site::Query,
        Site::Header,
        Site::Authorization,
        Site::Cookie,
        Site::Body,
        Site::Trailer,
        Site::Tail,
        Site::Interim,
        Site::ReplyHeader,
        Site::Etag,
        Site::SetCookie,
        Site::BodyBegin,
        Site::Stripe,
        Site::BodyEnd,
        Site::ReplyTrailer,
    ];
}

/// The text of a canary: 48 letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanaryText([u8; CANARY_BYTES]);

impl CanaryText {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a canary is ASCII by construction")
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8; CANARY_BYTES] {
        &self.0
    }
}

impl fmt::Display for CanaryText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CanaryText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no canary of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Unverified {
    /// It has not the form of a canary.
    #[error("not the form of a canary")]
    NotACanary,
    /// The bytes end before the canary would: a body that was planned to be shorter than one, or a cut.
    #[error("cut off by the end of the bytes")]
    CutOff,
    /// It has the form of another version.
    #[error("a canary of another version")]
    WrongVersion,
    /// Its MAC does not verify: mangled, or minted under another key.
    #[error("a canary whose MAC does not verify: mangled, or of another run")]
    WrongMac,
}

/// The key of one run's canaries: random, never derived from the seed.
#[derive(Clone)]
pub struct CanaryKey {
    secret: [u8; 16],
    run: u64,
}

impl fmt::Debug for CanaryKey {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanaryKey(run {:010x})", self.run)
    }
}

impl CanaryKey {
    /// A key for the run whose number has these low 40 bits.
    pub fn new(secret: [u8; 16], run: u64) -> CanaryKey {
        CanaryKey { secret, run: run & RUN_MASK }
    }

    /// The run's number, 40 bits.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The secret, for the file that keeps it beside the run.
    pub fn secret(&self) -> [u8; 16] {
        self.secret
    }

    /// The canary that makes this claim. A tenant above 1023 is our bug.
    pub fn mint(&self, claim: Claim) -> CanaryText {
        let fields = self.fields(claim);
        let mac = self.mac(fields);
        let low = ((fields & 0x1ff) << MAC_BITS) | mac;
        let mut text = [0; CANARY_BYTES];
        let (marker, payload) = text.split_at_mut(MARKER.len());
        marker.copy_from_slice(MARKER.as_bytes());
        let (first, second) = payload.split_at_mut(HALF_DIGITS);
        write_digits(fields >> (HALF_BITS - MAC_BITS), first);
        write_digits(low, second);
        CanaryText(text)
    }

    /// What a canary's text claims, after its MAC has verified. Case-blind.
    pub fn verify(&self, text: &[u8]) -> Result<Claim, Unverified> {
        if text.len() != CANARY_BYTES || !text[..MARKER.len()].eq_ignore_ascii_case(MARKER.as_bytes()) {
            return Err(Unverified::NotACanary);
        }
        let payload = &text[MARKER.len()..];
        let high = read_digits(&payload[..HALF_DIGITS]).ok_or(Unverified::NotACanary)?;
        let low = read_digits(&payload[HALF_DIGITS..]).ok_or(Unverified::NotACanary)?;
        let fields = (high << (HALF_BITS - MAC_BITS)) | (low >> MAC_BITS);
        if fields >> 110 != VERSION {
            return Err(Unverified::WrongVersion);
        }
        if self.mac(fields) != low & MAC_MASK {
            return Err(Unverified::WrongMac);
        }
        self.claim(fields).ok_or(Unverified::WrongMac)
    }

    fn fields(&self, claim: Claim) -> u128 {
        assert!(claim.tenant.0 <= TENANT_MAX, "tenant {} does not fit a canary", claim.tenant.0);
        let role = match claim.role {
            Role::Tenant => 0,
            Role::Request => 1,
            Role::Reply => 2,
        };
        let mut fields = Packer(VERSION);
        fields.put(role, 2);
        fields.put(u128::from(self.run), 40);
        fields.put(u128::from(claim.tenant.0), 10);
        fields.put(u128::from(claim.exchange.0), 32);
        fields.put(u128::from(claim.attempt.0.min(ATTEMPT_MAX)), 5);
        fields.put(claim.site as u128, 5);
        fields.put(u128::from(claim.delivery), 16);
        fields.0
    }

    fn claim(&self, fields: u128) -> Option<Claim> {
        let mut fields = Unpacker(fields);
        let delivery = fields.take(16) as u16;
        let site = *Site::ALL.get(fields.take(5) as usize)?;
        let attempt = Attempt(fields.take(5) as u8);
        let exchange = ExchangeId(fields.take(32) as u32);
        let tenant = TenantId(fields.take(10) as u16);
        if fields.take(40) as u64 != self.run {
            return None;
        }
        let role = [Role::Tenant, Role::Request, Role::Reply].get(fields.take(2) as usize).copied()?;
        Some(Claim { role, tenant, exchange, attempt, site, delivery })
    }

    fn mac(&self, fields: u128) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write(&fields.to_be_bytes());
        hasher.finish128().as_u128() & MAC_MASK
    }
}

struct Packer(u128);

impl Packer {
    fn put(&mut self, value: u128, bits: u32) {
        self.0 = (self.0 << bits) | value;
    }
}

/// Takes fields from the low end, so in the opposite order.
struct Unpacker(u128);

impl Unpacker {
    fn take(&mut self, bits: u32) -> u128 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        value
    }
}

/// Writes the low bits of a number as base-32 digits, the highest first.
pub(super) fn write_digits(mut value: u128, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(value & 31) as usize];
        value >>= 5;
    }
}

/// Reads base-32 digits, case-blind; none if one is no digit.
pub(super) fn read_digits(text: &[u8]) -> Option<u128> {
    let mut value = 0;
    for byte in text {
        let digit = VALUES[usize::from(*byte)];
        if digit == 255 {
            return None;
        }
        value = (value << 5) | u128::from(digit);
    }
    Some(value)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::canary) fn key() -> CanaryKey {
        CanaryKey::new([7; 16], 0x12_3456_789a)
    }

    pub(in crate::canary) fn any_claim() -> impl Strategy<Value = Claim> {
        let role = prop_oneof![Just(Role::Tenant), Just(Role::Request), Just(Role::Reply)];
        let site = proptest::sample::select(Site::ALL.to_vec());
        (role, 0..=TENANT_MAX, any::<u32>(), 0..=ATTEMPT_MAX, site, any::<u16>()).prop_map(
            |(role, tenant, exchange, attempt, site, delivery)| Claim {
                role,
                tenant: TenantId(tenant),
                exchange: ExchangeId(exchange),
                attempt: Attempt(attempt),
                site,
                delivery,
            },
        )
    }

    /// The reply canary in the header of `d16`.
    pub(in crate::canary) fn claim() -> Claim {
        Claim {
            role: Role::Reply,
            tenant: TenantId(1),
            exchange: ExchangeId(16),
            attempt: Attempt(1),
            site: Site::ReplyHeader,
            delivery: 1,
        }
    }

    #[test]
    fn the_layout_is_fixed() {
        assert_eq!(key().mint(claim()).as_str(), "xw90q8dbencwpcnaaqaaaacafeaacykbgv6o3ckh752corgl");
    }

    #[test]
    fn the_sites_are_listed_in_the_order_of_the_enum() {
        assert!(Site::ALL.iter().enumerate().all(|(index, site)| *site as usize == index));
    }

    proptest! {
        #[test]
        fn what_was_minted_verifies_in_any_case(claim in any_claim(), shout in any::<bool>()) {
            let text = key().mint(claim);
            let text = if shout { text.as_str().to_ascii_uppercase() } else { text.to_string() };
            prop_assert_eq!(text.len(), CANARY_BYTES);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            prop_assert_eq!(key().verify(text.as_bytes()), Ok(claim));
        }

        #[test]
        fn a_changed_character_never_verifies(claim in any_claim(), at in 6..CANARY_BYTES, digit in 0..32usize) {
            let mut text = *key().mint(claim).as_bytes();
            prop_assume!(text[at] != DIGITS[digit]);
            text[at] = DIGITS[digit];
            prop_assert!(key().verify(&text).is_err());
        }

        #[test]
        fn another_key_or_another_run_never_verifies(claim in any_claim()) {
            let text = key().mint(claim);
            prop_assert_eq!(CanaryKey::new([8; 16], key().run()).verify(text.as_bytes()), Err(Unverified::WrongMac));
            prop_assert_eq!(CanaryKey::new([7; 16], 1).verify(text.as_bytes()), Err(Unverified::WrongMac));
        }

        #[test]
        fn any_bytes_are_safe_to_verify(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(key().verify(&bytes).is_err());
        }
    }

    #[test]
    fn the_secret_is_not_in_the_debug_output() {
        assert_eq!(format!("{:?}", key()), "CanaryKey(run 123456789a)");
    }
}
