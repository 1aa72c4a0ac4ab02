// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/points/heap_watch.hpp"

#include <elf.h>
#include <execinfo.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/sim/points/access_points.hpp"

namespace drama::inline v0::internal {
namespace {

// Blocks by address: open addressing, and what is taken out leaves no mark, so an empty table needs
// no clearing. Its memory does not come from the operators that it watches.
class block_table {
  public:
    void add(const heap_block& block) noexcept {
        if (count_ * 2 >= size_ && !grow()) {
            return;
        }
        slots_[place_of(block.address)] = block;
        ++count_;
    }
    /// Yields what it was; without an address: it is not here.
    heap_block remove(const void* address) noexcept {
        if (count_ == 0) {
            return {};
        }
        std::size_t hole = place_of(address);
        const heap_block found = slots_[hole];
        if (found.address == nullptr) {
            return {};
        }
        --count_;
        // Those behind it that may stand here close the gap.
        for (std::size_t at = next(hole); slots_[at].address != nullptr; at = next(at)) {
            const std::size_t home = hash(slots_[at].address);
            if (((at - home) & (size_ - 1)) >= ((at - hole) & (size_ - 1))) {
                slots_[hole] = slots_[at];
                hole = at;
            }
        }
        slots_[hole].address = nullptr;
        return found;
    }
    bool empty() const noexcept { return count_ == 0; }
    std::vector<heap_block> all() const {
        std::vector<heap_block> found;
        std::copy_if(slots_, slots_ + size_, std::back_inserter(found),
                     [](const heap_block& each) { return each.address != nullptr; });
        return found;
    }
    void clear() noexcept {
        if (std::exchange(count_, 0) != 0) {
            std::fill_n(slots_, size_, heap_block());
        }
    }

  private:
    static constexpr std::size_t size_least = 1024;

    std::size_t hash(const void* address) const noexcept {
        const std::uint64_t mixed =
            (reinterpret_cast<std::uintptr_t>(address) >> 4) * 0x9e3779b97f4a7c15ULL;
        return static_cast<std::size_t>(mixed >> 32) & (size_ - 1);
    }
    std::size_t next(std::size_t at) const noexcept { return (at + 1) & (size_ - 1); }
    std::size_t place_of(const void* address) const noexcept {
        std::size_t at = hash(address);
        while (slots_[at].address != nullptr && slots_[at].address != address) {
            at = next(at);
        }
        return at;
    }
    bool grow() noexcept {
        const std::size_t wanted = size_ == 0 ? size_least : 2 * size_;
        auto* const made = static_cast<heap_block*>(std::calloc(wanted, sizeof(heap_block)));
        if (made == nullptr) {
            return false;
        }
        heap_block* const before = std::exchange(slots_, made);
        const std::size_t size = std::exchange(size_, wanted);
        for (std::size_t at = 0; at != size; ++at) {
            if (before[at].address != nullptr) {
                slots_[place_of(before[at].address)] = before[at];
            }
        }
        std::free(before);
        return true;
    }

