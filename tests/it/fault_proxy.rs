//! A TCP proxy that does to bytes what networks do. It stands under TLS, so that everything above it is real,
//! and it lives on a thread of its own, so that tests with and without a runtime can use it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Bytes that are taken at once.
const PORTION: usize = 16 * 1024;

/// What becomes of the bytes that go one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They go on.
    Pass,
    /// They stay where they are, and so does the end of the stream, as if a cable were out. Once it is plugged in
    /// again they go on, as TCP would send them again.
    Hold,
    /// Every portion is late.
    Delay(Duration),
    /// So many go on at each tick.
    Drip(usize, Duration),
    /// So many more go on, and then both ends are told that the connection is reset.
    ResetAfter(u64),
    /// The receiver is told that no more come, and none do.
    HalfClose,
}

/// What becomes of those who dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    /// They are taken and reset at once.
    Refuse,
}

/// A way through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From whoever dialled.
    Up,
    /// To whoever dialled.
    Down,
}

#[derive(Debug, Clone)]
struct Rules {
    to: SocketAddr,
    door: Door,
    up: Flow,
    down: Flow,
    /// Connections before this one are dead, and nobody has told their ends.
    dead_before: u64,
    /// Grows with every change, so that counts start anew.
    change: u64,
}

impl Rules {
    const fn flow(&self, way: Way, connection: u64) -> Flow {
        match way {
            _ if connection < self.dead_before => Flow::Hold,
            Way::Up => self.up,
            Way::Down => self.down,
        }
    }
}

/// What has gone through since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Connections that were taken through.
    pub(crate) opened: u64,
    /// Connections that have ended, for whatever reason.
    pub(crate) ended: u64,
    /// Those who were turned away.
    pub(crate) refused: u64,
    /// Bytes from those who dialled.
    pub(crate) up: u64,
    /// Bytes to those who dialled.
    pub(crate) down: u64,
}

/// The proxy. It ends, and cuts its connections, when this handle goes.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    /// Where to dial.
    pub(crate) address: SocketAddr,
    rules: watch::Sender<Rules>,
    seen: watch::Receiver<Seen>,
    _stop: DropGuard,
}

