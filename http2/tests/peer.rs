//! Frames and field blocks between us and crate `h2`, over a pipe in memory.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use http2::frame::{self, PAYLOAD_BYTES_DEFAULT};
use http2::hpack::{Decoder, Encoder, FieldList, Indexing, Style, TABLE_BYTES_DEFAULT};
use http2::{Blocks, ErrorCode, Frame, FrameReader, PREFACE, Payload, Setting, SettingId, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

type Fields = Vec<(String, String)>;

const STYLES: [Style; 4] = [
    Style::USUAL,
    Style::PLAIN,
    Style { indexing: Indexing::Never, huffman: true },
    Style { indexing: Indexing::Add, huffman: false },
];

/// Our end of a connection.
struct Ours {
    pipe: DuplexStream,
    reader: FrameReader,
    blocks: Blocks,
    encoder: Encoder,
    decoder: Decoder,
    out: Vec<u8>,
}

/// What the peer sent that tells of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Head(StreamId, Fields, bool),
    Data(StreamId, Vec<u8>, bool),
    Reset(StreamId, ErrorCode),
    GoAway(StreamId, ErrorCode),
}

impl Ours {
    fn new(pipe: DuplexStream) -> Ours {
        Ours {
            pipe,
            reader: FrameReader::new(PAYLOAD_BYTES_DEFAULT),
            blocks: Blocks::default(),
            encoder: Encoder::new(TABLE_BYTES_DEFAULT),
            decoder: Decoder::new(TABLE_BYTES_DEFAULT),
            out: Vec::new(),
        }
    }

    fn head(&mut self, stream: u32, fields: &[(&str, &str)], style: Style, end_stream: bool, frame_bytes_max: usize) {
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in fields {
            self.encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), style);
        }
        frame::headers(&mut self.out, StreamId(stream), &block, end_stream, frame_bytes_max);
    }

    async fn flush(&mut self) {
        self.pipe.write_all(&std::mem::take(&mut self.out)).await.unwrap();
    }

    /// Reads until so many events of streams have come, and answers what has to be answered meanwhile.
    async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            self.flush().await;
            let mut bytes = [0; 1000];
            let read = self.pipe.read(&mut bytes).await.unwrap();
            assert_ne!(read, 0, "the peer has closed after {events:?}");
            self.reader.push(&bytes[..read]);
            while let Some(frame) = self.reader.next().unwrap() {
                events.extend(event(frame, &mut self.blocks, &mut self.decoder, &mut self.out));
            }
        }
        events
    }
}

fn event(frame: Frame<'_>, blocks: &mut Blocks, decoder: &mut Decoder, out: &mut Vec<u8>) -> Option<Event> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    if let Some(block) = blocks.take(frame).unwrap() {
        let mut list = FieldList::default();
        decoder.decode(&block.bytes, &mut list).unwrap();
        let fields = list.iter().map(|field| (text(field.name), text(field.value))).collect();
        return Some(Event::Head(block.stream, fields, block.end_stream));
    }
    match frame.parse().unwrap() {
        Payload::Data { bytes, end_stream } => Some(Event::Data(frame.stream, bytes.to_vec(), end_stream)),
        Payload::RstStream(code) => Some(Event::Reset(frame.stream, code)),
        Payload::GoAway { last, code, .. } => Some(Event::GoAway(last, code)),
        Payload::Settings(_) => {
            frame::settings_ack(out);
            None
        }
        Payload::Ping(opaque) => {
            frame::ping(out, opaque, true);
            None
        }
        _ => None,
    }
}

fn fields(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The peer answers each request with what it has read of it.
async fn echo(pipe: DuplexStream) {
    let mut connection = h2::server::handshake(pipe).await.unwrap();
    while let Some(accepted) = connection.accept().await {
        let Ok((request, mut respond)) = accepted else { return };
        let (head, mut body) = request.into_parts();
        let spelled = head.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap()));
        let spelled = spelled.collect::<Vec<_>>().join("&");
        let reply = http::Response::builder().status(200).header("x-path", head.uri.path()).header("x-fields", spelled);
        // The stream may have been reset already.
        let Ok(mut reply) = respond.send_response(reply.body(()).unwrap(), false) else { continue };
        tokio::spawn(async move {
            let mut whole = Vec::new();
            while let Some(part) = body.data().await {
                let Ok(part) = part else { return };
                body.flow_control().release_capacity(part.len()).unwrap();
                whole.extend_from_slice(&part);
            }
            reply.send_data(whole.into(), true).unwrap();
        });
    }
}

