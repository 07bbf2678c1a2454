//! Closes one request and one program: what a lane spells out is drawn, what it leaves open the swarm decides.

use vocabulary::directive::{
    Cut, CutBy, Directive, Field, Final, Frames, Framing, GoAway, Hold, Interim, InterimLength, OriginAct, Segment,
    SettingsChange, Surplus, SurplusKind, SurplusTiming, Writes,
};
use vocabulary::identity::{ExchangeId, GateId, TenantId};
use vocabulary::plan::{
    Abort, AbortWhen, BodyPace, CANARY_PLACE, Event, Form, OwnForm, Request, RequestBody, SlowRead, Stimulus, Target,
};

use crate::client::{BodyWord, GiveUp, GiveUpWhen, Login, PaceWord, ReadSlowly, RequestForm};
use crate::dice::Dice;
use crate::draw::{Draw, Time};
use crate::origin::{
    Act, CutWord, EventOf, FinalReply, FrameForm, FramingWord, HoldFor, InterimReply, InterimSegment, LengthWord,
    SettingWord, SurplusBytes, SurplusWhen, SurplusWord,
};
use crate::swarm::Swarm;

/// What a shared target, or a field of a request, is filled with: the number of the round.
const ROUND_PLACE: &str = "{round}";
/// The body of the reply to a login.
const LOGIN_BYTES: u64 = 64;

/// What closes open values in one case.
#[derive(Debug)]
pub(crate) struct Closer {
    pub(crate) dice: Dice,
    /// The knobs' own dice: the same story, knobs turned or not, has the same orders, times and numbers.
    pub(crate) knobs: Dice,
    pub(crate) swarm: Swarm,
    /// The gateway's reply timeout.
    pub(crate) timeout_us: u64,
    /// The next number of an exchange.
    next: u32,
}

impl Closer {
    pub(crate) fn new(dice: Dice, knobs: Dice, swarm: Swarm, timeout_us: u64) -> Closer {
        Closer { dice, knobs, swarm, timeout_us, next: 1 }
    }

    /// A new exchange.
    pub(crate) fn exchange(&mut self) -> ExchangeId {
        self.next += 1;
        ExchangeId(self.next - 1)
    }

    pub(crate) fn us(&mut self, time: &Draw<Time>) -> u64 {
        time.draw(&mut self.dice).us(self.timeout_us)
    }

    /// What a client sends in the given round, counted from 1.
    pub(crate) fn request(&mut self, form: &RequestForm, round: u64) -> Request {
        let (form_of, form_method) = form.form.draw_if_open(&mut self.dice).close();
        let (mut method, mut body) = self.method_and_body(form);
        if let Some(form_method) = form_method {
            // What the swarm says of methods and bodies is for requests without a form; a lane's own word stands.
            method = form.method.as_ref().map_or(form_method, |_| method);
            body = if form.body.is_some() { body } else { RequestBody::None };
        }
        let dice = &mut self.dice;
        let mut fields = form.fields().draw(dice);
        let padding = form.padding.as_ref().map_or(0, |padding| padding.draw(dice).0);
        for field in &mut fields {
            field.value = field.value.replace(ROUND_PLACE, &round.to_string());
        }
        if self.swarm.asks_to_close(&mut self.knobs)
            && !fields.iter().any(|field| field.name.eq_ignore_ascii_case("connection"))
        {
            fields.push(Field { name: "Connection".to_owned(), value: "close".to_owned() });
        }
        let credential = match &form.credential {
            Some(credential) => *credential.draw(dice),
            None => self.swarm.credential(&mut self.knobs),
        };
        let target = match form.target.draw(dice) {
            Target::Shared(path) => Target::Shared(path.replace(ROUND_PLACE, &round.to_string())),
            other => other.clone(),
        };
        let mut pace = match form.pace.as_ref().map(|pace| pace.draw(dice).clone()) {
            None | Some(PaceWord::AtOnce) => BodyPace::AtOnce,
            Some(PaceWord::Slow { writes, gap }) => {
                BodyPace::Slow { writes: writes.draw(dice).0 as u32, gap_us: gap.draw(dice).us(self.timeout_us) }
            }
            Some(PaceWord::AfterContinue { wait }) => {
                BodyPace::AfterContinue { wait_us: wait.draw(dice).us(self.timeout_us) }
            }
            Some(PaceWord::AfterReply { wait }) => {
                BodyPace::AfterReply { wait_us: wait.draw(dice).us(self.timeout_us) }
            }
            Some(PaceWord::Withheld) => BodyPace::Withheld,
        };
        let version = *form.version().draw(dice);
        let host = match &form.host {
            Some(host) => Some(host.draw(dice).clone()),
            None => self.swarm.host(&mut self.knobs),
        };
        let mut expect = form.expect.as_ref().map(|expect| expect.draw(dice).clone());
        if let (None, None, Some(awaits)) = (&form.pace, &expect, self.swarm.expects_continue(body, &mut self.knobs)) {
            (pace, expect) = (awaits, Some("100-continue".to_owned()));
        }
        if form.method.is_none() && form_of.is_plain() {
            let known = fields.iter().any(|field| field.name.to_ascii_lowercase().starts_with("if-"));
            fields.extend(self.swarm.condition(body, &mut self.knobs).filter(|_| !known));
        }
        Request {
            method,
            target,
            version,
            host,
            credential,
            fields,
            padding,
            body,
            pace,
            expect,
            trailers: (*form.trailers.draw_if_open(&mut self.dice) || form.rich)
                && matches!(body, RequestBody::Chunked { .. }),
            tail: form.has_tail().then(|| self.exchange()),
            absolute: form.absolute.as_ref().map(|absolute| absolute.get_ref().draw(&mut self.dice).clone()),
            form: form_of,
            rich: form.rich,
            keep_cookies: false,
        }
    }

