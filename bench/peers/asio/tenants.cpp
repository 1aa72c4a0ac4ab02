// SPDX-License-Identifier: Apache-2.0
#include "tenants.hpp"

#include <asio/experimental/concurrent_channel.hpp>

#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>

#include "offload.hpp"

namespace {

using std::chrono::steady_clock;
/// Of one value: version 1.22 has no channel without.
using signal = asio::experimental::concurrent_channel<void(asio::error_code, int)>;

struct request {
    std::string_view method;
    std::string_view path;
    std::string_view query;
    std::string_view body;
};

struct reply {
    bool is_good = true;
    std::string text;
};

void spin(std::chrono::microseconds span) {
    for (const auto end = steady_clock::now() + span; steady_clock::now() < end;) {
    }
}

long number(std::string_view query, std::string_view key, long otherwise) {
    long found = otherwise;
    for (std::size_t at = 0; at < query.size();) {
        const std::size_t end = std::min(query.find('&', at), query.size());
        const std::string_view pair = query.substr(at, end - at);
        if (pair.starts_with(key) && pair.size() > key.size() && pair[key.size()] == '=') {
            std::from_chars(pair.data() + key.size() + 1, pair.data() + pair.size(), found);
        }
        at = end + 1;
    }
    return found;
}

asio::awaitable<void> child(service* of, std::chrono::microseconds span,
                            std::shared_ptr<std::atomic<long>> left, std::shared_ptr<signal> done) {
    spin(span);
    of->children_ended.fetch_add(1, std::memory_order_relaxed);
    if (left->fetch_sub(1, std::memory_order_acq_rel) == 1) {
        done->try_send(asio::error_code(), 0);
    }
    co_return;
}

asio::awaitable<void> spawn_children(service* of, long count, std::chrono::microseconds span) {
    const auto executor = co_await asio::this_coro::executor;
    auto left = std::make_shared<std::atomic<long>>(count);
    auto done = std::make_shared<signal>(executor, 1);
    for (long i = 0; i < count; ++i) {
        asio::co_spawn(executor, child(of, span, left, done), asio::detached);
        if (i % 256 == 255) {
            co_await asio::post(asio::use_awaitable);
        }
    }
    if (count > 0) {
        co_await done->async_receive(asio::use_awaitable);
    }
}

/// Writes a new file and syncs its content.
bool write_file(const std::string& path, long pieces, std::string_view piece) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool is_good = file >= 0;
    for (long i = 0; i < pieces && is_good; ++i) {
        is_good = ::write(file, piece.data(), piece.size()) == static_cast<ssize_t>(piece.size());
    }
    is_good = is_good && ::fdatasync(file) == 0;
    ::close(file);
    return is_good;
}

bool put(const service& of, const std::string& temporary, const std::string& path,
         std::string_view body) {
    if (!write_file(temporary, 1, body) || ::rename(temporary.c_str(), path.c_str()) != 0) {
        return false;
    }
    const int folder = ::open(of.data.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = folder >= 0 && ::fsync(folder) == 0;
    ::close(folder);
    return is_synced;
}

bool churn(const std::string& path, long mib) {
    const std::string piece(1 << 20, 'x');
    return write_file(path, mib, piece) && ::unlink(path.c_str()) == 0;
}

asio::awaitable<reply> answer(service* of, request asked) {
    using std::chrono::microseconds;
    const auto value = [&asked](std::string_view key, long otherwise) {
        return number(asked.query, key, otherwise);
    };
    if (asked.path == "/echo") {
        co_return reply{true, std::string(static_cast<std::size_t>(value("bytes", 64)), 'x')};
    }
    if (asked.path == "/hog") {
        spin(microseconds(value("ms", 20) * 1000));
        co_return reply{true, "spun"};
    }
    if (asked.path == "/compute") {
        const microseconds span(value("us", 1000));
        const auto work = [span] { spin(span); };
        co_await offload(&of->compute, work);
        co_return reply{true, "computed"};
    }
    if (asked.path == "/block") {
        const std::chrono::milliseconds span(value("ms", 50));
        const auto work = [span] { std::this_thread::sleep_for(span); };
        co_await offload(&of->blocking, work);
        co_return reply{true, "blocked"};
    }
    if (asked.path == "/spawn") {
        co_await spawn_children(of, value("n", 1000), microseconds(value("us", 1)));
        co_return reply{true, "spawned"};
    }
    if (asked.path == "/healthz") {
        co_return reply{true, "ok"};
    }
    const std::string temporary = of->data + "/.new-" + std::to_string(of->files_made.fetch_add(1));
    bool is_good = false;
    if (asked.path == "/churn") {
        const long mib = value("mib", 1);
        const auto work = [&] { is_good = churn(temporary, mib); };
        co_await offload(&of->blocking, work);
    } else if (asked.method == "PUT" && asked.path.starts_with("/files/")) {
        const std::string path = of->data + "/" + std::string(asked.path.substr(7));
        const auto work = [&] { is_good = put(*of, temporary, path, asked.body); };
        co_await offload(&of->blocking, work);
    }
    co_return reply{is_good, is_good ? "kept" : "failed"};
}

/// The number of bytes of the first request in `text`; 0 if it is not complete.
std::size_t parse(std::string_view text, request& into) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        return 0;
    }
    const std::string_view head = text.substr(0, end + 2);
    const std::size_t space = head.find(' ');
    into.method = head.substr(0, space);
    const std::string_view target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    const std::size_t mark = target.find('?');
    into.path = target.substr(0, mark);
    into.query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
    constexpr std::string_view length_field = "\r\nContent-Length:";
    std::size_t body = 0;
    for (std::size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
        if (::strncasecmp(head.data() + at, length_field.data(), length_field.size()) == 0) {
            body = std::strtoul(head.data() + at + length_field.size(), nullptr, 10);
        }
    }
    if (text.size() < end + 4 + body) {
        return 0;
    }
    into.body = text.substr(end + 4, body);
    return end + 4 + body;
}

/// What `drama demo` wants to know, of all tenants: requests under way, children ended.
std::string figures(const service& of) {
    return "{\"tasks\":" + std::to_string(of.requests.load()) +
           ",\"tasks_ended\":" + std::to_string(of.children_ended.load()) + "}";
}

}  // namespace

asio::awaitable<void> connection(asio::ip::tcp::socket socket, service* of) {
    std::string buffer;
    std::string out;
    for (;;) {
        co_await asio::async_read(socket, asio::dynamic_buffer(buffer), asio::transfer_at_least(1),
                                  asio::use_awaitable);
        request asked;
        while (const std::size_t size = parse(buffer, asked)) {
            const bool is_look = asked.path == "/debug/tenants";
            reply given;
            if (is_look) {
                given.text = figures(*of);
            } else {
                of->requests.fetch_add(1, std::memory_order_relaxed);
                auto answered = co_await answer(of, asked);
                given = std::move(answered);
                of->requests.fetch_sub(1, std::memory_order_relaxed);
            }
            out = given.is_good ? "HTTP/1.1 200 OK" : "HTTP/1.1 500 Internal Server Error";
            out += "\r\nContent-Length: " + std::to_string(given.text.size()) + "\r\n\r\n";
            out += given.text;
            co_await asio::async_write(socket, asio::buffer(out), asio::use_awaitable);
            buffer.erase(0, size);
            if (is_look) {
                co_return;  // whoever looks reads to the end
            }
        }
    }
}
