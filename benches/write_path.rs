//! What a delivery and an idle connection cost by four write paths, in the same arrangement: one server
//! process (this binary again), one process of clients, one message to all of them at a time.
//!
//! | path | what it is |
//! |---|---|
//! | `send` | a bare loop of `send()`: what nobody can do without |
//! | `scorewire` | the server itself with one shard: decoded, applied, scored, encoded, walked |
//! | `tungstenite` | a `WebSocketStream` per client, `feed` and `flush` of one shared message in a row, reading nothing |
//! | `axum` | axum's upgrade, a task per client with a `WebSocketStream` (which is what axum's own is) and a `tokio::sync::broadcast` receiver |
//!
//! `cargo bench --bench write_path`. A line a path, for 1,000 and for 10,000 clients: CPU a delivery in
//! µs, its ratio to `send` in the same turn (lower is better, 1 is the bare loop), bytes a connection.
//! With `-- --quick` one turn with 1,000 clients, to see that it runs; no figure to rest on.
//! CPU is that of all the server's threads, as the kernel's scheduler counted it; memory is private and
//! touched (`RssAnon`). Everything takes turns, five times; medians, lowest and highest.

mod crowd;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use scorewire::{pipeline, server};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tokio::sync::{broadcast, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERVER: &str = "SCOREWIRE_BENCH_SERVER";
const PATHS: [&str; 4] = ["scorewire", "send", "tungstenite", "axum"];
const TURNS: usize = 5;
/// Messages to every client in one turn, after a few that warm up.
const MESSAGES: usize = 30;
const WARM_UP: usize = 3;
/// What clients wait for before they count as connected.
const HELLO: &str = r#"{"encode_us":0}"#;

type Failure = Box<dyn std::error::Error>;

fn main() {
    if crowd::was_the_clients() {
        return;
    }
    pipeline::raise_descriptor_limit();
    let done = match std::env::var(SERVER) {
        Ok(wanted) => serve(&wanted),
        Err(_) if std::env::args().any(|argument| argument == "--quick") => compare(1_000, 1),
        Err(_) => [1_000, 10_000].iter().try_for_each(|clients| compare(*clients, TURNS)),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

/// What one turn of one path came to.
#[derive(Clone, Default)]
struct Figures {
    cpu_us: f64,
    shard_us: f64,
    bytes_per_client: f64,
}

fn compare(clients: usize, turns: usize) -> Result<(), Failure> {
    let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); PATHS.len()];
    let mut frame_bytes = 0;
    for _ in 0..turns {
        for (path, figures) in PATHS.iter().zip(&mut figures) {
            let (of_turn, bytes) = turn(path, clients, frame_bytes)?;
            // The server goes first; the others send frames of the same size.
            frame_bytes = bytes;
            figures.push(of_turn);
        }
    }
    println!("\n{clients} clients, frames of {frame_bytes} bytes");
    println!("path, CPU a delivery in µs, against the bare loop in the same turn, memory a connection in bytes");
    let bare = figures[1].clone();
    for (path, turns) in PATHS.iter().zip(&figures) {
        let cpu = spread(turns.iter().map(|turn| turn.cpu_us));
        let ratio = spread(turns.iter().zip(&bare).map(|(turn, bare)| turn.cpu_us / bare.cpu_us));
        let memory = spread(turns.iter().map(|turn| turn.bytes_per_client));
        println!("{path}: {cpu}, {ratio}, {memory}");
        if *path == "scorewire" {
            println!("  of it the shard's thread: {}", spread(turns.iter().map(|turn| turn.shard_us)));
        }
    }
    Ok(())
}

fn spread(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let digits = if values[0] < 100.0 { 2 } else { 0 };
    let (median, low, high) = (values[values.len() / 2], values[0], values[values.len() - 1]);
    format!("{median:.digits$} ({low:.digits$}–{high:.digits$})")
}

/// One path from its start to its end. Also the bytes of a frame.
fn turn(path: &str, clients: usize, frame_bytes: u32) -> Result<(Figures, u32), Failure> {
    let mut server = Killed(spawn(path, frame_bytes)?);
    let mut go = server.0.stdin.take().ok_or("its input is piped")?;
    let mut said = server.0.stdout.take().ok_or("its output is piped")?;
    let port = read_port(&mut said)?;
    let pid = server.0.id();
    let empty = private_bytes(pid)?;
    let mut crowd = Killed(crowd::spawn(clients, port));
    let mut had = crowd.0.stdout.take().ok_or("its output is piped")?;
    crowd::wait(&mut had);
    let idle = private_bytes(pid)?;
    let mut send = |go: &mut ChildStdin, count: usize| -> Result<u32, Failure> {
        let mut bytes = 0;
        for _ in 0..count {
            go.write_all(b".")?;
            go.flush()?;
            bytes = crowd::wait(&mut had);
        }
        Ok(bytes)
    };
    send(&mut go, WARM_UP)?;
    let before = cpu_ns(pid)?;
    let bytes = send(&mut go, MESSAGES)?;
    let after = cpu_ns(pid)?;
    let deliveries = (clients * MESSAGES) as f64;
    let figures = Figures {
        cpu_us: (after.0 - before.0) as f64 / 1e3 / deliveries,
        shard_us: (after.1 - before.1) as f64 / 1e3 / deliveries,
        bytes_per_client: (idle as f64 - empty as f64) / clients as f64,
    };
    Ok((figures, bytes))
}

/// A child that ends with its turn.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(path: &str, frame_bytes: u32) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env(SERVER, format!("{path} {frame_bytes}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    Ok(command.spawn()?)
}