    fn method_and_body(&mut self, form: &RequestForm) -> (String, RequestBody) {
        let method = form.method.as_ref().map(|method| method.draw(&mut self.dice).0.clone());
        let word = form.bodies().map(|body| body.draw(&mut self.dice).clone());
        let body = match (&method, word) {
            (None, None) => {
                let (method, body) = self.swarm.method_and_body(&mut self.knobs);
                return (method.to_owned(), body);
            }
            (Some(_), None) | (_, Some(BodyWord::None)) => RequestBody::None,
            (_, Some(BodyWord::Sized { bytes, declared_off_by })) => {
                let bytes = bytes.draw(&mut self.dice).0;
                RequestBody::Sized { bytes, declared_off_by: *declared_off_by.draw(&mut self.dice) }
            }
            (_, Some(BodyWord::Chunked { bytes, chunk })) => {
                RequestBody::Chunked { bytes: bytes.draw(&mut self.dice).0, chunk: chunk.draw(&mut self.dice).0 }
            }
            (_, Some(BodyWord::Ghost { chunked, filler })) => {
                RequestBody::Ghost { exchange: self.exchange(), chunked, filler: filler.draw_if_open(&mut self.dice).0 }
            }
            (_, Some(BodyWord::Misframed { by })) => {
                RequestBody::Misframed { exchange: self.exchange(), by: *by.draw(&mut self.dice) }
            }
        };
        let usual = if body == RequestBody::None { "GET" } else { "POST" };
        (method.unwrap_or_else(|| usual.to_owned()), body)
    }

    /// A login: its reply sets a cookie that is the tenant's own, by the canary in it. The exchange and the tenant are
    /// filled in by the caller.
    pub(crate) fn login(&mut self, login: &Login) -> Stimulus {
        let form = Form::Own(OwnForm {
            path: login.path.0.clone(),
            fields: Vec::new(),
            body: format!("{{\"user\":\"{CANARY_PLACE}\"}}"),
            reply: None,
        });
        let request = Request { method: "POST".to_owned(), form, keep_cookies: true, ..Request::get() };
        let cookie = format!("{}={CANARY_PLACE}; Path=/; HttpOnly", login.cookie.0);
        let fields = [("Set-Cookie", cookie), ("Cache-Control", "no-store".to_owned())];
        let fields = fields.map(|(name, value)| Field { name: name.to_owned(), value });
        let reply = OriginAct::Final(Final { fields: fields.to_vec(), ..Final::ok(LOGIN_BYTES) });
        let directive = Directive { acts: vec![reply], every_attempt: false };
        Stimulus { request, directive, ..Stimulus::get(ExchangeId(0), TenantId(0)) }
    }

    /// A well-behaved request that goes where the others of a lane go.
    pub(crate) fn warm_up(&mut self, form: &RequestForm) -> Request {
        let (form, method) = form.form.draw_if_open(&mut self.dice).close();
        let plain = Request::get();
        Request { method: method.unwrap_or(plain.method.clone()), form, ..plain }
    }

    pub(crate) fn abort(&mut self, give_up: &GiveUp) -> Abort {
        let how = *give_up.how.draw(&mut self.dice);
        let when = match give_up.when.draw(&mut self.dice) {
            GiveUpWhen::Sent(time) => AbortWhen::AfterSent { us: self.us(time) },
            GiveUpWhen::ReplyBytes(bytes) => AbortWhen::AfterReplyBytes { bytes: bytes.draw(&mut self.dice).0 },
            GiveUpWhen::Event { event, within } => AbortWhen::AfterEvent { event: *event, us: self.us(within) },
        };
        Abort { how, when }
    }

