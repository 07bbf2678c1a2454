//! What would have excused a finding, and why it does not: the oracle's doubt in itself, written down.
//!
//! Every exemption that makes sense for a finding's shape is tried once more, after the rules, and answers with the fact
//! of the history that rules it out. The rules have let none of them pass, so an exemption that applies here would be a
//! contradiction within the oracle: the tests stop at one. In a run it is left out, for a panic would lose the finding.

use std::collections::BTreeMap;
use std::time::Duration;

use vocabulary::canary::Role;
use vocabulary::directive::{FaultKind, Final, Framing, OriginAct};
use vocabulary::finding::{Edge, Excuse, Leg, Proof, Shape};
use vocabulary::history::{DeliveryKind, Fault, History, Performed, Received, Replied};
use vocabulary::identity::{Attempt, DeliveryId, ExchangeId, Moment};
use vocabulary::plan::{Audience, Misframing, RequestBody, Stimulus};

use super::audience::{self, Forbidden, Sharing};
use super::deliveries::{self, DeliveryMap, Misdirected};
use super::{Suspicion, proof, shapes};

/// What makes something foreign lawful, or no doing of the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exemption {
    /// The gateway has tried the receiver's own request again.
    OwnAttempt,
    /// The gateway has answered from its store, as it may.
    Store,
    /// The reply is for others too.
    Audience,
    /// The reply was unasked, and came when it could be taken for an answer.
    Surplus,
    /// Another exchange of the same resource has completed a stored reply.
    CombinedStore,
    /// The fault was not for a peer of that version to understand.
    Version,
    /// The gateway has quoted the request in an error of its own.
    ErrorPage,
    /// It is left over from another run.
    EarlierRun,
    /// The gateway reads no HTTP on this connection.
    Tunnel,
    /// It goes on with the receiver's own reply, whose end only the connection's end shows.
    SameReply,
    /// The gateway may make one status of the other.
    Conversion,
    /// The gateway rewrites statuses, and says so.
    Rewriter,
    /// The request was none inside a body, but came behind one.
    Tail,
    /// It stood in an interim reply of the receiver's own.
    OwnInterim,
    /// A client sends back what it was given.
    GivenBack,
    /// The gateway says that it closes the connection.
    IdleClose,
    /// The gateway calls its origin by a name of its own.
    Authority,
}

/// What became of an exemption.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ruling {
    /// It has nothing to do with this finding.
    NotInQuestion,
    /// There should be no finding.
    Applies,
    /// This fact speaks against it.
    RuledOut(String),
    /// This fact does, and it stands here rather than where the exemption does.
    RuledOutBy(&'static str, String),
}

impl Exemption {
    fn words(self) -> &'static str {
        match self {
            Exemption::OwnAttempt => "a retry of its own request",
            Exemption::Store => "a lawful cache hit",
            Exemption::Audience => "an audience that allows it",
            Exemption::Surplus => "a surplus that may be an answer",
            Exemption::CombinedStore => "a stored reply completed by a 304, HEAD or 206",
            Exemption::Version => "an HTTP/1.0 peer",
            Exemption::ErrorPage => "the gateway's own error page",
            Exemption::EarlierRun => "a late reply of an earlier run",
            Exemption::Tunnel => "a tunnel",
            Exemption::SameReply => "close-delimited bytes of the same reply",
            Exemption::Conversion => "a lawful conversion of the status",
            Exemption::Rewriter => "a gateway that rewrites statuses",
            Exemption::Tail => "a request that followed the body",
            Exemption::OwnInterim => "an interim reply of its own",
            Exemption::GivenBack => "a client that sends back what it was given",
            Exemption::IdleClose => "an error before the gateway closes the connection",
            Exemption::Authority => "a gateway that names its origin itself",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Exemption::OwnAttempt => "RFC 9110 section 9.2.2",
            Exemption::Store => "RFC 9111 section 4",
            Exemption::Audience => "RFC 9111 section 5.2.2.9",
            Exemption::Surplus => "RFC 9112 section 9.2",
            Exemption::CombinedStore => "RFC 9111 section 4.3.4, RFC 9110 section 15.3.7.3",
            Exemption::Version => "RFC 9110 section 15.2, RFC 9112 section 6.1",
            Exemption::ErrorPage => "RFC 9110 section 15.5",
            Exemption::EarlierRun => "the key of the run",
            Exemption::Tunnel => "RFC 9110 section 3.7",
            Exemption::SameReply => "RFC 9112 section 6.3",
            Exemption::Conversion => "RFC 9110 section 15.3.7, RFC 9111 section 4.3.3",
            Exemption::Rewriter => "RFC 9110 section 7.7",
            Exemption::Tail => "RFC 9112 section 9.3.2",
            Exemption::OwnInterim => "RFC 9110 section 15.2",
            Exemption::GivenBack => "RFC 9110 section 13.1.2",
            Exemption::IdleClose => "RFC 9110 section 15.5.9",
            Exemption::Authority => "RFC 9110 section 3.7",
        }
    }
}

