// SPDX-License-Identifier: Apache-2.0
//! The microbenchmarks on Tokio: `micro NAME THREADS` runs NAME once to warm up and once to
//! measure, and prints the figure. The forms are those of bench/micro_bench.cpp.
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

const MILLION: u64 = 1_000_000;

async fn spawn_range(count: u64) {
    let mut handles = Vec::with_capacity(count as usize);
    for _ in 0..count {
        handles.push(tokio::spawn(async {}));
    }
    for handle in handles {
        handle.await.unwrap();
    }
}

async fn spawn_join() -> u64 {
    spawn_range(MILLION).await;
    MILLION
}

async fn spawn_two() -> u64 {
    let first = tokio::spawn(spawn_range(MILLION / 2));
    let second = tokio::spawn(spawn_range(MILLION / 2));
    first.await.unwrap();
    second.await.unwrap();
    MILLION
}

async fn yields() -> u64 {
    let mut handles = Vec::new();
    for _ in 0..1000 {
        handles.push(tokio::spawn(async {
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        }));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    MILLION
}

async fn send_back(mut from: mpsc::Receiver<u64>, to: mpsc::Sender<u64>) {
    while let Some(item) = from.recv().await {
        if to.send(item).await.is_err() {
            return;
        }
    }
}

async fn play(to: mpsc::Sender<u64>, mut from: mpsc::Receiver<u64>, rounds: u64) {
    for i in 0..rounds {
        to.send(i).await.unwrap();
        from.recv().await.unwrap();
    }
}

async fn ping_pong() -> u64 {
    let rounds = 500_000;
    let (there, there_end) = mpsc::channel(1);
    let (back, back_end) = mpsc::channel(1);
    let partner = tokio::spawn(send_back(there_end, back));
    tokio::spawn(play(there, back_end, rounds)).await.unwrap();
    partner.await.unwrap();
    rounds
}

/// Each end has a runtime and a thread of its own.
fn ping_pong_across() -> f64 {
    let rounds = 50_000;
    let (there, there_end) = mpsc::channel(1);
    let (back, back_end) = mpsc::channel(1);
    let partner = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(send_back(there_end, back));
    });
    let runtime = Builder::new_current_thread().build().unwrap();
    let began = Instant::now();
    runtime.block_on(play(there, back_end, rounds));
    let took = began.elapsed();
    partner.join().unwrap();
    took.as_nanos() as f64 / rounds as f64
}

fn skynet(number: u64, size: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if size == 1 {
            return number;
        }
        let part = size / 10;
        let children: [_; 10] =
            std::array::from_fn(|i| tokio::spawn(skynet(number + i as u64 * part, part)));
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

async fn skynet_million() -> u64 {
    let sum = tokio::spawn(skynet(0, MILLION)).await.unwrap();
    assert_eq!(sum, MILLION * (MILLION - 1) / 2);
    1
}

fn fib(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let first = tokio::spawn(fib(n - 1));
        let second = fib(n - 2).await;
        first.await.unwrap() + second
    })
}

async fn fib_30() -> u64 {
    assert_eq!(tokio::spawn(fib(30)).await.unwrap(), 832_040);
    1
}

async fn channel(producers: u64) -> u64 {
    let (to, mut from) = mpsc::channel::<u64>(1024);
    let each = MILLION / producers;
    for _ in 0..producers {
        let to = to.clone();
        tokio::spawn(async move {
            for i in 0..each {
                to.send(i).await.unwrap();
            }
        });
    }
    drop(to);
    let consumer = tokio::spawn(async move {
        let mut seen = 0;
        while from.recv().await.is_some() {
            seen += 1;
        }
        seen
    });
    assert_eq!(consumer.await.unwrap(), MILLION);
    MILLION
}

/// 1 to 100 ms, in microseconds.
fn next_span(state: &mut u64) -> Duration {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    Duration::from_micros(1000 + *state % 99_001)
}

async fn timers(tasks: u64, sleeps: u64) -> u64 {
    let mut handles = Vec::new();
    for i in 0..tasks {
        handles.push(tokio::spawn(async move {
            let mut state = (i + 1) * 0x9E37_79B9_7F4A_7C15;
            for _ in 0..sleeps {
                tokio::time::sleep(next_span(&mut state)).await;
            }
        }));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    tasks * sleeps
}

async fn blocking() -> Vec<u64> {
    let mut spans = Vec::new();
    for _ in 0..20_000 {
        let began = Instant::now();
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        spans.push(began.elapsed().as_nanos() as u64);
    }
    spans
}

async fn blocking_64() -> u64 {
    let calls = 2000;
    let mut handles = Vec::new();
    for _ in 0..64 {
        handles.push(tokio::spawn(async move {
            for _ in 0..calls {
                tokio::task::spawn_blocking(|| {}).await.unwrap();
            }
        }));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    64 * calls
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// The tasks never end: the process does.
fn memory(runtime: &Runtime) -> f64 {
    let asleep: &'static std::sync::atomic::AtomicU64 = Box::leak(Box::default());
    let before = resident_bytes();
    runtime.block_on(async {
        tokio::spawn(async {
            for _ in 0..MILLION {
                tokio::spawn(async {
                    asleep.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                });
            }
        })
        .await
        .unwrap();
        while asleep.load(std::sync::atomic::Ordering::Relaxed) < MILLION {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    (resident_bytes() - before) as f64 / MILLION as f64
}

fn cpu_ns() -> f64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Wall nanoseconds for each operation, of a second run.
fn wall<F: Future<Output = u64> + Send + 'static>(runtime: &Runtime, form: fn() -> F) -> f64 {
    runtime.block_on(async { tokio::spawn(form()).await.unwrap() });
    let began = Instant::now();
    let count = runtime.block_on(async { tokio::spawn(form()).await.unwrap() });
    began.elapsed().as_nanos() as f64 / count as f64
}

fn cpu(runtime: &Runtime, tasks: u64, sleeps: u64) -> f64 {
    runtime.block_on(async { tokio::spawn(timers(tasks, sleeps)).await.unwrap() });
    let began = cpu_ns();
    let count = runtime.block_on(async { tokio::spawn(timers(tasks, sleeps)).await.unwrap() });
    (cpu_ns() - began) / count as f64
}

fn median(runtime: &Runtime) -> f64 {
    let mut spans = runtime.block_on(async { tokio::spawn(blocking()).await.unwrap() });
    spans.sort_unstable();
    spans[spans.len() / 2] as f64
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let name = arguments.get(1).map(String::as_str).unwrap_or("");
    let threads = arguments.get(2).and_then(|n| n.parse().ok()).unwrap_or(1);
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap();
    let figure = match name {
        "spawn_join" => wall(&runtime, spawn_join),
        "spawn_two" => wall(&runtime, spawn_two),
        "yield" => wall(&runtime, yields),
        "ping_pong" => wall(&runtime, ping_pong),
        "ping_pong_across" => ping_pong_across(),
        "skynet" => wall(&runtime, skynet_million) / 1e6,
        "fib" => wall(&runtime, fib_30) / 1e6,
        "channel" => wall(&runtime, || channel(1)),
        "channel_4to1" => wall(&runtime, || channel(4)),
        "timers_10k" => cpu(&runtime, 10_000, 20),
        "timers_100k" => cpu(&runtime, 100_000, 10),
        "blocking" => median(&runtime),
        "blocking_64" => 1e9 / wall(&runtime, blocking_64),
        "memory" => memory(&runtime),
        _ => {
            eprintln!("micro: there is no {name}");
            std::process::exit(2);
        }
    };
    println!("{figure}");
    std::process::exit(0);
}