    pub(crate) fn read(&mut self, slowly: &ReadSlowly) -> SlowRead {
        SlowRead { bytes: slowly.bytes.draw(&mut self.dice).0 as u32, gap_us: self.us(&slowly.gap) }
    }

    /// A well-behaved answer, at once or after a while.
    pub(crate) fn plain(&mut self) -> Directive {
        let delay = self.swarm.delay_us(&mut self.knobs);
        let wait = (delay > 0).then_some(OriginAct::Wait { us: delay });
        let reply = OriginAct::Final(self.swarm.reply(&mut self.knobs));
        Directive { acts: wait.into_iter().chain([reply]).collect(), every_attempt: false }
    }

    /// One act. A gate that would hold a single exchange is left out: there is nothing to reorder.
    pub(crate) fn act(&mut self, act: &Act, gate: Option<GateId>, event: impl Fn(&EventOf) -> Event) -> Vec<OriginAct> {
        match act {
            Act::Hold(HoldFor::Bait) => vec![OriginAct::Hold(Hold::Bait)],
            Act::Hold(HoldFor::Body) => vec![OriginAct::Hold(Hold::Body)],
            Act::Hold(HoldFor::Gate) => gate.map(|gate| OriginAct::Hold(Hold::Gate(gate))).into_iter().collect(),
            Act::Hold(HoldFor::Event(of)) => vec![OriginAct::Hold(Hold::Event(event(of.get_ref())))],
            Act::Wait(time) => vec![OriginAct::Wait { us: self.us(time) }],
            Act::Interim(interim) => self.interims(interim),
            Act::Final(reply) => vec![OriginAct::Final(self.reply(reply))],
            Act::Surplus(surplus) => vec![OriginAct::Surplus(self.surplus(surplus))],
            Act::Close(close) => vec![OriginAct::Close(*close.draw(&mut self.dice))],
            Act::Silence(time) => vec![OriginAct::Silence { us: self.us(time) }],
            Act::Tunnel(tunnel) => vec![OriginAct::Tunnel { bytes: tunnel.bytes.draw(&mut self.dice).0 }],
            Act::Reset(code) => vec![OriginAct::Reset(*code.draw(&mut self.dice))],
            Act::GoAway(announced) => {
                vec![OriginAct::GoAway(GoAway { last: *announced.last.draw(&mut self.dice) })]
            }
            Act::Settings(word) => {
                let word = word.draw_if_open(&mut self.dice);
                vec![OriginAct::Settings(setting(word, &mut self.dice))]
            }
        }
    }

    fn interims(&mut self, interim: &InterimReply) -> Vec<OriginAct> {
        let dice = &mut self.dice;
        let count = interim.count.draw(dice).0;
        let together = *interim.segment.draw(dice);
        let replies = (1..=count).map(|number| {
            let segment = match together {
                InterimSegment::Own => Segment::Own,
                InterimSegment::Together if number == count => Segment::Own,
                InterimSegment::Together | InterimSegment::Shared => Segment::Shared,
            };
            let length = match interim.length.draw(dice) {
                LengthWord::Absent => InterimLength::Absent,
                LengthWord::Zero => InterimLength::Zero,
                LengthWord::Bytes(bytes) => InterimLength::Bytes(bytes.draw(dice).0),
                LengthWord::Chunked => InterimLength::Chunked,
            };
            let status = interim.status.draw(dice).0 as u16;
            OriginAct::Interim(Interim { status, length, fields: interim.fields.draw(dice), segment })
        });
        replies.collect()
    }

