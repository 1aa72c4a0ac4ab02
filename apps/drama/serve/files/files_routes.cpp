// SPDX-License-Identifier: Apache-2.0
// Routes that keep data: /files/NAME, in a folder of the tenant's own; and /churn, which writes
// there and keeps nothing.
#include <cerrno>
#include <string>
#include <utility>

#include "drama/http/body_view.hpp"
#include "drama/http/query.hpp"
#include "drama/runtime/runtime.hpp"
#include "serve/files/file_names.hpp"
#include "serve/files/file_store.hpp"
#include "serve/routes.hpp"
#include "serve/service.hpp"

namespace drama::cli {
namespace {

constexpr std::string_view bytes_type = "application/octet-stream";
constexpr std::uint64_t churn_mib_max = 64;

/// Which file a request means, or why it means none.
struct place {
    file_store* store = nullptr;
    std::string folder;
    std::string name;
    http_reply refusal;
};

/// A place without a name yet.
place folder_of(const http_exchange& exchange) {
    place found;
    file_store* const store = service_of(exchange).files;
    if (store == nullptr) {
        found.refusal = text_reply(503, "this server keeps no files: start it with --data DIR");
        return found;
    }
    // Tenants beyond the limit share one account; a folder they must not share.
    if (exchange.tenant == this_runtime().tenants().shared()) {
        found.refusal = text_reply(503, "no room for another tenant, so none for its files");
        return found;
    }
    found.store = store;
    found.folder = folder_name_of(exchange.tenant.name());
    return found;
}

place place_of(const http_exchange& exchange) {
    auto name = file_name_of(exchange.rest);
    if (!name) {
        place none;
        none.refusal = text_reply(400, name.error());
        return none;
    }
    place found = folder_of(exchange);
    found.name = *std::move(name);
    return found;
}

http_reply status_reply(int status) {
    http_reply made;
    made.status = status;
    made.content_type = {};
    return made;
}

/// What is the client's or the disk's affair; the rest is the server's, as for every route.
result<http_reply> failed(std::error_code error) {
    if (error == errno_code(ENOENT)) {
        return text_reply(404, "no such file");
    }
    if (error == errno_code(ENOSPC) || error == errno_code(EDQUOT)) {
        return text_reply(507, "no room is left on the disk");
    }
    if (error == errno_code(EBADMSG)) {
        return text_reply(500, "the disk has damaged the file: put it again");
    }
    return fail(error);
}

task<result<http_reply>> put_file(http_exchange exchange) {
    place to = place_of(exchange);
    if (to.store == nullptr) {
        co_return std::move(to.refusal);
    }
    const body_view& body = exchange.request->body;
    std::string pieces;
    std::string_view content;
    if (const auto whole = body.contiguous()) {
        content = *whole;
    } else {
        pieces.resize(body.size());
        body.copy_to(pieces);
        content = pieces;
    }
    auto putting = to.store->put(std::move(to.folder), std::move(to.name), content);
    auto put = co_await std::move(putting);
    if (!put && put.error() == errno_code(ENOENT)) {
        co_return text_reply(503, "the tenant's folder is being removed");
    }
    if (!put) {
        co_return failed(put.error());
    }
    co_return status_reply(*put == file_store::put_outcome::created ? 201 : 204);
}

task<result<http_reply>> get_file(http_exchange exchange) {
    place from = place_of(exchange);
    if (from.store == nullptr) {
        co_return std::move(from.refusal);
    }
    auto getting = from.store->get(std::move(from.folder), std::move(from.name));
    auto content = co_await std::move(getting);
    if (!content) {
        co_return failed(content.error());
    }
    http_reply reply;
    reply.content_type = bytes_type;
    reply.body = *std::move(content);
    co_return std::move(reply);
}

task<result<http_reply>> delete_file(http_exchange exchange) {
    place of = place_of(exchange);
    if (of.store == nullptr) {
        co_return std::move(of.refusal);
    }
    auto removing = of.store->remove(std::move(of.folder), std::move(of.name));
    auto removed = co_await std::move(removing);
    if (!removed) {
        co_return failed(removed.error());
    }
    co_return status_reply(204);
}

task<result<http_reply>> churn(http_exchange exchange) {
    auto mib =
        query_number_or(exchange.request->target, "mib", 1, {.min = 0, .max = churn_mib_max});
    if (!mib) {
        co_return text_reply(
            400, "mib: " + mib.error().message() + " (0 to " + std::to_string(churn_mib_max) + ")");
    }
    place in = folder_of(exchange);
    if (in.store == nullptr) {
        co_return std::move(in.refusal);
    }
    auto churning = in.store->churn(std::move(in.folder), *mib * 1024 * 1024);
    auto churned = co_await std::move(churning);
    if (!churned && churned.error() == errno_code(ENOENT)) {
        co_return text_reply(503, "the tenant's folder is being removed");
    }
    if (!churned) {
        co_return failed(churned.error());
    }
    co_return text_reply(200, "wrote and synced " + std::to_string(*mib) + " MiB");
}

}  // namespace

void add_file_routes(std::vector<http_route>& to) {
    to.push_back({"POST", "/churn", churn});
    // `/files/` alone: a file without a name, which is refused with a reason.
    for (const std::string_view path : {"/files/*", "/files/"}) {
        to.insert(
            to.end(),
            {{"GET", path, get_file}, {"PUT", path, put_file}, {"DELETE", path, delete_file}});
    }
}

}  // namespace drama::cli
