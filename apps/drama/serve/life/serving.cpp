// SPDX-License-Identifier: Apache-2.0
#include "serve/life/serving.hpp"

#include <utility>
#include <vector>

#include "serve/routes.hpp"

namespace drama::cli {
namespace {

task<result<void>> bind_at(http_server* server, endpoint where) {
    auto binding = server->bind(std::move(where));
    co_return co_await std::move(binding);
}

task<result<void>> adopt(http_server* server, int fd) {
    auto adopting = server->adopt(fd);
    co_return co_await std::move(adopting);
}

task<result<void>> prepare_stores(file_store* files, sql_store* databases) {
    auto preparing = files->prepare();
    auto prepared = co_await std::move(preparing);
    if (!prepared) {
        co_return prepared;
    }
    auto adding = databases->prepare();
    co_return co_await std::move(adding);
}

http_server make_server(const serve_options& options, service& shared, accounts& who) {
    http_server_options made;
    made.tenants = &who;
    made.header_deadline = std::chrono::milliseconds(options.header_deadline_ms);
    made.idle_deadline = std::chrono::milliseconds(options.idle_deadline_ms);
    std::vector<http_route> routes;
    add_work_routes(routes);
    add_file_routes(routes);
    add_pack_routes(routes);
    add_sql_routes(routes);
    for (http_route& each : routes) {
        each.context = &shared;
    }
    return http_server(std::move(routes), made);
}

std::unexpected<std::string> complaint(const char* what, const std::string& where,
                                       std::error_code error) {
    return std::unexpected(std::string(what) + ' ' + where + ": " + error.message());
}

}  // namespace

runtime_options runtime_options_of(const serve_options& from) {
    runtime_options made;
    made.workers = from.workers;
    made.order = from.order == "fifo" ? policy::fifo : policy::fair;
    made.class_order = from.class_order == "on";
    made.io = from.io;
    made.blocking_threads_max = from.blocking_max;
    made.disk_depth_max = from.disk_depth;
    made.disk_unsynced_bytes_max = from.disk_unsynced_mib * mib_bytes;
    made.tasks_max = from.tasks_max;
    made.hand_over = from.hand_over;
    made.holds_burning_calls = from.hold_burning_calls;
    made.check_permits = from.check_permits;
    made.on_stall = [](const stall_report&) {};  // counted per tenant; a line each would flood
    return made;
}

serving::serving(runtime& rt, const serve_config& settings)
    : rt_(rt),
      options_(settings.options),
      settings_(settings),
      who_(rt.tenants()),
      files_(options_.data),
      databases_(rt, options_.data,
                 {.database_bytes = static_cast<std::int64_t>(options_.sql_mib * mib_bytes),
                  .open_max = options_.sql_open}),
      shared_{.data = options_.data},
      server_(make_server(options_, shared_, who_)) {
}

std::expected<void, std::string> serving::prepare() {
    if (auto applied = who_.apply(settings_); !applied) {
        return complaint("cannot use", options_.config, applied.error());
    }
    if (options_.data.empty()) {
        return {};
    }
    const tenant system = rt_.tenants().system();
    if (auto prepared = rt_.sync_wait(system, prepare_stores, &files_, &databases_); !prepared) {
        return complaint("cannot keep files in", options_.data, prepared.error());
    }
    shared_.files = &files_;
    shared_.databases = &databases_;
    return {};
}

std::expected<void, std::string> serving::listen(std::optional<int> passed) {
    const tenant system = rt_.tenants().system();
    const auto bound =
        passed ? rt_.sync_wait(system, adopt, &server_, *passed)
               : rt_.sync_wait(system, bind_at, &server_, *endpoint::parse(options_.listen));
    if (!bound) {
        return complaint("cannot listen at",
                         passed ? "the socket that was passed" : options_.listen, bound.error());
    }
    return {};
}

}  // namespace drama::cli