#[tokio::test]
async fn a_server_of_crate_h2_reads_what_we_write_and_we_read_what_it_answers() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(echo(far));
    let mut ours = Ours::new(near);
    ours.out.extend_from_slice(PREFACE);
    frame::settings(&mut ours.out, &[SettingId::ENABLE_PUSH.of(0)]);
    for (stream, style) in (1_u32..).step_by(2).zip(STYLES.iter().cycle().take(12)) {
        let (path, long) = (format!("/{stream}"), "v".repeat(300));
        let request = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path.as_str()),
            (":authority", "a.example"),
            ("x-long", long.as_str()),
            ("x-same", "every time"),
        ];
        ours.head(stream, &request, *style, false, 50);
        frame::data(&mut ours.out, StreamId(stream), b"half of the ", false, Some(9));
        frame::data(&mut ours.out, StreamId(stream), b"body", true, None);
        ours.flush().await;
        let events = ours.events(2).await;
        let spelled = format!("x-long={long}&x-same=every time");
        let head = fields(&[(":status", "200"), ("x-path", path.as_str()), ("x-fields", spelled.as_str())]);
        assert_eq!(events[0], Event::Head(StreamId(stream), head, false));
        assert_eq!(events[1], Event::Data(StreamId(stream), b"half of the body".to_vec(), true));
    }
    drop(ours);
    server.await.unwrap();
}

#[tokio::test]
async fn a_client_of_crate_h2_reads_what_we_answer_in_any_spelling_and_order() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let client = tokio::spawn(async move {
        let (mut send, connection) = h2::client::handshake(far).await.unwrap();
        let driver = tokio::spawn(async move { drop(connection.await) });
        let mut waiting = Vec::new();
        for number in 0..STYLES.len() {
            let request = http::Request::get(format!("http://a.example/{number}")).body(()).unwrap();
            send = send.ready().await.unwrap();
            waiting.push(send.send_request(request, true).unwrap().0);
        }
        let mut read = Vec::new();
        for reply in waiting {
            let (head, mut body) = reply.await.unwrap().into_parts();
            let mut whole = Vec::new();
            while let Some(part) = body.data().await {
                whole.extend_from_slice(&part.unwrap());
            }
            let trailers = body.trailers().await.unwrap().unwrap();
            let path = head.headers["x-path"].to_str().unwrap().to_owned();
            read.push((path, String::from_utf8(whole).unwrap(), trailers["x-end"].to_str().unwrap().to_owned()));
        }
        drop(send);
        driver.abort();
        read
    });
    let mut ours = Ours::new(near);
    let mut preface = [0; PREFACE.len()];
    ours.pipe.read_exact(&mut preface).await.unwrap();
    assert_eq!(&preface, PREFACE);
    frame::settings(&mut ours.out, &[Setting { id: SettingId(0xfafa), value: 1 }]);
    ours.flush().await;
    let mut requests = ours.events(STYLES.len()).await;
    // The last request is answered first, and all bodies before any trailers.
    requests.reverse();
    let asked: Vec<(StreamId, String)> = requests
        .into_iter()
        .map(|request| match request {
            Event::Head(stream, fields, true) => {
                let path = fields.into_iter().find(|(name, _)| name == ":path").unwrap().1;
                (stream, path)
            }
            other => panic!("{other:?} is no request without a body"),
        })
        .collect();
    for ((stream, path), style) in asked.iter().zip(STYLES) {
        ours.head(stream.0, &[(":status", "103"), ("link", "</a.css>")], style, false, 7);
        ours.head(stream.0, &[(":status", "200"), ("x-path", path)], style, false, 3);
    }
    for (stream, path) in &asked {
        frame::data(&mut ours.out, *stream, format!("body of {path}").as_bytes(), false, Some(0));
    }
    for ((stream, path), style) in asked.iter().zip(STYLES) {
        ours.head(stream.0, &[("x-end", path)], style, true, 1000);
    }
    ours.flush().await;
    let expected: Vec<_> = (0..STYLES.len())
        .map(|number| (format!("/{number}"), format!("body of /{number}"), format!("/{number}")))
        .collect();
    assert_eq!(client.await.unwrap(), expected);
}

#[tokio::test]
async fn what_crate_h2_refuses_comes_back_with_its_code() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(echo(far));
    let mut ours = Ours::new(near);
    ours.out.extend_from_slice(PREFACE);
    frame::settings(&mut ours.out, &[]);
    // RFC 9113 section 8.1.1: a body of another length than declared. RFC 7541 section 2.3.3: an index of nothing.
    let request =
        [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("content-length", "5")];
    ours.head(1, &request, Style::PLAIN, false, 1000);
    frame::data(&mut ours.out, StreamId(1), b"four", true, None);
    ours.flush().await;
    let reset = Event::Reset(StreamId(1), ErrorCode::PROTOCOL_ERROR);
    while ours.events(1).await[0] != reset {}
    let mut block = Vec::new();
    http2::hpack::encoder::indexed(&mut block, 70);
    frame::headers(&mut ours.out, StreamId(3), &block, true, 1000);
    ours.flush().await;
    // RFC 9113 section 4.3 would have it say COMPRESSION_ERROR.
    assert_eq!(ours.events(1).await, [Event::GoAway(StreamId(1), ErrorCode::PROTOCOL_ERROR)]);
    drop(ours);
    server.await.unwrap();
}
