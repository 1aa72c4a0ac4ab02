// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/admin_server.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "drama/admin/metrics.hpp"
#include "drama/admin/report.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/http/query.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::string_view json_type = "application/json";

http_reply json_reply(std::string body) {
    http_reply made;
    made.content_type = json_type;
    made.body = std::move(body);
    return made;
}

using internal::admin_view;

instant time_here() noexcept {
    return current_runnable()->home->now();
}

/// Looks once a second; less often where a look is so long that it would cost half a per cent. Ends
/// a minute after the last question: an idle process is not to wake up for what nobody asks.
task<result<void>> sample_tenants(admin_view* view) {
    do {
        duration asked_before{};
        do {
            const instant began = time_here();
            view->history.sample(*view->observed, began);
            view->observed->forget_old_decisions();
            const duration pause = std::max(tenant_history::period, 200 * (time_here() - began));
            if (auto slept = co_await sleep_for(pause); !slept) {
                co_return fail(slept.error());
            }
            asked_before = time_here() - view->asked_at.load();
        } while (asked_before < tenant_history::length_max);
        view->is_sampling = false;
    } while (time_here() - view->asked_at.load() < tenant_history::length_max &&
             !view->is_sampling.exchange(true));
    co_return result<void>();
}

/// Somebody asks: looks now, and for a while. What came before a first question is one look, which
/// may be long.
void look(admin_view& view) {
    const instant now = time_here();
    view.asked_at = now;
    view.history.sample(*view.observed, now);
    const tenant system = view.own->tenants().system();
    if (!view.is_sampling.exchange(true) && !view.own->try_spawn(system, sample_tenants, &view)) {
        view.is_sampling = false;
    }
}

task<result<http_reply>> show_tenants(http_exchange exchange) {
    auto& view = *static_cast<admin_view*>(exchange.context);
    const auto asked = read_tenant_query(exchange.request->query);
    if (!asked) {
        co_return text_reply(400, asked.error());
    }
    if (asked->is_plain) {
        co_return json_reply(tenants_json(*view.observed));
    }
    look(view);
    co_return json_reply(tenants_json(*view.observed, *asked, view.history.last(asked->window)));
}

constexpr duration fairness_window = std::chrono::seconds(10);

/// Of the last ten seconds, now included.
tenant_window window_now(admin_view& of) {
    look(of);
    return of.history.last(fairness_window);
}

task<result<http_reply>> show_tenant(http_exchange exchange) {
    auto& view = *static_cast<admin_view*>(exchange.context);
    std::array<char, 3 * tenant_registry::name_bytes_max> room;
    const bool is_long = exchange.rest.size() > room.size();
    const auto name = percent_decode(is_long ? "" : exchange.rest, room);
    const tenant whom = name ? view.observed->tenants().find(*name) : tenant();
    if (!whom) {
        co_return text_reply(404, "there is no such tenant");
    }
    co_return json_reply(tenant_json(*view.observed, whom, window_now(view)));
}

task<result<http_reply>> show_runtime(http_exchange exchange) {
    auto& view = *static_cast<admin_view*>(exchange.context);
    const fairness_figures fair = fairness_in(*view.observed, window_now(view));
    co_return json_reply(runtime_json(*view.observed, &fair));
}

task<result<http_reply>> show_metrics(http_exchange exchange) {
    http_reply made;
    made.content_type = "text/plain; version=0.0.4; charset=utf-8";
    auto& view = *static_cast<admin_view*>(exchange.context);
    const tenant_window window = window_now(view);
    made.body = metrics_text(*view.observed, {.window = &window});
    co_return made;
}

task<result<http_reply>> show_health(http_exchange exchange) {
    const auto& draining = *static_cast<std::atomic<bool>*>(exchange.context);
    if (draining.load(std::memory_order_relaxed)) {
        co_return text_reply(503, "draining");
    }
    co_return text_reply(200, "ok");
}

bool is_loopback(std::string_view host) noexcept {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

runtime_options small_runtime() {
    runtime_options options;
    options.workers = 1;
    options.compute_threads = 1;
    options.blocking_threads_max = 2;
    options.shutdown_deadline = std::chrono::seconds(2);
    return options;
}

task<result<void>> listen_at(http_server* server, endpoint where) {
    auto binding = server->bind(std::move(where));
    co_return co_await std::move(binding);
}

task<result<void>> listen_with(http_server* server, int fd) {
    auto adopting = server->adopt(fd);
    co_return co_await std::move(adopting);
}

task<result<void>> serve_all(http_server* server) {
    auto serving = server->serve();
    co_return co_await std::move(serving);
}

}  // namespace

admin_server::admin_server(runtime& observed)
    : view_{.observed = &observed, .own = &own_},
      own_(small_runtime()),
      server_({{"GET", "/debug/tenants", show_tenants, &view_},
               {"GET", "/debug/tenants/*", show_tenant, &view_},
               {"GET", "/debug/runtime", show_runtime, &view_},
               {"GET", "/metrics", show_metrics, &view_},
               {"GET", "/healthz", show_health, &is_draining_}}) {
}

admin_server::~admin_server() {
    stop();
}

result<void> admin_server::start(endpoint where) {
    if (!is_loopback(where.host)) {
        return fail(errc::bad_argument);
    }
    if (auto started = own_.start(); !started) {
        return started;
    }
    is_running_ = true;
    const tenant system = own_.tenants().system();
    if (auto bound = own_.sync_wait(system, listen_at, &server_, std::move(where)); !bound) {
        stop();
        return bound;
    }
    return serve_bound();
}

result<void> admin_server::start_adopted(int fd) {
    if (auto started = own_.start(); !started) {
        return started;
    }
    is_running_ = true;
    if (auto adopted = own_.sync_wait(own_.tenants().system(), listen_with, &server_, fd);
        !adopted) {
        stop();
        return adopted;
    }
    if (!is_loopback(server_.local().host)) {
        stop();
        return fail(errc::bad_argument);
    }
    return serve_bound();
}

result<void> admin_server::serve_bound() {
    auto serving = own_.try_spawn(own_.tenants().system(), serve_all, &server_);
    if (!serving) {
        stop();
        return fail(serving.error().code());
    }
    serving_ = std::move(*serving);
    view_.history.sample(*view_.observed, own_.now());
    return {};
}

void admin_server::stop() noexcept {
    if (std::exchange(is_running_, false)) {
        static_cast<void>(own_.stop());
    }
}

}  // namespace drama::inline v0
