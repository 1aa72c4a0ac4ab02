// SPDX-License-Identifier: Apache-2.0
// A pipeline of three stages over channels: what is full makes its producer wait, so memory is
// bounded by the channels' capacities.
#include <cstdio>
#include <string>

#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sync/channel.hpp"

using namespace drama;

namespace {

constexpr int lines = 1000;

task<result<void>> produce(channel<std::string>* out) {
    for (int i = 0; i < lines; ++i) {
        auto pushed = co_await out->push("line " + std::to_string(i));
        if (!pushed) {
            co_return fail(pushed.error());
        }
    }
    out->close();  // the next stage sees the end after the last line
    co_return result<void>();
}

std::size_t digest(const std::string& text) {
    return std::hash<std::string>()(text);
}

task<result<void>> transform(channel<std::string>* in, channel<std::size_t>* out) {
    for (;;) {
        auto line = co_await in->pop();
        if (!line && line.error() == errc::closed) {
            out->close();
            co_return result<void>();
        }
        if (!line) {
            co_return fail(line.error());
        }
        DRAMA_CO_TRY(const std::size_t hash, co_await compute(digest, *line));
        auto pushed = co_await out->push(hash);
        if (!pushed) {
            co_return fail(pushed.error());
        }
    }
}

task<result<int>> consume(channel<std::size_t>* in) {
    int seen = 0;
    for (;;) {
        auto value = co_await in->pop();
        if (!value && value.error() == errc::closed) {
            co_return seen;
        }
        if (!value) {
            co_return fail(value.error());
        }
        ++seen;
    }
}

task<result<int>> run_pipeline(scope_handle scope) {
    channel<std::string> texts(16);
    channel<std::size_t> hashes(16);
    auto first = scope.spawn(produce, &texts);
    auto second = scope.spawn(transform, &texts, &hashes);
    if (!first || !second) {
        co_return fail((first ? second : first).error());
    }
    auto last = consume(&hashes);
    auto seen = co_await std::move(last);
    // The channels live here: the stages must have ended before they go.
    auto one = co_await first->join();
    auto other = co_await second->join();
    if (!one || !other) {
        co_return fail((one ? other : one).error());
    }
    co_return seen;
}

}  // namespace

int main() {
    runtime rt;
    const auto seen = rt.run(in_scope(run_pipeline));
    if (!seen) {
        std::fprintf(stderr, "%s\n", seen.error().message().c_str());
        return 1;
    }
    std::printf("%d of %d lines came through\n", *seen, lines);
    return *seen == lines ? 0 : 1;
}
