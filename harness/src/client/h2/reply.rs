//! Reads the reply on one stream: fields and bodies in, events out. RFC 9113 §8.1.
//!
//! It is to a stream what the [`wire`](super::super::wire) is to a connection of HTTP/1.1: lenient in what it can read, and
//! never silent about what it cannot. It knows no frame and no other stream.

use http2::hpack::FieldList;
use vocabulary::history::Completeness;
use vocabulary::limits::{BODY_BYTES_MAX, FIELDS_MAX, INTERIMS_MAX};

use super::super::framing::{Asked, Framing, HeadFacts, Reuse};
use super::super::reading::Reply;
use super::super::wire::{Defect, WireEvent};
use super::head::Head;

/// The reply on a stream, as far as it has come.
#[derive(Debug)]
pub(super) struct StreamReply {
    pub(super) reply: Reply,
    /// Bytes of heads, as they are spelled, and of bodies: what a client counts that gives up after so many.
    pub(super) bytes: u64,
    asked: Asked,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The final head has not come.
    Head,
    /// No body may come.
    Bodiless,
    /// The body, of which so many bytes are announced to follow.
    Length { left: u64 },
    /// The body, up to the end of the stream.
    UntilEnd,
    /// It has ended, or cannot be read.
    Over,
}

impl StreamReply {
    /// Of a request.
    pub(super) fn new(asked: Asked) -> StreamReply {
        StreamReply { reply: Reply::default(), bytes: 0, asked, stage: Stage::Head }
    }

    /// A block of fields has come.
    pub(super) fn head(&mut self, fields: &FieldList, end_stream: bool) {
        let head = Head::read(fields);
        self.bytes += head.text().len() as u64;
        let too_large = fields.left_out() > 0;
        let read = match &head {
            _ if too_large => Err(Defect::LongHead),
            _ if fields.iter().count() > FIELDS_MAX => Err(Defect::BrokenHead),
            Head::Reply { status, text } if self.stage == Stage::Head => self.reply_head(*status, text, fields),
            Head::Fields(text) if self.stage != Stage::Head && self.stage != Stage::Over => match end_stream {
                true => {
                    self.reply.take(WireEvent::Trailer(text));
                    Ok(())
                }
                // RFC 9113 §8.1: a trailer ends the stream.
                false => Err(Defect::BadTrailer),
            },
            Head::Reply { .. } | Head::Fields(_) | Head::Malformed(_) => match self.stage {
                Stage::Head => Err(Defect::BrokenHead),
                // A second head, or what should be a trailer.
                Stage::Bodiless | Stage::Length { .. } | Stage::UntilEnd | Stage::Over => Err(Defect::BadTrailer),
            },
        };
        match read {
            Ok(()) if end_stream => self.end(),
            Ok(()) => {}
            Err(defect) => self.give_up(defect, head.text()),
        }
    }