    heap_block* slots_ = nullptr;
    std::size_t size_ = 0;
    std::size_t count_ = 0;
};

constinit bool is_watched = false;
constinit bool wants_callers = false;

// Threads wait for the table as they would outside: also while they begin and end, when the
// simulation knows nothing of them. They spin: the C library's calls are the simulation's own.
struct unsimulated_atomics : real_atomics {
    static void yield(unsigned) noexcept { pause(1'000); }
};

// Guards the table: others of this process use the heap as well.
constinit basic_spinlock<unsimulated_atomics> lock;
constinit block_table blocks;
constinit thread_local bool is_setup = false;

// Where bodies of tests took what simulated code gave back. As long as the program lasts.
class given_places {
  public:
    bool contains(const void* place) const noexcept {
        return std::find(all_.begin(), all_.begin() + count_, place) != all_.begin() + count_;
    }
    void add(const void* place) noexcept {
        if (static_cast<std::size_t>(count_) != all_.size() && !contains(place)) {
            all_[static_cast<std::size_t>(count_++)] = place;
        }
    }

  private:
    std::array<const void*, 256> all_{};
    std::ptrdiff_t count_ = 0;
};
constinit given_places given_by_tasks;  // guarded by the lock

// Blocks that something in the memory from `begin` on points to, or into, are put to the end.
class reachable {
  public:
    explicit reachable(std::vector<heap_block> all) : all_(std::move(all)), is_met_(all_.size()) {
        std::ranges::sort(all_, {}, &heap_block::address);
    }
    void meet_from(const void* begin, std::size_t bytes) {
        const auto* at = static_cast<const std::byte*>(begin);
        for (; bytes >= sizeof(std::uintptr_t); bytes -= sizeof(std::uintptr_t)) {
            std::uintptr_t word = 0;
            std::memcpy(&word, at, sizeof word);
            at += sizeof word;
            meet(word);
        }
    }
    void meet_setup() {
        for (const heap_block& each : all_) {
            if (each.is_of_setup && !given_by_tasks.contains(each.caller)) {
                meet(reinterpret_cast<std::uintptr_t>(each.address));
            }
        }
    }
    std::vector<heap_block> unmet() {
        while (!line_.empty()) {
            const heap_block& next = all_[line_.back()];
            line_.pop_back();
            meet_from(next.address, next.bytes);
        }
        std::vector<heap_block> left;
        for (std::size_t at = 0; at != all_.size(); ++at) {
            if (!is_met_[at]) {
                left.push_back(all_[at]);
            }
        }
        return left;
    }

  private:
    void meet(std::uintptr_t word) {
        const auto after = std::ranges::upper_bound(all_, word, {}, [](const heap_block& each) {
            return reinterpret_cast<std::uintptr_t>(each.address);
        });
        if (after == all_.begin()) {
            return;
        }
        const auto at = static_cast<std::size_t>(after - all_.begin()) - 1;
        const auto begins = reinterpret_cast<std::uintptr_t>(all_[at].address);
        if (word - begins < std::max<std::size_t>(all_[at].bytes, 1) && !is_met_[at]) {
            is_met_[at] = true;
            line_.push_back(at);
        }
    }

    std::vector<heap_block> all_;
    std::vector<bool> is_met_;
    std::vector<std::size_t> line_;
};

// The static data of the program and its libraries.
int meet_static_data(dl_phdr_info* object, std::size_t, void* by) {
    auto& found = *static_cast<reachable*>(by);
    for (int i = 0; i != object->dlpi_phnum; ++i) {
        const ElfW(Phdr)& part = object->dlpi_phdr[i];
        if (part.p_type == PT_LOAD && (part.p_flags & PF_W) != 0) {
            const std::uintptr_t from = object->dlpi_addr + part.p_vaddr;
            const std::uintptr_t begin = (from + 7) & ~std::uintptr_t{7};
            const std::uintptr_t end = from + part.p_memsz;
            found.meet_from(reinterpret_cast<const void*>(begin), end > begin ? end - begin : 0);
        }
    }
    return 0;
}

}  // namespace

constinit reachable_thread_data* reachable_thread_data::first_ = nullptr;

int reachable_thread_data::add_piece(dl_phdr_info* object, std::size_t, void* self) {
    for (int i = 0; i != object->dlpi_phnum && object->dlpi_tls_data != nullptr; ++i) {
        if (object->dlpi_phdr[i].p_type == PT_TLS) {
            static_cast<reachable_thread_data*>(self)->pieces_.push_back(
                {object->dlpi_tls_data, object->dlpi_phdr[i].p_memsz});
        }
    }
    return 0;
}

reachable_thread_data::reachable_thread_data() {
    ::dl_iterate_phdr(&add_piece, this);
    const std::lock_guard guard(lock);
    next_ = std::exchange(first_, this);
}

reachable_thread_data::~reachable_thread_data() {
    const std::lock_guard guard(lock);
    reachable_thread_data** at = &first_;
    while (*at != this) {
        at = &(*at)->next_;
    }
    *at = next_;
}

heap_watch::heap_watch(bool with_callers) : is_ours_(!std::exchange(is_watched, true)) {
    if (is_ours_ && use_watched_heap()) {
        const std::lock_guard guard(lock);
        blocks.clear();
        wants_callers = with_callers;
        if (with_callers) {
            std::array<void*, 1> unused{};
            static_cast<void>(::backtrace(unused.data(), 1));  // the first call takes memory
        }
    }
}

heap_watch::~heap_watch() {
    if (is_ours_) {
        is_watched = false;
        const std::lock_guard guard(lock);
        blocks.clear();
    }
}

void heap_watch::note_setup(bool is_on) noexcept {
    is_setup = is_on;
}

std::vector<heap_block> heap_watch::lost() const {
    if (!is_ours_ || blocks.empty()) {
        return {};
    }
    is_watched = false;
    reachable found([] {
        const std::lock_guard guard(lock);
        return blocks.all();
    }());
    found.meet_setup();
    ::dl_iterate_phdr(&meet_static_data, &found);
    {
        const reachable_thread_data own;
        const std::lock_guard guard(lock);
        for (const auto* each = reachable_thread_data::first_; each != nullptr;
             each = each->next_) {
            for (const auto& piece : each->pieces_) {
                found.meet_from(piece.begin, piece.bytes);
            }
        }
    }
    auto left = found.unmet();
    is_watched = true;
    return left;
}

void note_heap_block(void* taken, std::size_t bytes, const void* caller) noexcept {
    if (!is_watched) [[likely]] {
        return;
    }
    const bool is_simulated = accesses_counted_for() != nullptr;
    if (!is_simulated && !is_setup) {
        return;
    }
    const no_access_points undisturbed;
    heap_block block{
        .address = taken, .bytes = bytes, .caller = caller, .is_of_setup = !is_simulated};
    if (const runnable* const self = is_simulated ? current_runnable() : nullptr) {
        block.has_task = true;
        block.spawned_at = self->site.where;
    }
    if (wants_callers) {
        std::array<void*, heap_block::callers_max + 2> frames{};
        const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
        for (int i = 2; i < count; ++i) {  // this and the operator
            block.callers[static_cast<std::size_t>(i) - 2] = frames[static_cast<std::size_t>(i)];
        }
    }
    const std::lock_guard guard(lock);
    blocks.add(block);
}

void note_heap_block_given(const void* given) noexcept {
    if (!is_watched) [[likely]] {
        return;
    }
    const bool is_simulated = accesses_counted_for() != nullptr;
    const std::lock_guard guard(lock);
    const heap_block block = blocks.remove(given);
    if (block.is_of_setup && is_simulated) {
        given_by_tasks.add(block.caller);
    }
}

}  // namespace drama::inline v0::internal
