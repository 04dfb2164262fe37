#include "proxy/channel.hpp"

#include <cstring>
#include <optional>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "callgate/v1/node.pb.h"

using namespace callgate;
using namespace callgate::proxy;

namespace {

struct Line {
  Line() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    node = Fd(ends[0]);
    channel.emplace(Fd(ends[1]));
  }
  void send(const v1::ToProxy& message, std::size_t descriptors) const {
    std::string bytes = message.SerializeAsString();
    iovec part{bytes.data(), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (descriptors != 0) {
      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
      cmsghdr* const first = CMSG_FIRSTHDR(&header);
      first->cmsg_level = SOL_SOCKET;
      first->cmsg_type = SCM_RIGHTS;
      first->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
      const std::vector<int> copies(descriptors, node.get());
      std::memcpy(CMSG_DATA(first), copies.data(), descriptors * sizeof(int));
    }
    REQUIRE(::sendmsg(node.get(), &header, 0) > 0);
  }
  Fd node;
  std::optional<Channel> channel;
};

// While it lives, this process can open `left` more descriptors.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const Fd lowest(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    const rlimit few{static_cast<rlim_t>(lowest.get()) + left, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

v1::ToProxy sockets(std::uint32_t count) {
  v1::ToProxy message;
  message.mutable_upstream_sockets()->set_netns_cookie(7);
  message.mutable_upstream_sockets()->set_count(count);
  return message;
}

}  // namespace

TEST_CASE("sockets that do not fit into the process are an answer without sockets") {
  Line line;
  line.send(sockets(4), 4);
  {
    const FewDescriptors few(2);
    const auto received = line.channel->receive();
    REQUIRE(received.has_value());
    REQUIRE(received->has_value());
    CHECK((*received)->descriptors.empty());
    CHECK((*received)->message.upstream_sockets().count() == 0);
    CHECK((*received)->message.upstream_sockets().netns_cookie() == 7);
    CHECK((*received)->message.upstream_sockets().error().find("no_descriptors") == 0);
  }
  // The same message is whole where there is room.
  line.send(sockets(4), 4);
  const auto received = line.channel->receive();
  REQUIRE(received.has_value());
  CHECK((*received)->descriptors.size() == 4);
}

TEST_CASE("a policy that does not fit into the process is an error: nothing may go on without it") {
  Line line;
  v1::ToProxy message;
  message.mutable_policy()->set_version(1);
  line.send(message, 1);
  const FewDescriptors few(0);
  const auto received = line.channel->receive();
  REQUIRE(received.has_error());
  CHECK(received.error().code == "bad_message");
  CHECK(received.error().message.find("open files") != std::string::npos);
}