fn read_port(said: &mut ChildStdout) -> Result<u16, Failure> {
    let mut port = [0; 2];
    said.read_exact(&mut port)?;
    Ok(u16::from_le_bytes(port))
}

fn private_bytes(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

/// Time on a processor, of all threads and of the shards' alone.
fn cpu_ns(pid: u32) -> Result<(u64, u64), Failure> {
    let (mut all, mut shards) = (0, 0);
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        let text = std::fs::read_to_string(thread.join("schedstat"))?;
        let ns: u64 = text.split(' ').next().unwrap_or_default().parse()?;
        all += ns;
        if std::fs::read_to_string(thread.join("comm"))?.starts_with("shard-") {
            shards += ns;
        }
    }
    Ok((all, shards))
}

/// The server process: says its port, then sends a message to everyone for each byte that it is told.
fn serve(wanted: &str) -> Result<(), Failure> {
    let (path, frame_bytes) = wanted.split_once(' ').ok_or("a path and a number")?;
    let payload = frame_bytes.parse::<usize>()?.saturating_sub(4);
    let message = Utf8Bytes::from("x".repeat(payload));
    if path == "scorewire" {
        return serve_scorewire();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    say_port(listener.local_addr()?.port())?;
    let (sender, goes) = mpsc::channel(1);
    std::thread::spawn(move || while wait_for_go() && sender.blocking_send(()).is_ok() {});
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        match path {
            "send" => serve_send(listener, goes, message).await,
            "tungstenite" => serve_tungstenite(listener, goes, message).await,
            _ => serve_axum(listener, goes, message).await,
        }
    })
}

fn say_port(port: u16) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(&port.to_le_bytes())?;
    Ok(out.flush()?)
}

fn wait_for_go() -> bool {
    std::io::stdin().lock().read_exact(&mut [0]).is_ok()
}

fn serve_scorewire() -> Result<(), Failure> {
    let mut server = crowd::Server::start(1);
    say_port(server.port())?;
    while wait_for_go() {
        server.play();
    }
    server.end();
    Ok(())
}

type Goes = mpsc::Receiver<()>;

/// The next client, upgraded and greeted.
async fn welcome(stream: tokio::net::TcpStream) -> Result<WebSocketStream<tokio::net::TcpStream>, Failure> {
    stream.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    socket.next().await;
    socket.send(Message::text(HELLO)).await?;
    Ok(socket)
}

async fn serve_send(listener: tokio::net::TcpListener, mut goes: Goes, message: Utf8Bytes) -> Result<(), Failure> {
    let length = u16::try_from(message.len())?.to_be_bytes();
    let frame = [&[0x81, 126, length[0], length[1]], message.as_bytes()].concat();
    let mut sockets = Vec::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => sockets.push(welcome(accepted?.0).await?.into_inner().into_std()?),
            go = goes.recv() => {
                if go.is_none() {
                    return Ok(());
                }
                for socket in &sockets {
                    let sent = socket2::SockRef::from(socket).send_with_flags(&frame, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)?;
                    assert_eq!(sent, frame.len(), "clients read");
                }
            }
        }
    }
}

async fn serve_tungstenite(listener: tokio::net::TcpListener, mut goes: Goes, message: Utf8Bytes) -> Result<(), Failure> {
    let mut sockets = Vec::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => sockets.push(welcome(accepted?.0).await?),
            go = goes.recv() => {
                if go.is_none() {
                    return Ok(());
                }
                for socket in &mut sockets {
                    socket.feed(Message::Text(message.clone())).await?;
                    socket.flush().await?;
                }
            }
        }
    }
}

async fn serve_axum(listener: tokio::net::TcpListener, mut goes: Goes, message: Utf8Bytes) -> Result<(), Failure> {
    let (everyone, _) = broadcast::channel::<Utf8Bytes>(16);
    let router = Router::new().route("/v1/ws", get(join)).with_state(everyone.clone());
    tokio::spawn(axum::serve(listener, router).into_future());
    while goes.recv().await.is_some() {
        everyone.send(message.clone())?;
    }
    Ok(())
}

async fn join(State(everyone): State<broadcast::Sender<Utf8Bytes>>, request: Request) -> impl IntoResponse {
    let (response, upgrade) = server::upgrade::accept(request).map_err(IntoResponse::into_response)?;
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        socket.next().await;
        let mut messages = everyone.subscribe();
        let mut next = Message::text(HELLO);
        while socket.send(next).await.is_ok() {
            next = tokio::select! {
                message = messages.recv() => match message {
                    Ok(message) => Message::Text(message),
                    Err(_) => return,
                },
                _ = socket.next() => return,
            };
        }
    });
    Ok::<_, axum::response::Response>(response)
}
