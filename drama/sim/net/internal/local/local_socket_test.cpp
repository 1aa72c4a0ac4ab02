// SPDX-License-Identifier: Apache-2.0
// Unix streams and pipes of the simulated world, where tests/conformance cannot look: numbers that
// share one descriptor, descriptors under way, what is left when ends close in any order.
#include "drama/sim/net/internal/local/local_socket.hpp"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/uio.h>

#include "drama/sim/net/sim_network_harness.hpp"

namespace drama {
namespace {

class LocalSocket : public SimNetwork {
  protected:
    std::int64_t read(int fd) {
        counted_op reading;
        return run(reading.on(op_code::read, fd).with(bytes_.data(), bytes_.size()));
    }
    std::int64_t write(int fd, std::string_view text) {
        counted_op writing;
        return run(
            writing.on(op_code::write, fd).with(const_cast<char*>(text.data()), text.size()));
    }
    std::size_t open_fds() { return world_.net().open_fds(); }

    /// One message with descriptors, or room for them.
    struct message_with_fds {
        explicit message_with_fds(char* bytes, std::size_t count) : part{bytes, count} {
            all.msg_iov = &part;
            all.msg_iovlen = 1;
            all.msg_control = control.data();
            all.msg_controllen = control.size();
        }
        void put(int number) {
            cmsghdr* const header = CMSG_FIRSTHDR(&all);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof number);
            std::memcpy(CMSG_DATA(header), &number, sizeof number);
            all.msg_controllen = CMSG_SPACE(sizeof number);
        }
        int number() {
            int found = -1;
            if (const cmsghdr* const header = CMSG_FIRSTHDR(&all)) {
                std::memcpy(&found, CMSG_DATA(header), sizeof found);
            }
            return found;
        }
        iovec part;
        alignas(cmsghdr) std::array<std::byte, 64> control{};
        msghdr all{};
    };
};

TEST_F(LocalSocket, APipeEndsWithTheLastNumberOfItsWriter) {
    const auto ends = *system_->open_pipe();
    const int copy = *system_->duplicate(ends[1]);
    EXPECT_EQ(open_fds(), 3U);
    counted_op reading;
    ASSERT_TRUE(is_pending(reading.on(op_code::read, ends[0]).with(bytes_.data(), 8)));

    system_->close(ends[1]);
    core().reap(1ms);
    EXPECT_EQ(reading.completions, 0);
    EXPECT_EQ(write(copy, "still"), 5);
    finish(reading);
    EXPECT_EQ(reading.outcome, 5);
    system_->close(copy);
    EXPECT_EQ(read(ends[0]), 0);
}

TEST_F(LocalSocket, ClosingANumberEndsItsOwnOperationsOnly) {
    const auto ends = *system_->open_pipe();
    const int copy = *system_->duplicate(ends[0]);
    counted_op kept;
    counted_op ended;
    ASSERT_TRUE(is_pending(kept.on(op_code::poll, ends[0]).with_flags(POLLIN)));
    ASSERT_TRUE(is_pending(ended.on(op_code::poll, copy).with_flags(POLLIN)));

    system_->close(copy);
    finish(ended);
    EXPECT_EQ(ended.outcome, -ECANCELED);
    EXPECT_EQ(kept.completions, 0);
    write(ends[1], "x");
    finish(kept);
    EXPECT_EQ(kept.outcome, POLLIN);
}

TEST_F(LocalSocket, APipeTakesSmallWritesWholeAndLargeOnesInParts) {
    const auto ends = *system_->open_pipe();
    EXPECT_EQ(write(ends[1], std::string(65'000, 'x')), 65'000);
    counted_op whole;
    std::string small(600, 's');
    ASSERT_TRUE(is_pending(whole.on(op_code::write, ends[1]).with(small.data(), small.size())));
    counted_op part;
    EXPECT_EQ(run(part.on(op_code::read, ends[0]).with(bytes_.data(), 100)), 100);
    core().reap(1ms);
    EXPECT_EQ(whole.completions, 0) << "there is room for it now, too little to wake a writer";
    EXPECT_EQ(read(ends[0]), 64'900);
    finish(whole);
    EXPECT_EQ(whole.outcome, 600);
    EXPECT_EQ(write(ends[1], std::string(100'000, 'y')), 65'536 - 600);
}

TEST_F(LocalSocket, APipeRefusesWhatIsNoPipes) {
    const auto ends = *system_->open_pipe();
    EXPECT_EQ(recv(ends[0]), -ENOTSOCK);
    EXPECT_EQ(read(ends[1]), -EBADF);
    EXPECT_EQ(system_->listen(ends[0], 1).error(), errno_code(ENOTSOCK));
    system_->close(ends[0]);
    EXPECT_EQ(write(ends[1], "x"), -EPIPE);
}

TEST_F(LocalSocket, BytesAreThereAtOnce) {
    const auto ends = *system_->open_pair(SOCK_STREAM);
    const instant began = world_.now();
    EXPECT_EQ(send(ends[0], "now"), 3);
    EXPECT_EQ(recv(ends[1]), 3);
    EXPECT_EQ(world_.now(), began);
}

TEST_F(LocalSocket, ClosingWithUnreadBytesResetsAndElseEnds) {
    const auto ends = *system_->open_pair(SOCK_STREAM);
    send(ends[0], "unread");
    system_->close(ends[1]);
    EXPECT_EQ(recv(ends[0]), -ECONNRESET);
    EXPECT_EQ(recv(ends[0]), 0);
    EXPECT_EQ(send(ends[0], "x"), -EPIPE);

    const auto quiet = *system_->open_pair(SOCK_STREAM);
    system_->close(quiet[1]);
    EXPECT_EQ(recv(quiet[0]), 0);
}

TEST_F(LocalSocket, ADescriptorUnderWayStaysOpen) {
    const auto ends = *system_->open_pair(SOCK_STREAM);
    const auto through = *system_->open_pipe();
    char byte = 'd';
    message_with_fds out(&byte, 1);
    out.put(through[1]);
    counted_op sending;
    sending.on(op_code::send_msg, ends[0]).message = &out.all;
    ASSERT_EQ(run(sending), 1);
    system_->close(through[1]);
    write(through[1], "closed");

    char got[8] = {};
    message_with_fds in(got, sizeof got);
    counted_op receiving;
    receiving.on(op_code::recv_msg, ends[1]).message = &in.all;
    ASSERT_EQ(run(receiving), 1);
    ASSERT_GE(in.number(), sim_network::first_fd);
    EXPECT_EQ(write(in.number(), "through"), 7);
    EXPECT_EQ(read(through[0]), 7);
    system_->close(in.number());
    EXPECT_EQ(read(through[0]), 0);
}

TEST_F(LocalSocket, DescriptorsThatNobodyReceivesAreClosed) {
    for (const bool reads : {false, true}) {
        const auto ends = *system_->open_pair(SOCK_STREAM);
        const auto through = *system_->open_pipe();
        char byte = 'd';
        message_with_fds out(&byte, 1);
        out.put(through[1]);
        counted_op sending;
        sending.on(op_code::send_msg, ends[0]).message = &out.all;
        ASSERT_EQ(run(sending), 1);
        system_->close(through[1]);
        if (reads) {
            EXPECT_EQ(recv(ends[1]), 1) << "a plain read takes the byte and drops them";
        }
        system_->close(ends[1]);
        EXPECT_EQ(read(through[0]), 0);
    }
}

TEST_F(LocalSocket, ANameOutlivesItsSocketAndCanBeRemoved) {
    const int first = socket(SOCK_STREAM, AF_UNIX);
    auto where = *socket_address::from_unix("/tmp/name");
    ASSERT_TRUE(system_->bind(first, where));
    ASSERT_TRUE(system_->listen(first, 1));
    system_->close(first);
    counted_op connecting;
    EXPECT_EQ(run(connecting.on(op_code::connect, socket(SOCK_STREAM, AF_UNIX)).to(where)),
              -ECONNREFUSED);
    const int second = socket(SOCK_STREAM, AF_UNIX);
    EXPECT_EQ(system_->bind(second, where).error(), errno_code(EADDRINUSE));

    counted_op removing;
    removing.code = op_code::unlink;
    removing.path = "/tmp/name";
    EXPECT_EQ(run(removing), 0);
    EXPECT_TRUE(system_->bind(second, where));
}

}  // namespace
}  // namespace drama