impl FaultProxy {
    /// Opens a port that leads to another.
    pub(crate) fn open(to: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a port of tokio's");
        let address = listener.local_addr().expect("an address");
        let (up, down, door) = (Flow::Pass, Flow::Pass, Door::Open);
        let (rules, followed) =
            watch::channel(Rules { to, door, up, down, dead_before: 0, change: 0 });
        let (seen_in, seen) = watch::channel(Seen::default());
        let stop = CancellationToken::new();
        let _stop = stop.clone().drop_guard();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a port");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = take_in(listener, followed, seen_in) => {}
                }
            });
        });
        Self { address, rules, seen, _stop }
    }

    /// Opens a port that leads nowhere yet: who comes is let go again.
    pub(crate) fn to_nowhere() -> Self {
        Self::open(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn change(&self, how: impl FnOnce(&mut Rules)) {
        self.rules.send_modify(|rules| {
            how(rules);
            rules.change += 1;
        });
    }

    /// Leads those who come from now on to another port.
    pub(crate) fn lead_to(&self, to: SocketAddr) {
        self.change(|rules| rules.to = to);
    }

    pub(crate) fn set(&self, way: Way, flow: Flow) {
        self.change(|rules| match way {
            Way::Up => rules.up = flow,
            Way::Down => rules.down = flow,
        });
    }

    pub(crate) fn door(&self, door: Door) {
        self.change(|rules| rules.door = door);
    }

    /// Holds everything both ways: a black hole.
    pub(crate) fn black_hole(&self) {
        self.change(|rules| (rules.up, rules.down) = (Flow::Hold, Flow::Hold));
    }

    /// Lets everything pass, but for what is dead.
    pub(crate) fn heal(&self) {
        self.change(|rules| {
            (rules.up, rules.down, rules.door) = (Flow::Pass, Flow::Pass, Door::Open);
        });
    }

    /// Lets every connection that there is die without a word: what was under way is lost, and what an end
    /// says of its own end too. New ones pass as before.
    pub(crate) fn abandon(&self) {
        let opened = self.seen().opened;
        self.change(|rules| rules.dead_before = opened);
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// Waits until what was seen is as wanted.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        let mut wanted = wanted;
        let waiting = tokio::time::timeout(Duration::from_secs(40), seen.wait_for(|s| wanted(s)));
        *waiting.await.expect("the proxy saw nothing of the kind").expect("the proxy runs")
    }
}

async fn take_in(listener: TcpListener, rules: watch::Receiver<Rules>, seen: watch::Sender<Seen>) {
    loop {
        let (near, _) = listener.accept().await.expect("a caller");
        let Rules { to, door, .. } = *rules.borrow();
        if door == Door::Refuse {
            let _ = near.set_zero_linger();
            drop(near);
            seen.send_modify(|seen| seen.refused += 1);
            continue;
        }
        let number = seen.borrow().opened;
        seen.send_modify(|seen| seen.opened += 1);
        let (rules, seen) = (rules.clone(), seen.clone());
        tokio::spawn(async move {
            if let Ok(far) = TcpStream::connect(to).await {
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                connection(near, far, number, rules, &seen).await;
            }
            seen.send_modify(|seen| seen.ended += 1);
        });
    }
}

/// A connection from its beginning to its end. An error at one end is a reset at the other.
async fn connection(
    mut near: TcpStream,
    mut far: TcpStream,
    number: u64,
    rules: watch::Receiver<Rules>,
    seen: &watch::Sender<Seen>,
) {
    let ended = {
        // Borrowed halves, since an owned one would say that it ends when it is dropped.
        let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
        let pump = |way| Pump { way, number, rules: rules.clone(), seen };
        tokio::try_join!(
            pump(Way::Up).run(near_read, far_write),
            pump(Way::Down).run(far_read, near_write),
        )
    };
    if ended.is_err() {
        let _ = (near.set_zero_linger(), far.set_zero_linger());
    }
}

/// One way of one connection.
struct Pump<'a> {
    way: Way,
    number: u64,
    rules: watch::Receiver<Rules>,
    seen: &'a watch::Sender<Seen>,
}

