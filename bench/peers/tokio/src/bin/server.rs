// SPDX-License-Identifier: Apache-2.0
//! Servers on Tokio: `server echo|hello|tenants [--threads N] [--data DIR] [--blocking-max N]`.
//! `echo` sends bytes back, `hello` has the smallest possible HTTP parser, `tenants` answers the
//! routes of `drama serve` that `drama demo` asks for. Prints one line when ready.
#[path = "../tenants.rs"]
mod tenants;

use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let got = stream.read(&mut buffer).await?;
        if got == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..got]).await?;
    }
}

/// One answer for each blank line.
async fn hello(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    let mut used = 0;
    loop {
        let got = stream.read(&mut buffer[used..]).await?;
        if got == 0 {
            return Ok(());
        }
        used += got;
        while let Some(at) = tenants::find(&buffer[..used], b"\r\n\r\n") {
            buffer.copy_within(at + 4..used, 0);
            used -= at + 4;
            stream.write_all(HELLO).await?;
        }
    }
}

#[derive(Default)]
struct Options {
    mode: String,
    threads: usize,
    data: String,
    blocking_max: usize,
}

fn parse() -> Option<Options> {
    let mut words = std::env::args().skip(1);
    let mut options = Options {
        mode: words.next()?,
        threads: 2,
        ..Options::default()
    };
    while let Some(flag) = words.next() {
        let value = words.next()?;
        match flag.as_str() {
            "--threads" => options.threads = value.parse().ok()?,
            "--data" => options.data = value,
            "--blocking-max" => options.blocking_max = value.parse().ok()?,
            _ => return None,
        }
    }
    ["echo", "hello", "tenants"]
        .contains(&options.mode.as_str())
        .then_some(options)
}

async fn serve(options: Options) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    println!("tokio serves http://127.0.0.1:{port} and looks at http://127.0.0.1:{port}");
    let service = Arc::new(tenants::Service::new(options.data.into()));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match options.mode.as_str() {
            "echo" => drop(tokio::spawn(echo(stream))),
            "hello" => drop(tokio::spawn(hello(stream))),
            _ => drop(tokio::spawn(tenants::connection(stream, service.clone()))),
        }
    }
}

fn main() {
    let Some(options) = parse() else {
        eprintln!("usage: server echo|hello|tenants [--threads N] [--data DIR] [--blocking-max N]");
        std::process::exit(2);
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(options.threads).enable_all();
    if options.blocking_max > 0 {
        builder.max_blocking_threads(options.blocking_max);
    }
    let runtime = builder.build().unwrap();
    let ended = runtime.block_on(async { tokio::spawn(serve(options)).await.unwrap() });
    eprintln!("server: {}", ended.unwrap_err());
    std::process::exit(1);
}