/// The exemptions that were tried on a finding, the one that a reader thinks of first in front.
pub(super) fn excuses(history: &History, map: &DeliveryMap, suspicion: &Suspicion) -> Vec<Excuse> {
    let case = Case { history, map, suspicion };
    let excuse = |exemption: Exemption| {
        let (source, ruled_out_by) = match case.ruling(exemption) {
            Ruling::RuledOut(fact) => (exemption.source(), fact),
            Ruling::RuledOutBy(source, fact) => (source, fact),
            Ruling::NotInQuestion => return None,
            Ruling::Applies => {
                #[cfg(test)]
                panic!("{exemption:?} applies to a finding: {suspicion:?}");
                #[cfg(not(test))]
                return None;
            }
        };
        Some(Excuse { excuse: exemption.words().to_owned(), source: source.to_owned(), ruled_out_by })
    };
    in_question(suspicion).into_iter().filter_map(excuse).collect()
}

/// What a reader would ask of a finding of this shape.
fn in_question(suspicion: &Suspicion) -> Vec<Exemption> {
    use Exemption as E;
    let whole_reply = || match suspicion.leg {
        Leg::Store => vec![E::Store, E::Audience, E::OwnAttempt, E::Tail, E::ErrorPage, E::EarlierRun],
        Leg::Request | Leg::Reply | Leg::Mint => {
            vec![E::OwnAttempt, E::Tail, E::Surplus, E::Store, E::Version, E::Audience, E::ErrorPage, E::EarlierRun]
        }
    };
    let after = |first: Exemption| {
        let rest = whole_reply().into_iter().filter(|exemption| *exemption != first);
        std::iter::once(first).chain(rest).collect::<Vec<_>>()
    };
    match suspicion.shape {
        Shape::Splice if suspicion.is_of_attempts() => vec![E::OwnAttempt, E::CombinedStore, E::EarlierRun],
        Shape::Splice => after(E::CombinedStore),
        Shape::DuplicateDelivery => after(E::Store),
        Shape::PairSwap | Shape::Rotation | Shape::Shift | Shape::StaleDelivery | Shape::Misdelivery => whole_reply(),
        Shape::Fragment if suspicion.edges.is_empty() => vec![E::ErrorPage, E::EarlierRun],
        Shape::Fragment => vec![E::OwnInterim, E::OwnAttempt, E::Version, E::EarlierRun],
        Shape::GhostRequest => vec![E::Tail],
        Shape::RequestSplice => vec![E::Authority, E::GivenBack, E::EarlierRun],
        Shape::Desync => vec![E::IdleClose, E::Surplus, E::SameReply, E::Tunnel, E::EarlierRun],
        Shape::StatusMismatch => vec![E::Conversion, E::Rewriter],
        Shape::TruncationAsComplete => vec![E::SameReply],
    }
}

struct Case<'a> {
    history: &'a History,
    map: &'a DeliveryMap,
    suspicion: &'a Suspicion,
}