    fn reply(&mut self, reply: &FinalReply) -> Final {
        let dice = &mut self.dice;
        let (swarm, knobs) = (&self.swarm, &mut self.knobs);
        let bytes = match &reply.bytes {
            Some(bytes) => bytes.draw(dice).0,
            None => swarm.bytes(knobs),
        };
        let chunk = |dice: &mut Dice| match &reply.chunk {
            Some(chunk) => chunk.draw(dice).0,
            None => *dice.pick(&[64, 512, 4096]),
        };
        let framing = match reply.framing.as_ref().map(|framing| framing.get_ref().draw(dice).clone()) {
            None => swarm.framing(chunk, knobs),
            Some(FramingWord::Length) => Framing::Length,
            Some(FramingWord::LengthShort { by }) => Framing::LengthShort { by: by.draw(dice).0.min(bytes.max(1)) },
            Some(FramingWord::LengthLong { by }) => Framing::LengthLong { by: by.draw(dice).0 },
            Some(FramingWord::LengthTwice { off_by }) => Framing::LengthTwice { off_by: *off_by.draw(dice) },
            Some(FramingWord::Chunked) => Framing::Chunked { chunk: chunk(dice) },
            Some(FramingWord::LengthAndChunked) => Framing::LengthAndChunked,
            Some(FramingWord::ChunkedBroken(defect)) => Framing::ChunkedBroken(*defect.draw(dice)),
            Some(FramingWord::Close) => Framing::Close,
            Some(FramingWord::BodyWhereNone) => Framing::BodyWhereNone,
        };
        let writes = match &reply.writes {
            Some(writes) => Writes {
                count: writes.count.draw(dice).0 as u32,
                gap_us: writes.gap.draw(dice).us(self.timeout_us),
                acknowledged: writes.acknowledged,
            },
            None => Writes::default(),
        };
        let cut = reply.cut.as_ref();
        let cut = cut.map(|cut| Cut {
            after_bytes: cut.after_bytes.draw(dice).0.min(bytes),
            then: match cut.then.draw(dice) {
                CutWord::Close(close) => CutBy::Close(*close),
                CutWord::Bait => CutBy::Bait,
                CutWord::Silence(time) => CutBy::Silence { us: time.draw(dice).us(self.timeout_us) },
            },
        });
        Final {
            status: reply.status.as_ref().map_or(200, |status| status.get_ref().draw(dice).0 as u16),
            framing,
            bytes,
            fields: reply.fields.draw(dice),
            trailers: match &reply.trailers {
                Some(trailers) => *trailers.draw_if_open(dice),
                None => swarm.trailers(framing, knobs),
            },
            writes,
            cut,
            early: reply.early,
            segment: Segment::Own,
            private: reply.private,
            frames: match &reply.frames {
                Some(form) => frames(form.get_ref().draw_if_open(dice), dice),
                None => swarm.frames(bytes, knobs),
            },
            padding: reply.padding.as_ref().map_or(0, |padding| padding.draw(dice).0),
            validates: reply.validates,
        }
    }

    fn surplus(&mut self, surplus: &SurplusBytes) -> Surplus {
        let dice = &mut self.dice;
        let what = match surplus.what.draw(dice) {
            SurplusWord::Reply { status, bytes, garbage } => SurplusKind::Reply {
                status: status.draw(dice).0 as u16,
                bytes: bytes.draw(dice).0,
                garbage: garbage.as_ref().map_or(0, |garbage| garbage.draw(dice).0),
            },
            SurplusWord::Garbage { bytes } => SurplusKind::Garbage { bytes: bytes.draw(dice).0 },
        };
        let when = match surplus.when.draw(dice) {
            SurplusWhen::SameSegment => SurplusTiming::SameSegment,
            SurplusWhen::Idle(gap) => SurplusTiming::Idle { us: gap.draw(dice).us(self.timeout_us) },
            SurplusWhen::AfterNextRequest => SurplusTiming::AfterNextRequest,
        };
        Surplus { what, when }
    }
}

/// What a reply leaves open of its frames is as plain as can be.
fn frames(form: &FrameForm, dice: &mut Dice) -> Frames {
    Frames {
        data: form.data.as_ref().map_or(0, |bytes| bytes.draw(dice).0 as u32),
        padding: form.padding.as_ref().map_or(0, |bytes| bytes.draw(dice).0 as u32),
        empty: *form.empty.draw_if_open(dice),
        end_apart: *form.end_apart.draw_if_open(dice),
        block: form.block.as_ref().map_or(0, |bytes| bytes.draw(dice).0 as u32),
        table: *form.table.draw_if_open(dice),
    }
}

fn setting(word: &SettingWord, dice: &mut Dice) -> SettingsChange {
    match word {
        SettingWord::HeaderTable(bytes) => SettingsChange::HeaderTable(bytes.draw(dice).0 as u32),
        SettingWord::InitialWindow(bytes) => SettingsChange::InitialWindow(bytes.draw(dice).0 as u32),
        SettingWord::ConcurrentStreams(streams) => SettingsChange::ConcurrentStreams(streams.draw(dice).0 as u32),
    }
}

/// A reply waits for surplus that goes out in the same write. An interim reply behind it is such surplus too.
pub(crate) fn join_segments(acts: &mut [OriginAct]) {
    for position in 1..acts.len() {
        let joined = matches!(
            &acts[position],
            OriginAct::Interim(_) | OriginAct::Surplus(Surplus { when: SurplusTiming::SameSegment, .. })
        );
        if let (true, OriginAct::Final(reply)) = (joined, &mut acts[position - 1]) {
            reply.segment = Segment::Shared;
        }
    }
}
