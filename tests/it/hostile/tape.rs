//! A recorder of what is said inside TLS, and the search for what must not be said: exact counts in every form
//! in which a program writes a number, and labels.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use prost::bytes::{Buf, BufMut};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{Body as HttpBody, Bytes, Service, StdError, http};
use tonic::service::Routes;
use tower::layer::layer_fn;

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    metadata: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

impl Tape {
    fn with<T>(&self, what: impl FnOnce(&mut Recorded) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn metadata(&self, what: &str, headers: &http::HeaderMap) {
        self.with(|tape| {
            for (name, value) in headers {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                tape.metadata.push(format!("{what} {name}: {value}"));
            }
        });
    }

    /// A body that is recorded as it passes.
    fn body<B>(&self, body: B) -> Body
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let place = self.with(|tape| {
            tape.bodies.push(Vec::new());
            tape.bodies.len() - 1
        });
        let tape = self.clone();
        Body::new(body.map_frame(move |frame| {
            if let Some(data) = frame.data_ref() {
                tape.with(|tape| tape.bodies[place].extend_from_slice(data));
            }
            if let Some(trailers) = frame.trailers_ref() {
                tape.metadata("trailer", trailers);
            }
            frame
        }))
    }

    /// Puts the recorder before what a node serves.
    pub(super) fn over(&self, routes: Routes) -> Routes {
        let tape = self.clone();
        let layer = layer_fn(move |inner| Recording { inner, tape: tape.clone() });
        Routes::from(routes.into_axum_router().layer(layer))
    }

    /// Records what a client was told without a layer.
    pub(super) fn heard(&self, metadata: &tonic::metadata::MetadataMap, message: Option<&[u8]>) {
        self.metadata("heard", &metadata.clone().into_headers());
        if let Some(message) = message {
            let length = u32::try_from(message.len()).expect("short").to_be_bytes();
            self.with(|tape| tape.bodies.push([&[0][..], &length, message].concat()));
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.with(|tape| tape.metadata.clone())
    }

    /// Every gRPC message, without its frame.
    pub(super) fn messages(&self) -> Vec<Vec<u8>> {
        let bodies = self.with(|tape| tape.bodies.clone());
        let mut messages = Vec::new();
        for body in bodies {
            let mut rest = body.as_slice();
            while let [0, a, b, c, d, after @ ..] = rest {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                let message = after.get(..length).expect("a whole message");
                messages.push(message.to_vec());
                rest = &after[length..];
            }
            assert!(rest.is_empty(), "a frame that is no message");
        }
        messages
    }
}

#[derive(Clone)]
struct Recording<S> {
    inner: S,
    tape: Tape,
}

impl<S, B, R> Service<http::Request<B>> for Recording<S>
where
    S: Service<http::Request<Body>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<StdError>,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = tonic::codegen::BoxFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let tape = self.tape.clone();
        tape.metadata(&format!("request {}", request.uri()), request.headers());
        let answering = self.inner.call(request.map(|body| tape.body(body)));
        Box::pin(async move {
            let response = answering.await?;
            tape.metadata("response", response.headers());
            Ok(response.map(|body| tape.body(body)))
        })
    }
}

/// Messages as the bytes that they are.
#[derive(Debug, Default)]
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}

/// What must not be said.
#[derive(Debug, Clone)]
pub(super) struct Markers {
    pub(super) counts: Vec<u64>,
    pub(super) labels: Vec<String>,
}

/// What people and programs put between thousands.
const SEPARATORS: [&str; 8] = ["", ",", " ", "_", "'", "\u{a0}", "\u{2009}", "\u{202f}"];

impl Markers {
    /// A count as decimal text with any separator and no digit or letter beside it, or a label.
    pub(super) fn in_text(&self, text: &str) -> Option<String> {
        let alone = |wanted: &str| {
            text.match_indices(wanted).any(|(at, _)| {
                let is = |c: Option<char>, what: fn(&char) -> bool| c.as_ref().is_some_and(what);
                let mut before = text[..at].chars().rev();
                let (last, but_one) = (before.next(), before.next());
                let next = text[at + wanted.len()..].chars().next();
                // What follows a decimal point is a fraction: a duration of a log, say.
                let fraction = last == Some('.') && is(but_one, char::is_ascii_digit);
                // Hashes and signatures hold every four digits by chance, among others and letters.
                let inside = |c| is(c, char::is_ascii_alphanumeric);
                !fraction && !inside(last) && !inside(next)
            })
        };
        let counts = self.counts.iter().flat_map(|count| {
            let (thousands, rest) = (count / 1_000, count % 1_000);
            SEPARATORS.map(|between| format!("{thousands}{between}{rest:03}"))
        });
        let label = self.labels.iter().find(|label| text.contains(label.as_str())).cloned();
        label.or_else(|| counts.into_iter().find(|wanted| alone(wanted)))
    }

