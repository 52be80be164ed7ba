//! A network between two processes, in this one: it can hold what is sent, be slow, or be cut.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// They go on at once.
    Open,
    /// They go on, each so much later.
    Slow(Duration),
    /// They stay on the way, and nobody is told; what was sent meanwhile arrives later.
    Held,
    /// Connections end with a reset, and no new ones are made.
    Cut,
}

/// A way to one port. It ends when this is dropped.
pub(crate) struct Proxy {
    mode: watch::Sender<Mode>,
    address: SocketAddr,
}

impl Proxy {
    /// Opens one.
    pub(crate) async fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, seen) = watch::channel(Mode::Open);
        tokio::spawn(accept(listener, port, seen));
        Proxy { mode, address }
    }

    /// As `cluster.redis` has it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(listener: TcpListener, port: u16, mut mode: watch::Receiver<Mode>) {
    loop {
        let near = tokio::select! {
            near = listener.accept() => near.unwrap().0,
            () = gone(mode.clone()) => return,
        };
        if *mode.borrow_and_update() == Mode::Cut {
            reset(&near);
            continue;
        }
        tokio::spawn(carry(near, port, mode.clone()));
    }
}

/// Waits until the proxy is dropped.
async fn gone(mut mode: watch::Receiver<Mode>) {
    while mode.changed().await.is_ok() {}
}

/// Lingering 0: the other side sees a reset once it is dropped.
fn reset(socket: &TcpStream) {
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
}

async fn carry(near: TcpStream, port: u16, mut mode: watch::Receiver<Mode>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
        return reset(&near);
    };
    for socket in [&near, &far] {
        socket.set_nodelay(true).unwrap();
    }
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let ways = [mode.clone(), mode.clone()];
    let [there, back] = ways;
    let carried = async {
        tokio::join!(one_way(near_in, far_out, there), one_way(far_in, near_out, back));
    };
    tokio::select! {
        () = carried => {}
        // Or the proxy is gone: what it carried is as well.
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

/// Carries on to the end, whichever way it ends.
async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read) = from.read(&mut buffer).await {
        let Ok(now) = mode.wait_for(|mode| *mode != Mode::Held).await.map(|mode| *mode) else {
            break;
        };
        if let Mode::Slow(by) = now {
            tokio::time::sleep(by).await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    // Who reads there sees the end; who may be gone already does not.
    let _ = to.shutdown().await;
}
