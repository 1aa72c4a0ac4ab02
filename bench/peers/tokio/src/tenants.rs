// SPDX-License-Identifier: Apache-2.0
//! The routes of `drama serve`, by Tokio's own means: what computes or blocks goes to
//! spawn_blocking, but /hog spins on its worker.
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

pub struct Service {
    data: PathBuf,
    requests: AtomicI64,
    children_ended: AtomicU64,
    files_made: AtomicU64,
}

type Answer = Result<Vec<u8>, &'static str>;

pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}

fn spin(span: Duration) {
    let end = Instant::now() + span;
    while Instant::now() < end {}
}

fn put(folder: &Path, name: &str, temporary: &str, body: &[u8]) -> std::io::Result<()> {
    let written = folder.join(temporary);
    let mut file = std::fs::File::create(&written)?;
    file.write_all(body)?;
    file.sync_data()?;
    std::fs::rename(&written, folder.join(name))?;
    std::fs::File::open(folder)?.sync_all()
}

/// Writes `mib` MiB to a file of its own, syncs and removes it.
fn churn(folder: &Path, name: &str, mib: u64) -> std::io::Result<()> {
    let written = folder.join(name);
    let mut file = std::fs::File::create(&written)?;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..mib {
        file.write_all(&piece)?;
    }
    file.sync_data()?;
    std::fs::remove_file(&written)
}

struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    head_bytes: usize,
    body_bytes: usize,
}

impl Request<'_> {
    fn number(&self, key: &str, otherwise: u64) -> u64 {
        self.query
            .split('&')
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
            .unwrap_or(otherwise)
    }
}

fn parse(text: &[u8]) -> Option<Request<'_>> {
    let end = find(text, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&text[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let method = words.next()?;
    let target = words.next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body_bytes = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap_or(0));
    Some(Request {
        method,
        path,
        query,
        head_bytes: end + 4,
        body_bytes,
    })
}

impl Service {
    pub fn new(data: PathBuf) -> Self {
        Service {
            data,
            requests: AtomicI64::new(0),
            children_ended: AtomicU64::new(0),
            files_made: AtomicU64::new(0),
        }
    }

    async fn spawn_children(self: &Arc<Self>, count: u64, span: Duration) -> Answer {
        let mut children = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let service = self.clone();
            children.push(tokio::spawn(async move {
                spin(span);
                service.children_ended.fetch_add(1, Relaxed);
            }));
        }
        for child in children {
            child.await.map_err(|_| "a child failed")?;
        }
        Ok(b"spawned".to_vec())
    }

    async fn on_disk(
        self: &Arc<Self>,
        work: impl FnOnce(&Path, &str) -> std::io::Result<()> + Send + 'static,
    ) -> Answer {
        let service = self.clone();
        let temporary = format!(".new-{}", self.files_made.fetch_add(1, Relaxed));
        match spawn_blocking(move || work(&service.data, &temporary)).await {
            Ok(Ok(())) => Ok(b"kept".to_vec()),
            _ => Err("the disk failed"),
        }
    }

    async fn answer(self: &Arc<Self>, request: &Request<'_>, body: &[u8]) -> Answer {
        match (request.method, request.path) {
            ("GET", "/echo") => Ok(vec![
                b'x';
                request.number("bytes", 64).min(1 << 20) as usize
            ]),
            ("GET", "/hog") => {
                spin(Duration::from_millis(request.number("ms", 20)));
                Ok(b"spun".to_vec())
            }
            ("GET", "/compute") => {
                let span = Duration::from_micros(request.number("us", 1000));
                spawn_blocking(move || spin(span))
                    .await
                    .map_err(|_| "failed")?;
                Ok(b"computed".to_vec())
            }
            ("GET", "/block") => {
                let span = Duration::from_millis(request.number("ms", 50));
                spawn_blocking(move || std::thread::sleep(span))
                    .await
                    .map_err(|_| "failed")?;
                Ok(b"blocked".to_vec())
            }
            ("POST", "/spawn") => {
                let span = Duration::from_micros(request.number("us", 1));
                self.spawn_children(request.number("n", 1000), span).await
            }
            ("POST", "/churn") => {
                let mib = request.number("mib", 1);
                self.on_disk(move |folder, temporary| churn(folder, temporary, mib))
                    .await
            }
            ("PUT", path) if path.starts_with("/files/") => {
                let name = path["/files/".len()..].to_owned();
                let body = body.to_vec();
                self.on_disk(move |folder, temporary| put(folder, &name, temporary, &body))
                    .await
            }
            ("GET", "/healthz") => Ok(b"ok".to_vec()),
            _ => Err("no such route"),
        }
    }

    /// What `drama demo` wants to know, of all tenants: requests under way, children ended.
    fn figures(&self) -> Vec<u8> {
        format!(
            "{{\"tasks\":{},\"tasks_ended\":{}}}",
            self.requests.load(Relaxed),
            self.children_ended.load(Relaxed)
        )
        .into_bytes()
    }
}

pub async fn connection(mut stream: TcpStream, service: Arc<Service>) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(8192);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        while let Some(request) = parse(&buffer) {
            let size = request.head_bytes + request.body_bytes;
            if buffer.len() < size {
                break;
            }
            let body = &buffer[request.head_bytes..size];
            let is_look = request.path == "/debug/tenants";
            let answer = if is_look {
                Ok(service.figures())
            } else {
                service.requests.fetch_add(1, Relaxed);
                let answer = service.answer(&request, body).await;
                service.requests.fetch_sub(1, Relaxed);
                answer
            };
            let (status, text) = match answer {
                Ok(text) => ("200 OK", text),
                Err(why) => ("500 Internal Server Error", why.as_bytes().to_vec()),
            };
            let mut reply = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
                text.len()
            )
            .into_bytes();
            reply.extend_from_slice(&text);
            stream.write_all(&reply).await?;
            buffer.drain(..size);
            if is_look {
                return Ok(()); // whoever looks reads to the end
            }
        }
    }
}