impl Case<'_> {
    fn ruling(&self, exemption: Exemption) -> Ruling {
        match exemption {
            Exemption::OwnAttempt => self.own_attempt(),
            Exemption::Store => self.store(),
            Exemption::Audience => self.audience(),
            Exemption::Surplus => self.surplus(),
            Exemption::CombinedStore => self.combined_store(),
            Exemption::Version => self.version(),
            Exemption::ErrorPage => self.error_page(),
            Exemption::EarlierRun => self.earlier_run(),
            Exemption::Tunnel => self.tunnel(),
            Exemption::SameReply => self.same_reply(),
            Exemption::Conversion => self.conversion(),
            Exemption::Rewriter => Ruling::RuledOut("statuses passed unchanged when the gateway got ready".to_owned()),
            Exemption::Tail => self.tail(),
            Exemption::OwnInterim => self.own_interim(),
            Exemption::GivenBack => self.given_back(),
            Exemption::IdleClose => self.idle_close(),
            Exemption::Authority => self.authority(),
        }
    }

    fn edge(&self) -> Option<&Edge> {
        self.suspicion.edges.first()
    }

    /// The delivery in question, of an edge or of unasked bytes.
    fn delivery(&self) -> Option<DeliveryId> {
        self.edge().map(|edge| edge.delivery).or_else(|| self.unasked_delivery())
    }

    fn unasked_delivery(&self) -> Option<DeliveryId> {
        let after = |exchange| exchange == Some(self.suspicion.subject);
        let mut unasked = self.history.unasked.iter().filter(|unasked| after(unasked.after));
        unasked.find_map(|unasked| unasked.canaries.iter().find_map(|found| found.claim.delivery_id()))
    }

    /// Whose it is that should not be there.
    fn owner(&self) -> Option<ExchangeId> {
        let others = || self.suspicion.exchanges.iter().copied().find(|exchange| *exchange != self.suspicion.subject);
        self.delivery().map(|delivery| delivery.exchange).or_else(others)
    }

    /// What was planned of an exchange.
    fn stimulus(&self, exchange: ExchangeId) -> Option<&Stimulus> {
        self.history.plan.stimulus(exchange).map(|(_, stimulus)| stimulus)
    }

    fn planned_final(&self, exchange: ExchangeId) -> Option<&Final> {
        self.stimulus(exchange)?.directive.acts.iter().find_map(OriginAct::final_reply)
    }

    fn sent_at(&self, exchange: ExchangeId) -> Option<Moment> {
        self.history.exchanges.get(&exchange)?.sent.as_ref().map(|sent| sent.at)
    }

    fn reading(&self, exchange: ExchangeId) -> Option<&Received> {
        self.history.exchanges.get(&exchange)?.reading()
    }

    fn own_attempt(&self) -> Ruling {
        if self.suspicion.is_of_attempts() {
            let answers = self.own_answers();
            let told =
                answers.values().map(|replied| format!("{} answers attempt {}", replied.delivery, replied.attempt.0));
            let told = told.collect::<Vec<_>>().join(", ");
            return match answers.len() {
                0 | 1 => Ruling::Applies,
                _ => Ruling::RuledOut(format!("{told}: a retry is answered in place of the one before, not behind it")),
            };
        }
        let Some(Edge { receiver, delivery }) = self.edge() else { return Ruling::NotInQuestion };
        match delivery.exchange == *receiver {
            true => Ruling::Applies,
            false => Ruling::RuledOut(format!("{delivery} answers {}, not {receiver}", delivery.exchange)),
        }
    }

    fn store(&self) -> Ruling {
        let Some(&Edge { receiver, delivery }) = self.edge() else { return Ruling::NotInQuestion };
        let owner = delivery.exchange;
        if proof::find(self.history, delivery).is_some_and(|replied| replied.kind == DeliveryKind::Surplus) {
            return Ruling::RuledOut(format!("nobody had asked for {delivery}, so that it could not be stored"));
        }
        if !deliveries::may_be_shared(self.history, self.map, delivery, receiver) {
            let seen = self.history.exchanges.get(&receiver).and_then(|receiver| receiver.seen.first());
            let place = seen.map(|seen| format!(" ({} {})", seen.connection, seen.ordinal)).unwrap_or_default();
            return Ruling::RuledOut(format!(
                "{receiver} reached the origin{place}, {owner} never received {delivery}"
            ));
        }
        match audience::between(self.history, delivery, receiver) {
            Sharing::May | Sharing::Observe(_) => Ruling::Applies,
            Sharing::MustNot(rule) => Ruling::RuledOutBy(rule.section(), self.forbidden(rule, owner, receiver)),
        }
    }

    /// What of the history makes a rule of caching forbid the hit.
    fn forbidden(&self, rule: Forbidden, owner: ExchangeId, receiver: ExchangeId) -> String {
        let field = |name: &str| {
            let fields = self.planned_final(owner).map(|reply| reply.fields.as_slice()).unwrap_or_default();
            let values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            values.map(|field| field.value.as_str()).collect::<Vec<_>>().join(", ")
        };
        match rule {
            Forbidden::Target => format!("{owner} and {receiver} asked for different targets"),
            Forbidden::Method => {
                let method = |exchange| super::method(self.history, exchange).unwrap_or("?");
                format!("{owner} was a {}, {receiver} a {}", method(owner), method(receiver))
            }
            Forbidden::NoStore
            | Forbidden::Private
            | Forbidden::PrivateField
            | Forbidden::NoCache
            | Forbidden::NoCacheField
            | Forbidden::Stale => {
                format!("the reply to {owner} carried Cache-Control: {}", field("cache-control"))
            }
            Forbidden::Authorization => format!(
                "the origin saw tenant {}'s Authorization in {owner}, and its reply allows no sharing",
                self.suspicion.owner_tenant.0
            ),
            Forbidden::Unconfirmed => {
                format!("parts of a 304 with another ETag stand beside those of the reply to {owner}")
            }
            Forbidden::VaryAll | Forbidden::Vary => {
                format!("the reply to {owner} carried Vary: {}, and {receiver} differs in it", field("vary"))
            }
            Forbidden::Unplanned => format!("{owner} is not of this case, so that nobody asked for the same"),
        }
    }

    /// The replies to the subject's own attempts that it has read.
    fn own_answers(&self) -> BTreeMap<Attempt, &Replied> {
        let own = self.map.readings.get(&self.suspicion.subject).map(|reading| reading.own.iter().copied());
        deliveries::answers_by_attempt(self.history, own.into_iter().flatten())
    }

    fn audience(&self) -> Ruling {
        let Some(&Edge { receiver, delivery }) = self.edge() else { return Ruling::NotInQuestion };
        if self.history.plan.speller(delivery.exchange).is_some() {
            return Ruling::RuledOut(format!("{delivery} is for {} alone", delivery.exchange));
        }
        let Some(owner) = self.stimulus(delivery.exchange) else { return Ruling::NotInQuestion };
        let theirs = self.suspicion.owner_tenant == self.suspicion.receiver_tenant;
        match owner.audience {
            Audience::Public => Ruling::Applies,
            Audience::Tenant if theirs && deliveries::same_target(self.history, receiver, delivery) => Ruling::Applies,
            Audience::Tenant if theirs => {
                Ruling::RuledOut(format!("{receiver} asked for another target than {delivery}'s"))
            }
            Audience::Tenant => Ruling::RuledOut(format!(
                "{delivery} is for tenant {} alone, and {receiver} is tenant {}'s",
                self.suspicion.owner_tenant.0, self.suspicion.receiver_tenant.0
            )),
            Audience::Exchange => Ruling::RuledOut(format!("{delivery} is for {} alone", delivery.exchange)),
        }
    }

    fn surplus(&self) -> Ruling {
        let Some(delivery) = self.delivery() else { return Ruling::NotInQuestion };
        let (owner, subject) = (delivery.exchange, self.suspicion.subject);
        let replied = proof::find(self.history, delivery);
        let place = replied.map(|replied| format!(" on {}", replied.connection)).unwrap_or_default();
        let before = |earlier: Option<Moment>| {
            let gap = self.sent_at(subject).zip(earlier).map(|(sent, earlier)| sent.since(earlier));
            match (gap, self.edge()) {
                (Some(gap), Some(_)) => format!("{} before {subject} was sent", ms(gap)),
                _ => format!("before anything else was asked on {subject}'s connection"),
            }
        };
        match self.suspicion.proof {
            Proof::Owed => Ruling::RuledOut(format!("the origin owed {delivery} to {owner}{place}")),
            Proof::SameSegment => {
                let received = self.history.exchanges.get(&owner).and_then(|owner| owner.ended_at());
                let beside = replied.and_then(|replied| replied.same_write_as).unwrap_or(delivery);
                Ruling::RuledOut(format!(
                    "it left in one write with {beside}, which {owner} had received {}",
                    before(received)
                ))
            }
            Proof::Acknowledged => {
                let acknowledged = replied.and_then(|replied| replied.acknowledged_at);
                Ruling::RuledOut(format!("the gateway's kernel had acknowledged {delivery} {}", before(acknowledged)))
            }
            Proof::EndedStream => {
                let stream = replied.and_then(|replied| replied.stream);
                let stream = stream.map(|stream| format!(" {stream}")).unwrap_or_default();
                Ruling::RuledOut(format!(
                    "{delivery} came on the ended stream{stream} of {owner}{place}, not on {subject}'s"
                ))
            }
            Proof::PassedThrough | Proof::Race => Ruling::Applies,
        }
    }

    fn combined_store(&self) -> Ruling {
        if self.suspicion.is_of_attempts() {
            let receiver = self.suspicion.subject;
            let Some(reading) = self.map.readings.get(&receiver) else { return Ruling::NotInQuestion };
            let told =
                self.own_answers().into_values().map(|replied| format!("{} is a {}", replied.delivery, replied.status));
            let told = told.collect::<Vec<_>>().join(", ");
            return match shapes::is_combined_store(self.history, receiver, reading) {
                true => Ruling::Applies,
                false => Ruling::RuledOut(format!("{told}: neither completes the other")),
            };
        }
        let Some(&Edge { receiver, delivery }) = self.edge() else { return Ruling::NotInQuestion };
        let Some(reading) = self.map.readings.get(&receiver) else { return Ruling::NotInQuestion };
        if shapes::is_combined_store(self.history, receiver, reading) {
            return Ruling::Applies;
        }
        if !deliveries::same_target(self.history, receiver, delivery) {
            return Ruling::RuledOut(format!("{receiver} and {} asked for different targets", delivery.exchange));
        }
        let own = reading.own.iter().next().and_then(|own| proof::find(self.history, *own));
        if let (Some(304), Sharing::MustNot(rule)) =
            (own.map(|own| own.status), audience::between(self.history, delivery, receiver))
        {
            return Ruling::RuledOutBy(rule.section(), self.forbidden(rule, delivery.exchange, receiver));
        }
        match own {
            Some(own) if own.status == 206 => Ruling::RuledOut(format!(
                "{} and {delivery} are not parts of one representation that {receiver} may have",
                own.delivery
            )),
            Some(own) => {
                Ruling::RuledOut(format!("{} is a {} with {} bytes of body", own.delivery, own.status, own.body_bytes))
            }
            None => Ruling::RuledOut(format!("nothing of {receiver}'s own stands in it")),
        }
    }

    /// A 1.0 peer is spared by the origin: what it is not to be sent is not performed.
    fn version(&self) -> Ruling {
        let Some(owner) = self.owner() else { return Ruling::NotInQuestion };
        let of_version = |fault: &&Fault| match fault.kind {
            FaultKind::Interim | FaultKind::Framing => fault.exchange == owner && fault.performed == Performed::Fully,
            FaultKind::ClientAbort
            | FaultKind::RequestFraming
            | FaultKind::EarlyFinal
            | FaultKind::Reorder
            | FaultKind::PrivateReply
            | FaultKind::Cut
            | FaultKind::Surplus
            | FaultKind::Silence
            | FaultKind::Close
            | FaultKind::Tunnel
            | FaultKind::Reset
            | FaultKind::GoAway
            | FaultKind::Settings
            | FaultKind::LargeHead => false,
        };
        let Some(fault) = self.history.faults.iter().find(of_version) else { return Ruling::NotInQuestion };
        let seen = self.history.exchanges.get(&owner).map(|owner| owner.seen.as_slice()).unwrap_or_default();
        let here = seen.iter().find(|seen| Some(seen.connection) == fault.connection);
        match here.and_then(|seen| version(&seen.head)) {
            None | Some("HTTP/1.0") => Ruling::NotInQuestion,
            Some(version) => Ruling::RuledOut(format!("the gateway asked the origin for {owner} with {version}")),
        }
    }

    fn error_page(&self) -> Ruling {
        let subject = self.suspicion.subject;
        let Some(delivery) = self.edge().map(|edge| edge.delivery) else {
            let own = self.suspicion.owner_tenant == self.suspicion.receiver_tenant && self.owner().is_none();
            return match own {
                true => Ruling::Applies,
                false => {
                    let whose = self.owner().map_or("a credential".to_owned(), |owner| format!("a part of {owner}"));
                    Ruling::RuledOut(format!(
                        "it is {whose}, of tenant {}, which {subject} had not sent",
                        self.suspicion.owner_tenant.0
                    ))
                }
            };
        };
        let all =
            self.history.exchanges.iter().flat_map(|(exchange, it)| it.seen.iter().map(move |seen| (exchange, seen)));
        let mut carried =
            all.filter(|(_, seen)| seen.canaries.iter().any(|found| found.claim.delivery_id() == Some(delivery)));
        Ruling::RuledOut(match carried.next() {
            None => format!("no request carried a canary of {delivery}, only that reply"),
            Some((carrier, _)) => {
                format!("the canary is of the reply {delivery}; {carrier} had sent it back, {subject} had not")
            }
        })
    }

    /// Whether it is told of an authority, in which no canary stands.
    fn is_of_authority(&self) -> bool {
        let subject = self.suspicion.subject;
        self.suspicion.shape == Shape::RequestSplice
            && deliveries::misdirected(self.history, subject).is_some()
            && deliveries::foreign_in_request(self.history, subject, self.suspicion.receiver_tenant).is_empty()
    }

    fn authority(&self) -> Ruling {
        match deliveries::misdirected(self.history, self.suspicion.subject).filter(|_| self.is_of_authority()) {
            None => Ruling::NotInQuestion,
            Some(Misdirected { asked, arrived, owner }) => Ruling::RuledOut(format!(
                "{owner} arrived under {arrived} and others under {asked}, each as its client had named it"
            )),
        }
    }

    fn earlier_run(&self) -> Ruling {
        if self.is_of_authority() {
            return Ruling::NotInQuestion;
        }
        let owner = match self.owner() {
            Some(owner) if owner.is_of_earlier_case() => {
                return Ruling::RuledOut(format!("its canary is of this run's key; {owner} was sent in a case before"));
            }
            Some(owner) => format!("names {owner}"),
            None => format!("is tenant {}'s", self.suspicion.owner_tenant.0),
        };
        Ruling::RuledOut(format!("its canary is of this run's key and {owner}"))
    }

    fn tunnel(&self) -> Ruling {
        let subject = self.suspicion.subject;
        if proof::is_passed_through(self.history, subject) {
            return Ruling::Applies;
        }
        let Some(happened) = self.history.exchanges.get(&subject) else { return Ruling::NotInQuestion };
        let sent = happened.sent.as_ref().map(|sent| sent.head.as_str());
        Ruling::RuledOut(match happened.seen.first() {
            None => format!("{subject} never arrived: the gateway answered it itself"),
            Some(seen) if sent != Some(seen.head.as_str()) => {
                format!("the gateway changed the head of {subject} on its way to the origin")
            }
            Some(seen) => {
                format!("{subject}'s client connection and {} do not carry the same requests", seen.connection)
            }
        })
    }

    fn same_reply(&self) -> Ruling {
        let subject = self.suspicion.subject;
        if self.suspicion.shape == Shape::TruncationAsComplete {
            let acts = self.stimulus(subject).map(|stimulus| stimulus.directive.acts.as_slice()).unwrap_or_default();
            let mut framings = acts.iter().filter_map(OriginAct::final_reply).map(|reply| reply.framing);
            return match framings.find(|framing| matches!(framing, Framing::Length | Framing::Chunked { .. })) {
                Some(Framing::Length) => Ruling::RuledOut("the origin had declared the reply's length".to_owned()),
                Some(_) => Ruling::RuledOut("the origin had framed the reply in chunks".to_owned()),
                None => Ruling::Applies,
            };
        }
        match self.reading(subject) {
            Some(received) => Ruling::RuledOut(format!(
                "{subject}'s reply was over by its own framing after {} bytes of body",
                received.body_bytes
            )),
            None => Ruling::RuledOut(format!("{subject} had no reply that could go on")),
        }
    }

    fn conversion(&self) -> Ruling {
        let subject = self.suspicion.subject;
        let own = self.map.readings.get(&subject).and_then(|reading| reading.own.last());
        let emitted = own.and_then(|own| proof::find(self.history, *own)).map(|replied| replied.status);
        match (emitted, self.reading(subject).map(|received| received.status)) {
            (Some(emitted), Some(received)) if shapes::is_lawful_conversion(emitted, received) => Ruling::Applies,
            (Some(emitted), Some(received)) => {
                Ruling::RuledOut(format!("neither a validation nor a range makes {received} of {emitted}"))
            }
            (None, _) | (_, None) => Ruling::NotInQuestion,
        }
    }

    /// A tail is a request; its reply has a place like any other's.
    fn tail_of_edge(&self, edge: &Edge) -> Ruling {
        let speller = |exchange| self.history.plan.speller(exchange).map(|(_, speller)| speller.exchange);
        let (receiver, owner) = (edge.receiver, edge.delivery.exchange);
        match (speller(owner), speller(receiver)) {
            (Some(_), _) if owner == receiver => Ruling::Applies,
            (Some(speller), _) => Ruling::RuledOut(format!(
                "{owner} was sent behind {speller}, so that {} belongs behind {speller}'s reply",
                edge.delivery
            )),
            (None, Some(speller)) => {
                Ruling::RuledOut(format!("only the reply to {receiver} may follow {speller}'s, or none"))
            }
            (None, None) => Ruling::NotInQuestion,
        }
    }

    fn tail(&self) -> Ruling {
        if let Some(edge) = self.edge() {
            return self.tail_of_edge(edge);
        }
        let subject = self.suspicion.subject;
        match self.stimulus(subject).map(|stimulus| &stimulus.request.body) {
            Some(RequestBody::Ghost { exchange, chunked, .. }) => {
                let framed = if *chunked { "in chunks" } else { "by Content-Length" };
                Ruling::RuledOut(format!("{exchange} is spelled inside {subject}'s body, which was framed {framed}"))
            }
            Some(RequestBody::Misframed { exchange, by }) => {
                let reason = match by {
                    Misframing::LengthBesideChunks => "in chunks, which outrank the Content-Length beside them",
                    Misframing::ShortLengthFirst | Misframing::ShortLengthLast => {
                        "by two Content-Length that differ, behind which the connection must close"
                    }
                    Misframing::LengthWithSign => {
                        "by a Content-Length that is no number, behind which the connection must close"
                    }
                    Misframing::UnknownCoding | Misframing::ChunkedNotLast | Misframing::CodingAfterChunked => {
                        "in a coding that has no end, behind which the connection must close"
                    }
                    Misframing::LineFeedInExtension => "in chunks, in whose extensions no bare LF may stand",
                    Misframing::ChunkSizeTooLarge => "in a chunk whose size no 64 bits hold",
                    Misframing::ChunkedBehindAnother => {
                        "in chunks, which outrank the Content-Length beside them, whichever coding stands before"
                    }
                    Misframing::SpaceBeforeColon => {
                        "by a field with a space before its colon, which is answered with 400"
                    }
                    Misframing::CodingBehindTab => {
                        "in a coding that nobody knows, behind which the connection must close"
                    }
                    Misframing::CodingTwice | Misframing::FoldedCoding => {
                        "in chunks, which outrank the Content-Length beside them"
                    }
                    Misframing::LengthBehindNameless | Misframing::LengthBehindLongName => {
                        "by Content-Length, whatever the field before it is"
                    }
                    Misframing::LengthBehindManyFields => "by Content-Length, however many fields stand before it",
                    Misframing::LengthNamedByConnection => {
                        "by Content-Length, and what is forwarded needs a framing of its own"
                    }
                    Misframing::ShortLengthInStream => {
                        "by the end of its stream, to which its content-length does not add up: it must not be forwarded"
                    }
                    Misframing::CodingInStream => {
                        "by the end of its stream, in which a transfer-encoding is malformed and must not be forwarded"
                    }
                    Misframing::LineBreakEscaped => {
                        return Ruling::RuledOut(format!(
                            "{exchange} is spelled inside {subject}'s path, percent-encoded: it is data there, and nothing else"
                        ));
                    }
                    Misframing::LineBreakInField | Misframing::LineBreakInPath | Misframing::LineBreakInMethod => {
                        return Ruling::RuledOut(format!(
                            "{exchange} is spelled inside {subject}'s head, behind line breaks that no field of HTTP/2 may \
                             have: it must not be forwarded"
                        ));
                    }
                };
                Ruling::RuledOut(format!("{exchange} is spelled inside {subject}'s body, which was framed {reason}"))
            }
            Some(RequestBody::None | RequestBody::Sized { .. } | RequestBody::Chunked { .. }) | None => Ruling::Applies,
        }
    }

    fn own_interim(&self) -> Ruling {
        match self.edge() {
            Some(edge) if edge.delivery.exchange == edge.receiver => Ruling::Applies,
            Some(edge) => Ruling::RuledOut(format!(
                "it carries a canary of {}, which is {}'s",
                edge.delivery, edge.delivery.exchange
            )),
            None => Ruling::NotInQuestion,
        }
    }

    fn given_back(&self) -> Ruling {
        if self.is_of_authority() {
            return Ruling::NotInQuestion;
        }
        let subject = self.suspicion.subject;
        let seen = self.history.exchanges.get(&subject).map(|subject| subject.seen.as_slice()).unwrap_or_default();
        let foreign = seen.iter().flat_map(|seen| &seen.canaries).map(|found| found.claim);
        let foreign =
            foreign.into_iter().find(|claim| claim.tenant == self.suspicion.owner_tenant && claim.exchange != subject);
        let tenant = self.suspicion.owner_tenant.0;
        Ruling::RuledOut(match foreign.map(|claim| claim.role) {
            Some(Role::Reply) => {
                format!("it is of a reply to tenant {tenant}, which {subject}'s client never received")
            }
            Some(Role::Tenant) => format!("it is tenant {tenant}'s credential, which no reply ever carries"),
            Some(Role::Request) | None => format!("tenant {tenant}'s client had sent it; no reply had carried it"),
        })
    }

    fn idle_close(&self) -> Ruling {
        Ruling::RuledOut(match self.unasked_delivery() {
            Some(delivery) => format!("the bytes carry a canary of {delivery}"),
            None => "it was a second final reply, and no error".to_owned(),
        })
    }
}

