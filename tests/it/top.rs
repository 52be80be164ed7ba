//! `scorewire top` against servers of its own, printed, in a terminal and refused; and who is slow
//! (`GET /v1/clients`).

use super::auth::mint::api_key;
use super::hostile::binary::{Folder, outcome, scorewire};
use super::hostile::door::Door;
use super::hostile::{PATIENCE, http};
use super::support::client::Client;
use super::support::events::{game, play};
use super::support::server::{Http, Server};
use super::support::sse::Stream;
use super::support::{eventually, run};
use hyper::Method;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use scorewire::config::Scope;
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

fn begin() -> String {
    let plays = play("g1", 1, 1, &[("x-1", "AAA", 10, 7)]);
    format!("{}\n{plays}", game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]))
}

/// `top`, with what it is told of the world around it.
fn top(arguments: &[&str]) -> Command {
    let mut command = scorewire(&[&["top"], arguments].concat());
    command
        .env_remove("SCOREWIRE_KEY")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color");
    command
}

/// The words of the line that begins so.
fn line<'p>(page: &'p str, start: &str) -> &'p str {
    let found = page.lines().find(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("no line {start}:\n{page}"))
}

#[test]
fn one_page_has_the_figures_of_a_running_server() {
    let door = Door::open(&[]);
    run(async {
        let server = Http::new(door.address);
        server.post_lines(begin().into_bytes()).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut client = Client::connect(&server).await;
            client.subscribe(&["game:g1".to_owned(), "player:x-1".to_owned()], "ppr").await;
            clients.push(client);
        }
        // Before the server has shown them they are nobody.
        tokio::task::spawn_blocking({
            let admin = door.admin;
            move || {
                let is_shown = || {
                    String::from_utf8(http::get(admin, "/metrics").body)
                        .unwrap()
                        .contains("scorewire_subscriptions 6\n")
                };
                while !is_shown() {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        })
        .await
        .unwrap();
        // Plays go on while it looks.
        let is_over = std::sync::Arc::new(AtomicBool::new(false));
        let feeding = tokio::spawn({
            let (is_over, server) = (is_over.clone(), server.clone());
            async move {
                for id in 2.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    server.post_lines(play("g1", id, 1, &[("x-1", "AAA", 10, 1)]).into_bytes()).await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
        let (url, metrics) = (format!("http://{}", door.address), door.admin.to_string());
        let command = top(&[&url, "--metrics", &metrics, "--once", "--interval", "3"]);
        let (code, page, said) = tokio::task::spawn_blocking(move || outcome(command)).await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        feeding.await.unwrap();
        assert_eq!((code, said.as_str()), (Some(0), ""), "{page}");
        assert!(!page.contains('\x1b'), "{page}");
        assert!(
            line(&page, "scorewire top").contains(&format!("{} · ready · ", door.address)),
            "{page}"
        );
        assert!(line(&page, "clients").contains("3 connected · 6 subscriptions · 0 slow"), "{page}");
        assert!(line(&page, "games").contains("1 held (1 on, 0 final)"), "{page}");
        // What a rate is depends on the machine; that there is one does not.
        for (start, none) in [
            ("feeds", " 0 events/s"),
            ("out", " 0 changes/s"),
            ("out", " 0 frames/s"),
            ("out", " 0 B/s"),
        ] {
            assert!(!line(&page, start).contains(none), "{page}");
        }
        assert!(line(&page, "feeds").contains("fresh "), "{page}");
        for stage in ["ingest → state", "state → encode", "encode → written"] {
            let delays = line(&page, stage).strip_prefix(stage).unwrap();
            assert!(delays.contains("µs") || delays.contains("ms"), "{page}");
            assert!(!delays.trim_start().starts_with('–'), "{page}");
        }
        assert!(line(&page, "log").contains("nothing outlives the process"), "{page}");
        assert!(line(&page, "partition").contains("runs by itself"), "{page}");
        drop(clients);
    });
}

#[test]
fn who_cannot_look_is_told_why_and_what_to_do() {
    let folder = Folder::new("top");
    let hash = api_key("operator", "sw_admin", &[]).hash.to_text();
    let keys = format!("[{{name=\"operator\",hash=\"{hash}\",scope=[\"admin\"]}}]");
    let door = Door::open(&[("AUTH__KEYS", &keys)]);
    let (clients, admin) = (format!("http://{}", door.address), format!("http://{}", door.admin));
    let key_file = folder.file("key", "sw_admin\n");
    let wrong_file = folder.file("wrong", "sw_other");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let stranger = stranger();
    let refused = |arguments: &[&str], code, words: &[&str]| {
        let (found, page, said) = outcome(top(&[arguments, &["--once", "--interval", "0.2"]].concat()));
        assert_eq!((found, page.as_str()), (Some(code), ""), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
    };
    refused(&[&closed], 69, &["cannot reach", "is the server running?"]);
    refused(&[&clients], 69, &["/metrics", "server.admin_bind", "--metrics"]);
    refused(&[&admin], 69, &["takes a key here", "--key-file", "SCOREWIRE_KEY"]);
    refused(&[&admin, "--key-file", &wrong_file], 69, &["none that this server knows"]);
    refused(&[&stranger], 69, &["no scorewire server"]);
    refused(&["https://127.0.0.1:1"], 64, &["plain HTTP alone", "server.admin_bind"]);
    refused(&["nonsense://x"], 64, &["no address of a server"]);
    refused(&[&admin, "--key-file", "/nowhere/at/all"], 64, &["cannot read /nowhere/at/all"]);
    // Where it is asked for a screen and there is none.
    let (code, _, said) = outcome(top(&[&admin, "--key-file", &key_file]));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("--once"), "{said}");
    // And who has the key.
    let (code, page, said) = outcome(top(&[&admin, "--key-file", &key_file, "--once", "--interval", "0.2"]));
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(line(&page, "clients").contains("0 connected"), "{page}");
    assert!(page.contains("states: not told at this address"), "{page}");
    let mut by_variable = top(&[&clients, "--metrics", &admin, "--once", "--interval", "0.2"]);
    by_variable.env("SCOREWIRE_KEY", "sw_admin");
    assert_eq!(outcome(by_variable).0, Some(0));
}

/// Something else that speaks HTTP.
fn stranger() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>");
            });
        }
    });
    address
}

