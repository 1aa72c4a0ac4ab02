// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/replay_token.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>

#include "drama/sim/seed.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t build_digits = 8;

bool is_word(std::string_view text) {
    return std::ranges::all_of(text, [](char each) {
        return (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9') ||
               std::strchr("+-._", each) != nullptr;
    });
}

std::string to_hex(std::span<const unsigned char> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char each : bytes) {
        text += digits[each >> 4];
        text += digits[each & 15];
    }
    return text;
}

std::size_t padded(std::size_t bytes) {
    return (bytes + 3) & ~std::size_t{3};
}

// The note that the linker leaves, among the notes of one segment.
std::string find_note(std::span<const unsigned char> notes) {
    while (notes.size() >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        std::memcpy(&head, notes.data(), sizeof head);
        const std::size_t begins = sizeof head + padded(head.n_namesz);
        const std::size_t next = begins + padded(head.n_descsz);
        if (next > notes.size()) {
            break;
        }
        if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == sizeof ELF_NOTE_GNU &&
            std::memcmp(&notes[sizeof head], ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
            return to_hex(notes.subspan(begins, head.n_descsz));
        }
        notes = notes.subspan(next);
    }
    return {};
}

// Called for the program itself first; its answer ends the walk there.
int look_at_program(dl_phdr_info* info, std::size_t, void* found) {
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)& each = info->dlpi_phdr[i];
        if (each.p_type == PT_NOTE) {
            const auto* const at =
                reinterpret_cast<const unsigned char*>(info->dlpi_addr + each.p_vaddr);
            auto& text = *static_cast<std::string*>(found);
            if (text = find_note(std::span(at, each.p_memsz)); !text.empty()) {
                break;
            }
        }
    }
    return 1;
}

std::string hash_of_program() {
    std::ifstream program("/proc/self/exe", std::ios::binary);
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    char block[4096];
    while (program.read(block, sizeof block), program.gcount() > 0) {
        for (std::streamsize i = 0; i < program.gcount(); ++i) {
            hash = (hash ^ static_cast<unsigned char>(block[i])) * 0x100000001b3ULL;
        }
    }
    unsigned char bytes[sizeof hash];
    std::memcpy(bytes, &hash, sizeof hash);
    return program.eof() ? to_hex(bytes) : std::string();
}

}  // namespace

std::string replay_token::to_text() const {
    std::string text = seed_token(seed);
    if (!how.empty()) {
        text += ':' + how;
        if (!build.empty()) {
            text += ':' + build;
        }
    }
    return text;
}

std::optional<replay_token> replay_token::parse(std::string_view text) {
    replay_token found;
    const bool is_versioned = text.starts_with("v1:");
    const std::size_t after_seed = is_versioned ? text.find(':', 3) : std::string_view::npos;
    const auto seed = parse_seed(text.substr(0, after_seed));
    if (!seed) {
        return std::nullopt;
    }
    found.seed = *seed;
    if (after_seed == std::string_view::npos) {
        return found;
    }
    text.remove_prefix(after_seed + 1);
    const std::size_t after_how = text.find(':');
    found.how = text.substr(0, after_how);
    if (after_how != std::string_view::npos) {
        found.build = text.substr(after_how + 1);
    }
    const bool is_whole = !found.how.empty() && is_word(found.how) && is_word(found.build) &&
                          (after_how == std::string_view::npos || !found.build.empty());
    return is_whole ? std::optional(std::move(found)) : std::nullopt;
}

std::string build_id() {
    static const std::string found = [] {
        std::string text;
        ::dl_iterate_phdr(&look_at_program, &text);
        if (text.empty()) {
            text = hash_of_program();
        }
        return text.substr(0, build_digits);
    }();
    return found;
}

std::string why_refused(const replay_token& token, std::string_view own) {
    if (token.build.empty() || token.build == own) {
        return {};
    }
    return "the token is of build " + token.build + ", this program is build " + std::string(own) +
           ": its run would be another one. To try it all the same, leave the build out: "
           "DRAMA_SEED=" +
           replay_token{token.seed, token.how, {}}.to_text();
}

}  // namespace drama::inline v0
