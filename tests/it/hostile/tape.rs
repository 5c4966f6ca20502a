//! A recorder of what is said inside TLS, and the search in text for what must not be said: exact counts in every
//! form in which a program writes a number, and labels.

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

use super::forms::ASK_PATH;

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    metadata: Vec<String>,
    bodies: Vec<Said>,
}

/// What one end said in a call: gRPC messages in their frames.
#[derive(Debug, Clone)]
struct Said {
    path: String,
    back: bool,
    bytes: Vec<u8>,
}

/// A gRPC message without its frame, of a path, and whether it came back from there.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) path: String,
    pub(super) back: bool,
    pub(super) message: Vec<u8>,
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
    fn body<B>(&self, path: &str, back: bool, body: B) -> Body
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let place = self.with(|tape| {
            tape.bodies.push(Said { path: path.to_owned(), back, bytes: Vec::new() });
            tape.bodies.len() - 1
        });
        let tape = self.clone();
        Body::new(body.map_frame(move |frame| {
            if let Some(data) = frame.data_ref() {
                tape.with(|tape| tape.bodies[place].bytes.extend_from_slice(data));
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

    /// Records what a client of `Ask` was told without a layer.
    pub(super) fn heard(&self, metadata: &tonic::metadata::MetadataMap, message: Option<&[u8]>) {
        self.metadata("heard", &metadata.clone().into_headers());
        if let Some(message) = message {
            let length = u32::try_from(message.len()).expect("short").to_be_bytes();
            let bytes = [&[0][..], &length, message].concat();
            let said = Said { path: ASK_PATH.to_owned(), back: true, bytes };
            self.with(|tape| tape.bodies.push(said));
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.with(|tape| tape.metadata.clone())
    }

    /// Every gRPC message, without its frame.
    pub(super) fn messages(&self) -> Vec<Heard> {
        let bodies = self.with(|tape| tape.bodies.clone());
        let mut messages = Vec::new();
        for Said { path, back, bytes } in bodies {
            let mut rest = bytes.as_slice();
            while let [0, a, b, c, d, after @ ..] = rest {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                let message = after.get(..length).expect("a whole message");
                let (path, message) = (path.clone(), message.to_vec());
                messages.push(Heard { path, back, message });
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
        let path = request.uri().path().to_owned();
        let answering = self.inner.call(request.map(|body| tape.body(&path, false, body)));
        Box::pin(async move {
            let response = answering.await?;
            tape.metadata("response", response.headers());
            Ok(response.map(|body| tape.body(&path, true, body)))
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
}

#[test]
fn a_marker_is_found_in_text_and_nothing_else_is() {
    let markers = Markers { counts: vec![8_623], labels: vec!["CANARY".to_owned()] };
    for text in ["8623", "n=8,623 rows", "8 623.", "8\u{202f}623", "(8_623)", "a CANARY"] {
        assert!(markers.in_text(text).is_some(), "{text}");
    }
    for text in ["18623", "86231", "8,624", "8 62", "canary", "86 23", "0.8623"] {
        assert_eq!(markers.in_text(text), None, "{text}");
    }
}