/// A terminal without a person.
struct Tty {
    /// The person's end.
    keyboard: File,
    shown: Receiver<Vec<u8>>,
    /// The program's end.
    screen: OwnedFd,
    child: Child,
    seen: String,
}

impl Tty {
    fn start(mut command: Command, columns: u16, lines: u16) -> Tty {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = ptsname(&keyboard, Vec::new()).unwrap();
        let open = || {
            let path = path.to_str().unwrap();
            OwnedFd::from(File::options().read(true).write(true).open(path).unwrap())
        };
        let screen = open();
        tcsetwinsize(&screen, size(columns, lines)).unwrap();
        let child = command
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let (sender, shown) = sync_channel(10_000);
        let mut output = keyboard.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Tty {
            keyboard,
            shown,
            screen,
            child,
            seen: String::new(),
        }
    }

    /// Reads on until that is shown; what was shown up to then, from where it was read last.
    fn until(&mut self, text: &str) -> String {
        while !self.seen.contains(text) {
            let bytes = self.shown.recv_timeout(PATIENCE);
            let bytes = bytes.unwrap_or_else(|error| panic!("{text:?} is not shown, {error}: {}", self.seen));
            // What is looked for is never cut in the middle of a character.
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        let end = self.seen.find(text).unwrap() + text.len();
        let rest = self.seen.split_off(end);
        std::mem::replace(&mut self.seen, rest)
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn has_lines_edited(&self) -> bool {
        tcgetattr(&self.screen)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

fn size(columns: u16, lines: u16) -> Winsize {
    Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn in_a_terminal_it_shows_listens_to_keys_and_puts_the_terminal_back() {
    let door = Door::open(&[]);
    let (clients, admin) = (door.address.to_string(), door.admin.to_string());
    let arguments = [&*clients, "--metrics", &admin, "--interval", "0.2"];
    for signal in [None, Some(Signal::TERM), Some(Signal::INT)] {
        let mut tty = Tty::start(top(&arguments), 80, 24);
        let first = tty.until("\x1b[24;1H");
        assert!(first.contains("\x1b[?1049h") && first.contains("STAGE"), "{first}");
        assert!(first.contains("\x1b[32mready\x1b[0m"), "{first}");
        assert!(!tty.has_lines_edited());
        tty.press("?");
        tty.until("scroll what does not fit");
        tty.press("?\t\t\t");
        tty.until("REFUSED OR ENDED");
        // A window that is made larger has more of it.
        tcsetwinsize(&tty.screen, size(120, 40)).unwrap();
        kill_process(Pid::from_child(&tty.child), Signal::WINCH).unwrap();
        tty.until("\x1b[40;1H");
        match signal {
            None => tty.press("q"),
            Some(signal) => kill_process(Pid::from_child(&tty.child), signal).unwrap(),
        }
        tty.until("\x1b[?1049l");
        assert_eq!(tty.child.wait().unwrap().code(), Some(0), "{signal:?}");
        assert!(tty.has_lines_edited());
    }
}

#[test]
fn colours_are_left_out_where_nobody_wants_them() {
    let door = Door::open(&[]);
    let (clients, admin) = (door.address.to_string(), door.admin.to_string());
    let mut command = top(&[&clients, "--metrics", &admin]);
    command.env("NO_COLOR", "1");
    let mut tty = Tty::start(command, 80, 24);
    let first = tty.until("\x1b[24;1H");
    assert!(first.contains("ready\x1b[2m"), "{first}");
    for colour in ["\x1b[32m", "\x1b[33m", "\x1b[1;31m"] {
        assert!(!first.contains(colour), "{first}");
    }
    tty.press("\x03");
    tty.until("\x1b[?1049l");
}

/// A server that goes away is waited for: the screen says since when, and comes back with it.
#[test]
fn a_server_that_goes_away_is_waited_for() {
    let door = Door::open(&[]);
    let (clients, admin) = (door.address.to_string(), door.admin.to_string());
    let mut tty = Tty::start(top(&[&clients, "--metrics", &admin, "--interval", "0.2"]), 120, 40);
    tty.until("nothing stands out");
    drop(door);
    let lost = tty.until("! no answer for ");
    assert!(lost.contains("not reachable"), "{lost}");
    tty.until("cannot reach");
    tty.press("q");
    tty.until("\x1b[?1049l");
    assert_eq!(tty.child.wait().unwrap().code(), Some(0));
}

async fn clients_of(server: &Http, query: &str) -> Value {
    server.json(&format!("/v1/clients{query}")).await
}

#[test]
fn who_is_slow_is_named_with_how_far_behind_it_is() {
    run(async {
        let server = Server::start(|config| {
            config.fanout.send_buffer_bytes = 4096;
            config.fanout.unsent_bytes_max = 4096;
            config.engine.plays_max = 1_000_000;
        });
        let records: Vec<(String, u16)> = (0..40).map(|player| (format!("x-{player}"), 10)).collect();
        let records: Vec<_> = records.iter().map(|(player, stat)| (player.as_str(), "AAA", *stat, 3)).collect();
        server
            .post_lines(format!("{}\n{}", begin(), play("g1", 2, 1, &records)).into_bytes())
            .await;
        let mut reader = Client::connect(&server).await;
        reader.subscribe(&["game:g1".to_owned()], "ppr").await;
        let stream = Stream::open(&server, &["player:x-1".to_owned()], "ppr", Default::default(), None).await;
        assert_eq!(clients_of(&server, "").await["clients"], serde_json::json!([]), "nobody is slow");
        let mut sleeper = Client::connect_narrow(&server).await;
        for ruleset in ["ppr", "draftkings", "fanduel", "yahoo", "standard", "half_ppr"] {
            sleeper.subscribe(&["game:g1".to_owned(), "team:AAA".to_owned()], ruleset).await;
        }
        let mut id = 100;
        while server.slow_clients() == 0 {
            id += 1;
            server.post_lines(play("g1", id, 1, &[("x-1", "AAA", 10, 1)]).into_bytes()).await;
            reader.catch_up(&server).await;
        }
        server
            .post_lines(play("g1", id + 1, 1, &[("x-2", "AAA", 10, 1)]).into_bytes())
            .await;
        let session = sleeper.welcome["session"].as_str().unwrap().to_owned();
        eventually("it is named", || async {
            let told = clients_of(&server, "?slowest=5").await;
            let is_sleeper = |client: &&Value| client["session"] == *session;
            let found = told["clients"].as_array().unwrap().iter().find(is_sleeper);
            found.is_some_and(|client| {
                assert_eq!(
                    (&client["kind"], &client["subscriptions"]),
                    (&"websocket".into(), &12.into()),
                    "{told}"
                );
                assert!(client["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{told}");
                assert_eq!(told["silent_shards"], 0);
                client["pending"].as_u64() > Some(0) && client["stuck_ms"].is_u64() && client["oldest_ms"].is_u64()
            })
        })
        .await;
        assert_eq!(clients_of(&server, "?slowest=0").await["clients"], serde_json::json!([]));
        // Whoever asks within the second is told what was told last.
        let (one, other) = tokio::join!(clients_of(&server, ""), clients_of(&server, "?slowest=100"));
        assert_eq!(one["as_of_us"], other["as_of_us"]);
        let refused = server.request(Method::GET, "/v1/clients?slowest=-1", &[], Vec::new()).await;
        assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (400, Some("bad_query")));
        drop((reader, stream, sleeper));
        server.end().await;
    });
}

#[test]
fn who_is_slow_is_told_to_operators_alone() {
    run(async {
        let server = Server::start(|config| {
            config.auth.keys = vec![
                api_key("operator", "sw_admin", &[Scope::Admin]),
                api_key("reader", "sw_read", &[Scope::Read]),
            ];
        });
        for (key, status) in [("sw_admin", 200), ("sw_read", 403), ("sw_other", 401)] {
            let bearer = format!("Bearer {key}");
            let answer = server
                .request(Method::GET, "/v1/clients", &[("authorization", &bearer)], Vec::new())
                .await;
            assert_eq!(answer.status.as_u16(), status, "{key}");
        }
        assert_eq!(server.get("/v1/clients").await.status, 401);
        server.end().await;
        let server = Server::start(|config| config.server.admin_bind = Some("127.0.0.1:0".parse().unwrap()));
        assert_eq!(server.get("/v1/clients").await.status, 404);
        assert_eq!(Http::new(server.running.admin_address).get("/v1/clients").await.status, 200);
        server.end().await;
    });
}