    fn reply_head(&mut self, status: u16, text: &[u8], fields: &FieldList) -> Result<(), Defect> {
        // RFC 9113 §8.6: there is no 101 in HTTP/2.
        if status == 101 {
            return Err(Defect::BrokenHead);
        }
        if status < 200 {
            if self.reply.interims.len() == INTERIMS_MAX {
                return Err(Defect::EndlessInterims);
            }
            self.reply.take(WireEvent::Interim { status, head: text });
            return Ok(());
        }
        let lengths = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(b"content-length"));
        let facts = HeadFacts::of_stream(status, lengths.map(|field| field.value));
        let framing = facts.framing(self.asked)?;
        self.reply.take(WireEvent::Final { status, head: text, framing, connection: Reuse::Kept });
        self.stage = match framing {
            Framing::None => Stage::Bodiless,
            Framing::Length(left) => Stage::Length { left },
            Framing::Chunked | Framing::UntilClose | Framing::Tunnel => Stage::UntilEnd,
        };
        Ok(())
    }

    /// Bytes of a body have come.
    pub(super) fn data(&mut self, bytes: &[u8], end_stream: bool) {
        self.bytes += bytes.len() as u64;
        let room = BODY_BYTES_MAX.saturating_sub(self.reply.body.len() as u64);
        let (most, beyond) = match self.stage {
            Stage::Head => (0, Defect::NoHead),
            // RFC 9113 §8.1.1: DATA where there is to be none, or more of it than the length says.
            Stage::Bodiless => (0, Defect::BadLength),
            Stage::Length { left } if left <= room => (left, Defect::BadLength),
            Stage::Length { .. } | Stage::UntilEnd => (room, Defect::LongBody),
            Stage::Over => (0, Defect::BadTrailer),
        };
        let within = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        if within > 0 {
            self.reply.take(WireEvent::Body(&bytes[..within]));
        }
        if let Stage::Length { left } = &mut self.stage {
            *left -= within as u64;
        }
        // DATA on a stream of which nothing has come is no reply, however empty.
        if within < bytes.len() || (self.stage == Stage::Head && end_stream) {
            self.give_up(beyond, &bytes[within..]);
        } else if end_stream {
            self.end();
        }
    }

    /// The peer sends more than it may.
    pub(super) fn overrun(&mut self) {
        self.give_up(Defect::Overrun, &[]);
    }

    /// Bytes that belong to it, of whatever kind, and cannot be read.
    pub(super) fn unreadable(&mut self, bytes: &[u8]) {
        self.give_up(Defect::BrokenHead, bytes);
    }

    /// The peer has ended the stream.
    fn end(&mut self) {
        match self.stage {
            // An interim reply is not the last one.
            Stage::Head => self.give_up(Defect::NoHead, &[]),
            Stage::Length { left: 1.. } => {
                // RFC 9113 §8.1.1: less than the length says.
                self.reply.take(WireEvent::Malformed(Defect::BadLength));
                self.stage = Stage::Over;
            }
            Stage::Bodiless | Stage::Length { left: 0 } | Stage::UntilEnd => {
                self.reply.take(WireEvent::Done(Completeness::Whole));
                self.stage = Stage::Over;
            }
            Stage::Over => {}
        }
    }

    fn give_up(&mut self, defect: Defect, stray: &[u8]) {
        self.stage = Stage::Over;
        if self.reply.defect.is_none() {
            self.reply.take(WireEvent::Malformed(defect));
        }
        if !stray.is_empty() {
            self.reply.take(WireEvent::Stray(stray));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http2::hpack::{Decoder, Encoder, Style, TABLE_BYTES_DEFAULT};

    fn fields(text: &str) -> FieldList {
        let (mut encoder, mut block, mut list) = (Encoder::new(TABLE_BYTES_DEFAULT), Vec::new(), FieldList::default());
        for field in text.split('|').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap();
            encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), Style::PLAIN);
        }
        Decoder::new(TABLE_BYTES_DEFAULT).decode(&block, &mut list).unwrap();
        list
    }

    /// What is read of frames: `h` a head and its fields, `d` DATA; in upper case, with the end of the stream.
    fn read(asked: Asked, frames: &[&str]) -> Reply {
        let mut reply = StreamReply::new(asked);
        for frame in frames {
            let (kind, rest) = frame.split_at(1);
            match kind {
                "h" | "H" => reply.head(&fields(rest), kind == "H"),
                _ => reply.data(rest.as_bytes(), kind == "D"),
            }
        }
        reply.reply
    }

    fn told(asked: Asked, frames: &[&str]) -> String {
        let reply = read(asked, frames);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "~");
        let end = match (reply.end, reply.defect) {
            (Some(end), None) => format!("{end:?}"),
            (None, Some(defect)) => format!("{defect:?}"),
            (None, None) => "open".to_owned(),
            both => panic!("{both:?}"),
        };
        let mut told = format!("{:?} {} {:?} {end}", reply.interims, reply.status, text(&reply.body));
        for (name, bytes) in [(" trailer", &reply.trailer), (" stray", &reply.stray)] {
            if !bytes.is_empty() {
                told.push_str(&format!("{name} {}", text(bytes)));
            }
        }
        told
    }

    #[test]
    fn replies_are_read_to_the_end_of_their_streams() {
        for (frames, expected) in [
            (&["h:status=200|content-length=5", "dhel", "Dlo"][..], r#"[] 200 "hello" Whole"#),
            (&["h:status=200", "dhel", "dlo", "D"], r#"[] 200 "hello" Whole"#),
            (&["H:status=204"], r#"[] 204 "" Whole"#),
            (&["h:status=304|content-length=5", "D"], r#"[] 304 "" Whole"#),
            (&["h:status=200|content-length=5|content-length=5", "Dhello"], r#"[] 200 "hello" Whole"#),
            (&["h:status=100", "h:status=103|a=b", "h:status=200", "Dhi"], r#"[100, 103] 200 "hi" Whole"#),
            (&["h:status=200", "dhi", "Hx-end=1"], r#"[] 200 "hi" Whole trailer x-end: 1~"#),
            (&["h:status=200|content-length=2", "dhi"], r#"[] 200 "hi" open"#),
            (&["h:status=100"], r#"[100] 0 "" open"#),
        ] {
            assert_eq!(told(Asked::Other, frames), expected, "{frames:?}");
        }
        assert_eq!(told(Asked::Head, &["H:status=200|content-length=5"]), r#"[] 200 "" Whole"#);
        assert_eq!(told(Asked::Connect, &["h:status=200|content-length=9", "dhi", "D"]), r#"[] 200 "hi" Whole"#);
    }

    /// RFC 9113 §8.1.1. What cannot be read as a part of the reply is kept as what it is.
    #[test]
    fn replies_that_are_malformed_say_why_and_lose_nothing() {
        for (frames, expected) in [
            (&["h:status=200|content-length=5", "Dhell"][..], r#"[] 200 "hell" BadLength"#),
            (&["h:status=200|content-length=5", "dhello!", "D"], r#"[] 200 "hello" BadLength stray !"#),
            (&["H:status=200|content-length=5"], r#"[] 200 "" BadLength"#),
            (&["h:status=200|content-length=5|content-length=6", "Dhello"], r#"[] 0 "" BadLength stray "#),
            (&["h:status=204", "Dhello"], r#"[] 204 "" BadLength stray hello"#),
            (&["Dhello"], r#"[] 0 "" NoHead stray hello"#),
            (&["H:status=103"], r#"[103] 0 "" NoHead"#),
            (&["h:status=101"], r#"[] 0 "" BrokenHead stray "#),
            (&["ha=b"], r#"[] 0 "" BrokenHead stray a: b~"#),
            (&["h:path=/x|a=b"], r#"[] 0 "" BrokenHead stray :path: /x~a: b~"#),
            (&["h:status=200", "dhi", "hx-end=1"], r#"[] 200 "hi" BadTrailer stray x-end: 1~"#),
            (&["h:status=200", "dhi", "H:status=500"], r#"[] 200 "hi" BadTrailer stray HTTP/2 500~~"#),
        ] {
            let told = told(Asked::Other, frames);
            let matches = match expected.strip_suffix("stray ") {
                Some(begin) => told.starts_with(begin) && told.contains("stray HTTP/2 "),
                None => told == expected,
            };
            assert!(matches, "{frames:?}: {told}");
        }
        assert_eq!(told(Asked::Head, &["h:status=200", "Dhi"]), r#"[] 200 "" BadLength stray hi"#);
    }

    #[test]
    fn interim_replies_and_fields_have_their_bounds() {
        let interims = vec!["h:status=103"; INTERIMS_MAX + 1];
        assert_eq!(read(Asked::Other, &interims).defect, Some(Defect::EndlessInterims));
        assert_eq!(read(Asked::Other, &interims[1..]).defect, None);
        let many = |count: usize| format!("h:status=200{}", "|a=b".repeat(count));
        assert_eq!(read(Asked::Other, &[&many(FIELDS_MAX)]).defect, Some(Defect::BrokenHead));
        assert_eq!(read(Asked::Other, &[&many(FIELDS_MAX - 1)]).defect, None);
        let long = format!("h:status=200|{}", vec![format!("a={}", "b".repeat(5000)); 14].join("|"));
        assert_eq!(read(Asked::Other, &[&long]).defect, Some(Defect::LongHead));
    }

    #[test]
    fn heads_and_bodies_are_counted_for_who_gives_up_after_so_many_bytes() {
        let mut reply = StreamReply::new(Asked::Other);
        reply.head(&fields(":status=103"), false);
        reply.head(&fields(":status=200|a=b"), false);
        reply.data(b"hello", false);
        assert_eq!(reply.bytes as usize, "HTTP/2 103~~~~".len() + "HTTP/2 200~~a: b~~~~".len() + "hello".len());
    }
}