impl Pump<'_> {
    async fn run(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut portion = [0; PORTION];
        let (mut change, mut gone_on, mut closed) = (0, 0, false);
        loop {
            let flow = self.flow(&mut change, &mut gone_on);
            let most = match flow {
                Flow::Hold => {
                    self.changed().await;
                    continue;
                }
                Flow::ResetAfter(most) if gone_on >= most => return Err(reset()),
                Flow::ResetAfter(most) => {
                    PORTION.min(usize::try_from(most - gone_on).unwrap_or(PORTION))
                }
                Flow::Drip(bytes, _) => bytes.min(PORTION),
                Flow::Pass | Flow::Delay(_) | Flow::HalfClose => PORTION,
            };
            if flow == Flow::HalfClose && !closed {
                to.shutdown().await?;
                closed = true;
            }
            let read = tokio::select! {
                biased;
                () = self.changed() => continue,
                read = from.read(&mut portion[..most]) => read?,
            };
            let late = match flow {
                Flow::Delay(late) | Flow::Drip(_, late) => late,
                _ => Duration::ZERO,
            };
            tokio::time::sleep(late).await;
            // What was read as the rules changed goes by the new ones.
            while self.flow(&mut change, &mut gone_on) == Flow::Hold {
                self.changed().await;
            }
            if closed {
                if read == 0 {
                    return Ok(());
                }
                continue;
            }
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&portion[..read]).await?;
            gone_on += read as u64;
            self.seen.send_modify(|seen| match self.way {
                Way::Up => seen.up += read as u64,
                Way::Down => seen.down += read as u64,
            });
        }
    }

    /// The flow as it is now. Counts start anew where it has changed.
    fn flow(&mut self, change: &mut u64, gone_on: &mut u64) -> Flow {
        let rules = self.rules.borrow_and_update();
        if rules.change != *change {
            (*change, *gone_on) = (rules.change, 0);
        }
        rules.flow(self.way, self.number)
    }

    async fn changed(&mut self) {
        if self.rules.changed().await.is_err() {
            // Nobody changes anything any more: the handle has gone, and the runtime goes with it.
            std::future::pending::<()>().await;
        }
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

mod tests {
    use super::*;

    /// Both ends of a connection through a proxy.
    async fn ends() -> (FaultProxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = FaultProxy::open(listener.local_addr().expect("an address"));
        let near = TcpStream::connect(proxy.address).await.expect("connects");
        let (far, _) = listener.accept().await.expect("a caller");
        (proxy, near, far)
    }

    async fn heard(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut heard = vec![0; bytes];
        stream.read_exact(&mut heard).await.expect("bytes");
        heard
    }

    #[tokio::test]
    async fn a_fault_proxy_passes_holds_and_lets_go() {
        let (proxy, mut near, mut far) = ends().await;
        near.write_all(b"one").await.expect("sent");
        assert_eq!(heard(&mut far, 3).await, b"one");
        proxy.black_hole();
        near.write_all(b"two").await.expect("sent");
        far.write_all(b"back").await.expect("sent");
        let silence = tokio::time::timeout(Duration::from_millis(200), far.peek(&mut [0; 8])).await;
        assert!(silence.is_err(), "bytes went through a black hole");
        assert_eq!(proxy.seen().up, 3);
        // One way alone: half-open.
        proxy.set(Way::Down, Flow::Pass);
        assert_eq!(heard(&mut near, 4).await, b"back");
        assert_eq!(proxy.seen().up, 3);
        proxy.heal();
        assert_eq!(heard(&mut far, 3).await, b"two");
        drop(near);
        assert_eq!(far.read(&mut [0; 8]).await.expect("an end"), 0);
    }

    #[tokio::test]
    async fn a_fault_proxy_resets_after_so_many_bytes() {
        let (proxy, mut near, mut far) = ends().await;
        proxy.set(Way::Up, Flow::ResetAfter(5));
        near.write_all(b"seven..").await.expect("sent");
        let mut all = Vec::new();
        let error = far.read_to_end(&mut all).await.expect_err("a reset");
        assert_eq!((error.kind(), all.len() <= 5), (io::ErrorKind::ConnectionReset, true));
        let error = near.read(&mut [0; 8]).await.expect_err("a reset at the other end too");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(proxy.until(|seen| seen.ended == 1).await.up, 5);
    }

    #[tokio::test]
    async fn a_fault_proxy_half_closes_drips_and_delays() {
        let (proxy, mut near, mut far) = ends().await;
        let tick = Duration::from_millis(20);
        for (flow, least) in [(Flow::Drip(2, tick), tick * 5), (Flow::Delay(tick), tick)] {
            proxy.set(Way::Up, flow);
            let begun = std::time::Instant::now();
            near.write_all(b"ten bytes.").await.expect("sent");
            assert_eq!(heard(&mut far, 10).await, b"ten bytes.");
            assert!(begun.elapsed() >= least, "{flow:?}: {:?}", begun.elapsed());
        }
        proxy.set(Way::Up, Flow::HalfClose);
        assert_eq!(far.read(&mut [0; 8]).await.expect("an end"), 0);
        near.write_all(b"nobody hears this").await.expect("sent");
        far.write_all(b"but this").await.expect("sent");
        assert_eq!(heard(&mut near, 8).await, b"but this");
    }

    #[tokio::test]
    async fn a_fault_proxy_refuses_and_abandons() {
        let (proxy, near, mut far) = ends().await;
        proxy.abandon();
        drop(near);
        let silence = tokio::time::timeout(Duration::from_millis(200), far.read(&mut [0; 8])).await;
        assert!(silence.is_err(), "the end of a dead connection was told");
        proxy.door(Door::Refuse);
        // The reset may come as early as the connection.
        if let Ok(mut turned_away) = TcpStream::connect(proxy.address).await {
            turned_away.read(&mut [0; 8]).await.expect_err("a reset");
        }
        proxy.until(|seen| seen.refused == 1).await;
    }
}