/// The version that a request line names.
fn version(head: &str) -> Option<&str> {
    head.lines().next()?.split_whitespace().nth(2)
}

fn ms(gap: Duration) -> String {
    format!("{}.{} ms", gap.as_millis(), gap.as_micros() % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use vocabulary::directive::Field;

    use super::super::notation::history;
    use super::super::{Known, judge, self_test};
    use super::*;

    /// The fact that ruled an exemption out of the only finding of a history, and where it stands.
    fn fact(history: &History, exemption: Exemption) -> Option<(String, String)> {
        let judged = judge(history, Known::VERBATIM).unwrap();
        let finding = judged.findings.into_iter().next().expect("a finding");
        let tried = finding.excuses.into_iter().find(|tried| tried.excuse == exemption.words());
        tried.map(|tried| (tried.ruled_out_by, tried.source))
    }

    fn ruled_out(notation: &str, exemption: Exemption, expected: &str) {
        let told = fact(&history(notation), exemption).map(|(fact, _)| fact);
        assert_eq!(told.as_deref(), Some(expected), "{notation}");
    }

    fn applies(notation: &str) {
        let judged = judge(&history(notation), Known::VERBATIM).unwrap();
        assert_eq!(judged.findings, [], "{notation}");
    }

    #[test]
    fn a_retry_answers_with_a_reply_of_the_same_exchange() {
        ruled_out("c1:1,2 1<- 2<1", Exemption::OwnAttempt, "d1 answers e1, not e2");
        applies("segment:1.2 1<1.2");
    }

    #[test]
    fn a_cache_hit_needs_a_store_that_may_be_used() {
        ruled_out("c1:1,2 1<- 2<1", Exemption::Store, "e2 reached the origin (c1 #2), e1 never received d1");
        ruled_out("store:2 1<1 2<1", Exemption::Store, "e1 and e2 asked for different targets");
        ruled_out(
            "seq c1:1,2 1<1 segment:1.2 2<1.2",
            Exemption::Store,
            "nobody had asked for d1.2, so that it could not be stored",
        );
        let stored = history("same-url authorization store:2 1<1 2<1");
        let (told, source) = fact(&stored, Exemption::Store).unwrap();
        assert_eq!(told, "the origin saw tenant 1's Authorization in e1, and its reply allows no sharing");
        assert_eq!(source, "RFC 9111 section 3.5");
        applies("same-url store:2 1<1 2<1");
    }

    #[test]
    fn what_forbids_a_cache_hit_is_quoted() {
        for (name, value, source) in [
            ("Cache-Control", "private, max-age=60", "RFC 9111 section 5.2.2.7"),
            ("Cache-Control", "no-store", "RFC 9111 section 5.2.2.5"),
            ("Vary", "*", "RFC 9111 section 4.1"),
        ] {
            let mut stored = history("same-url store:2 1<1 2<1");
            let acts = &mut stored.plan.lanes[0].stimuli[0].directive.acts;
            let [OriginAct::Final(reply)] = acts.as_mut_slice() else { panic!("{acts:?}") };
            reply.fields.push(Field { name: name.to_owned(), value: value.to_owned() });
            let (told, stands) = fact(&stored, Exemption::Store).unwrap();
            assert!(told.starts_with(&format!("the reply to e1 carried {name}: {value}")), "{told}");
            assert_eq!(stands, source);
        }
    }

    #[test]
    fn an_audience_is_the_plans_to_give() {
        ruled_out("1<2 2<1", Exemption::Audience, "d2 is for e2 alone");
        let mut own = history("1<2 2<1");
        for lane in &mut own.plan.lanes {
            lane.stimuli[0].audience = Audience::Tenant;
        }
        let told = fact(&own, Exemption::Audience).unwrap().0;
        assert_eq!(told, "d2 is for tenant 2 alone, and e1 is tenant 1's");
        applies("public:1,2 1<2 2<1");
    }

    #[test]
    fn a_surplus_is_told_from_an_answer_by_its_proof() {
        ruled_out("c1:1,2 1<- 2<1", Exemption::Surplus, "the origin owed d1 to e1 on c1");
        ruled_out(
            "seq c1:1,2 1<1 segment:1.2 2<1.2",
            Exemption::Surplus,
            "it left in one write with d1, which e1 had received 99.7 ms before e2 was sent",
        );
        ruled_out(
            "seq c1:1,2 1<1 acknowledged:1.2 2<1.2",
            Exemption::Surplus,
            "the gateway's kernel had acknowledged d1.2 99.2 ms before e2 was sent",
        );
        applies("seq c1:1,2 1<1 surplus:1.2 2<1.2");
    }

    #[test]
    fn two_owners_in_one_reply_are_lawful_where_one_updates_the_other() {
        ruled_out("1<1 2<2+1", Exemption::CombinedStore, "e2 and e1 asked for different targets");
        ruled_out("same-url authorization 1<1 2<2+1", Exemption::CombinedStore, "d2 is a 200 with 64 bytes of body");
        applies("same-url status:2=304 1<1 2<2+1");
    }

    #[test]
    fn a_peer_of_http_1_0_is_not_sent_an_interim_reply() {
        ruled_out("c1:1,2 fault:1 1<- 2<1", Exemption::Version, "the gateway asked the origin for e1 with HTTP/1.1");
        assert_eq!(fact(&history("c1:1,2 1<- 2<1"), Exemption::Version), None, "no fault that a version forbids");
        applies("c1:1,2 http10:1,2 1<1 2<2");
    }

    #[test]
    fn an_error_page_quotes_what_was_asked_and_nothing_else() {
        ruled_out("1<2 2<1", Exemption::ErrorPage, "no request carried a canary of d2, only that reply");
        ruled_out("1<1 2<2 echo:2<1", Exemption::ErrorPage, "it is a part of e1, of tenant 1, which e2 had not sent");
        applies("1<1 error:2=400 echo:2<2");
    }

    #[test]
    fn a_gateway_that_names_its_origin_itself_does_so_for_all() {
        let misdirected = "c1:1,3 host:1=a host:2=b host:3=b 1<1 2<2 3<3 arrived:3=a";
        let told = "e1 arrived under a and others under b, each as its client had named it";
        ruled_out(misdirected, Exemption::Authority, told);
        assert_eq!(fact(&history("1<1 2<2 seen:2<1"), Exemption::Authority), None);
        applies("host:1=a host:2=b 1<1 2<2 arrived:1=origin arrived:2=origin");
    }

    #[test]
    fn what_is_left_of_another_run_verifies_under_another_key() {
        ruled_out("1<2 2<1", Exemption::EarlierRun, "its canary is of this run's key and names e2");
        let mut foreign = history("1<1");
        let end = foreign.exchanges.get_mut(&ExchangeId(1)).unwrap().end.as_mut().unwrap();
        let vocabulary::history::ExchangeEnd::Received(received) = end else { panic!("{end:?}") };
        // A canary of another key verifies under none of ours.
        received.canaries.clear();
        received.unverified = 1;
        assert_eq!(judge(&foreign, Known::VERBATIM).unwrap().findings, []);
    }

    #[test]
    fn a_tunnel_leaves_every_head_as_it_was() {
        let desync = "1<1 segment:1.2 unasked:1<1.2";
        ruled_out(desync, Exemption::Tunnel, "the gateway changed the head of e1 on its way to the origin");
        let mut tunnel = history(desync);
        for exchange in tunnel.exchanges.values_mut() {
            exchange.seen[0].head = exchange.sent.as_ref().map(|sent| sent.head.clone()).unwrap_or_default();
        }
        assert_eq!(judge(&tunnel, Known::VERBATIM).unwrap().findings, []);
    }

    #[test]
    fn bytes_behind_a_reply_are_its_own_only_if_the_connection_ends_it() {
        ruled_out(
            "1<1 segment:1.2 unasked:1<1.2",
            Exemption::SameReply,
            "e1's reply was over by its own framing after 64 bytes of body",
        );
        ruled_out("1<1 cut:1 whole:1", Exemption::SameReply, "the origin had declared the reply's length");
        let mut close = history("1<1 cut:1 whole:1");
        let acts = &mut close.plan.lanes[0].stimuli[0].directive.acts;
        let [OriginAct::Final(reply)] = acts.as_mut_slice() else { panic!("{acts:?}") };
        reply.framing = Framing::Close;
        assert_eq!(judge(&close, Known::VERBATIM).unwrap().findings, []);
    }

    #[test]
    fn a_status_is_changed_lawfully_by_a_validation_or_a_range() {
        ruled_out("1<1 status:1=500", Exemption::Conversion, "neither a validation nor a range makes 200 of 500");
        ruled_out("1<1 status:1=500", Exemption::Rewriter, "statuses passed unchanged when the gateway got ready");
        applies("1<1 status:1=304");
        let judged = judge(&history("1<1 status:1=500"), Known::NOTHING).unwrap();
        assert_eq!(judged.findings, [], "a gateway that rewrites");
    }

    #[test]
    fn what_follows_a_body_is_a_request_and_what_is_inside_is_none() {
        ruled_out(
            "1<1 ghost:1>3",
            Exemption::Tail,
            "e3 is spelled inside e1's body, which was framed by Content-Length",
        );
        applies("1<1 tail:1>3");
    }

    #[test]
    fn a_tail_is_answered_in_its_place_or_not_at_all() {
        let shifted = "c1:1,3,2 1<1 tail:1>3 3<- 2<3";
        ruled_out(shifted, Exemption::Tail, "e3 was sent behind e1, so that d3 belongs behind e1's reply");
        ruled_out(shifted, Exemption::Audience, "d3 is for e3 alone");
        ruled_out("c1:2,3 2<- 1<1 tail:1>3 3<2", Exemption::Tail, "only the reply to e3 may follow e1's, or none");
        ruled_out("1<1 tail:1>3 3<3 2<3", Exemption::Store, "e3 and e2 asked for different targets");
        assert_eq!(fact(&history("c1:1,2 1<- 2<1"), Exemption::Tail), None, "no tail");
        applies("1<1 tail:1>3 3<3");
    }

    #[test]
    fn a_retry_takes_the_place_of_the_attempt_before() {
        let told = "d1 answers attempt 1, d1.2 answers attempt 2: a retry is answered in place of the one before, not \
                    behind it";
        ruled_out("retry:1.2 1<1+1.2", Exemption::OwnAttempt, told);
        let told = "d1 is a 200, d1.2 is a 200: neither completes the other";
        ruled_out("retry:1.2 1<1+1.2", Exemption::CombinedStore, told);
        applies("retry:1.2 1<1.2");
    }

    #[test]
    fn an_interim_reply_of_the_own_is_no_fragment() {
        ruled_out("1<1 2<2 interim:2<1", Exemption::OwnInterim, "it carries a canary of d1, which is e1's");
        applies("1<1 2<2 interim:2<2");
    }

    #[test]
    fn a_client_gives_back_what_it_was_given_and_nothing_else() {
        ruled_out("1<1 2<2 seen:2<1", Exemption::GivenBack, "tenant 1's client had sent it; no reply had carried it");
        applies("1<1 2<2 seen:2<2");
    }

    #[test]
    fn an_error_before_a_close_carries_nobodys_canary() {
        ruled_out("1<1 2<2 unasked:2<1", Exemption::IdleClose, "the bytes carry a canary of d1");
        applies("1<1 timeout:1");
    }

    #[test]
    fn no_exemption_applies_where_the_rules_accuse_and_each_finding_was_tried() {
        // Judging stops where one applies.
        for (notation, shape) in self_test::PLANTED {
            let judged = judge(&history(notation), Known::VERBATIM).unwrap();
            for finding in judged.findings {
                assert!(!finding.excuses.is_empty(), "{shape}: {notation}");
                assert!(finding.excuses.iter().all(|tried| !tried.source.is_empty() && !tried.ruled_out_by.is_empty()));
            }
        }
    }
}
