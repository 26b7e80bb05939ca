//! The program inside the demo image: a small web server, and a few habits that tests ask containers for.
//! Linked statically, so that its image is one file.

use nix::sys::signal::{SigSet, Signal};
use std::{
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    thread,
    time::Duration,
};

const USAGE: &str = "usage: demo serve [PORT] | check [PORT] | exit CODE | sleep SECONDS | print LINES | env | memory MIB";
/// A request line and headers longer than this are not from a browser.
const REQUEST_BYTES: usize = 8 * 1024;

fn main() -> ExitCode {
    end_on_sigterm();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |position: usize, default: u64| {
        arguments
            .get(position)
            .map_or(Some(default), |text| text.parse().ok())
    };
    let (verb, value) = match arguments.first().map_or("serve", String::as_str) {
        verb @ ("serve" | "check") => (verb, number(1, 8080)),
        verb @ ("exit" | "sleep" | "print" | "memory") => (verb, number(1, 0)),
        verb @ "env" => (verb, Some(0)),
        _ => ("", None),
    };
    let Some(value) = value else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    match verb {
        "serve" => return serve(value as u16),
        "check" => return check(value as u16),
        "exit" => return ExitCode::from(value as u8),
        "sleep" => thread::sleep(Duration::from_secs(value)),
        "print" => print_lines(value),
        "memory" => hold_memory(value),
        _ => env::vars().for_each(|(name, value)| println!("{name}={value}")),
    }
    ExitCode::SUCCESS
}

/// The first process of a container gets no default action from the kernel: without this, SIGTERM would do nothing.
fn end_on_sigterm() {
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    if signals.thread_block().is_ok() {
        thread::spawn(move || {
            let _ = signals.wait();
            std::process::exit(0);
        });
    }
}

fn serve(port: u16) -> ExitCode {
    let listener = match TcpListener::bind(("0.0.0.0", port)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("demo listens on port {port}");
    for stream in listener.incoming().flatten() {
        thread::spawn(move || answer(stream));
    }
    ExitCode::SUCCESS
}

fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") && request.len() < REQUEST_BYTES {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let first = String::from_utf8_lossy(&request);
    let path = first.split_whitespace().nth(1).unwrap_or("/").to_owned();
    println!("GET {path}");
    let name = env::var("HOSTNAME").unwrap_or_else(|_| host_name());
    let greeting = env::var("GREETING").unwrap_or_else(|_| "Hello from Gantry".to_owned());
    let body = format!("{greeting}, task {name}\n");
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn check(port: u16) -> ExitCode {
    let answered = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"HTTP/1.1 200")
    });
    if answered.unwrap_or(false) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print_lines(lines: u64) {
    let stdout = std::io::stdout();
    let mut stdout = stdout.lock();
    for line in 0..lines {
        if writeln!(stdout, "line {line}").is_err() {
            return;
        }
    }
}

fn hold_memory(mib: u64) {
    let mut held = Vec::new();
    for _ in 0..mib {
        // Written, not only reserved: pages that were never touched cost nothing.
        held.push(vec![1_u8; 1024 * 1024]);
    }
    println!("holds {} MiB", held.len());
    thread::sleep(Duration::from_secs(3600));
}

fn host_name() -> String {
    std::fs::read_to_string("/etc/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