    /// The same in bytes of any kind, and a count as four or eight bytes in either order. A shorter form is not
    /// looked for here: signatures and hashes hold every two bytes by chance.
    pub(super) fn in_bytes(&self, bytes: &[u8]) -> Option<String> {
        let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        let fixed = self.counts.iter().find(|count| {
            let short = u32::try_from(**count).expect("short");
            holds(&short.to_le_bytes())
                || holds(&short.to_be_bytes())
                || holds(&count.to_le_bytes())
                || holds(&count.to_be_bytes())
        });
        fixed.map(ToString::to_string).or_else(|| self.in_text(&String::from_utf8_lossy(bytes)))
    }

    /// The same in a protocol buffers message, of any fields and at any depth, and a count as a number of any
    /// wire type: varint, zigzag, fixed, or packed with others.
    pub(super) fn in_message(&self, message: &[u8]) -> Option<String> {
        if let Some(found) = self.in_bytes(message) {
            return Some(found);
        }
        let is = |number: u64| self.counts.iter().any(|c| number == *c || number == c * 2);
        for value in fields(message)? {
            let found = match value {
                Value::Number(number) => is(number).then(|| format!("the number {number}")),
                Value::Bytes(inner) => self.in_message(inner).or_else(|| self.in_packed(inner)),
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Numbers packed beside each other. Hashes and signatures are told by their lengths, and texts by being
    /// such; both are no numbers.
    fn in_packed(&self, bytes: &[u8]) -> Option<String> {
        if matches!(bytes.len(), 32 | 64 | 68..=72) || std::str::from_utf8(bytes).is_ok() {
            return None;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let number = varint(&mut rest)?;
            if self.counts.contains(&number) {
                return Some(format!("the packed number {number}"));
            }
        }
        None
    }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(rest).ok()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// The fields of a message; none where the bytes are no message.
fn fields(message: &[u8]) -> Option<Vec<Value<'_>>> {
    let (mut rest, mut found) = (message, Vec::new());
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        found.push(match key & 7 {
            0 => Value::Number(varint(&mut rest)?),
            1 => Value::Number(u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                Value::Bytes(take(&mut rest, length)?)
            }
            5 => Value::Number(u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?).into()),
            _ => return None,
        });
    }
    Some(found)
}

#[derive(Clone, PartialEq, prost::Message)]
struct Numbers {
    #[prost(uint64, tag = "1")]
    plain: u64,
    #[prost(sint64, tag = "2")]
    zigzag: i64,
    #[prost(fixed32, tag = "3")]
    fixed: u32,
    #[prost(double, tag = "4")]
    beside: f64,
    #[prost(uint64, repeated, tag = "5")]
    packed: Vec<u64>,
    #[prost(message, optional, boxed, tag = "6")]
    inner: Option<Box<Numbers>>,
    #[prost(string, tag = "7")]
    text: String,
}

#[test]
fn a_marker_is_found_in_every_form_and_nothing_else_is() {
    use prost::Message;

    let markers = Markers { counts: vec![8_623], labels: vec!["CANARY".to_owned()] };
    for text in ["8623", "n=8,623 rows", "8 623.", "8\u{202f}623", "(8_623)", "a CANARY"] {
        assert!(markers.in_text(text).is_some(), "{text}");
        let message = Numbers { text: text.to_owned(), ..Numbers::default() };
        assert!(markers.in_message(&message.encode_to_vec()).is_some(), "{text}");
    }
    for text in ["18623", "86231", "8,624", "8 62", "canary", "86 23", "0.8623"] {
        assert_eq!(markers.in_text(text), None, "{text}");
    }
    let none = Numbers { plain: 8_624, beside: 8.5, packed: vec![1, 300], ..Numbers::default() };
    assert_eq!(markers.in_message(&none.encode_to_vec()), None);
    let packed = [vec![1, 8_623], vec![300, 8_623, 70_000]];
    let packed = packed.map(|packed| Numbers { packed, ..none.clone() });
    let forms = [
        Numbers { plain: 8_623, ..none.clone() },
        Numbers { zigzag: 8_623, ..none.clone() },
        Numbers { fixed: 8_623, ..none.clone() },
    ];
    for form in forms.into_iter().chain(packed) {
        assert!(markers.in_message(&form.encode_to_vec()).is_some(), "{form:?}");
        let deep = Numbers { inner: Some(Box::new(form)), ..none.clone() };
        assert!(markers.in_message(&deep.encode_to_vec()).is_some(), "{deep:?}");
    }
    for bytes in [&8_623_u32.to_le_bytes()[..], &8_623_u64.to_be_bytes()] {
        assert!(markers.in_bytes(&[&[9, 9], bytes, &[9]].concat()).is_some());
    }
    assert_eq!(markers.in_bytes(&8_622_u64.to_be_bytes()), None);
}
