#include "node/packet.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include "support.hpp"

using namespace callgate;
using namespace callgate::node;

TEST_CASE("a packet arrives whole, with its descriptors in order") {
  auto pair = make_packet_pair();
  REQUIRE(pair);
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const Fd in(pipe_ends[0]);
  const Fd out(pipe_ends[1]);
  const int sent[] = {in.get(), out.get()};
  REQUIRE(send_packet(pair->first.get(), "hello", sent));
  auto packet = receive_packet(pair->second.get());
  REQUIRE(packet);
  CHECK(packet->bytes == "hello");
  REQUIRE(packet->descriptors.size() == 2);
  REQUIRE(::write(packet->descriptors[1].get(), "x", 1) == 1);
  char byte = 0;
  CHECK(::read(in.get(), &byte, 1) == 1);
}

TEST_CASE("what a peer sends over the limits is an error, not a shorter packet") {
  auto pair = make_packet_pair();
  REQUIRE(pair);
  REQUIRE(send_packet(pair->first.get(), std::string(packet_limit, 'x'), {}));
  CHECK(receive_packet(pair->second.get())->bytes.size() == packet_limit);
  CHECK(send_packet(pair->first.get(), std::string(packet_limit + 1, 'x'), {}).error().code == "too_large");
  const std::string larger(packet_limit + 1, 'x');
  REQUIRE(::write(pair->second.get(), larger.data(), larger.size()) == static_cast<ssize_t>(larger.size()));
  CHECK(receive_packet(pair->first.get()).error().code == "too_large");
}

TEST_CASE("an end without a peer, and one without a message, say so") {
  auto pair = make_packet_pair();
  REQUIRE(pair);
  CHECK(receive_packet(pair->first.get()).error().code == "would_block");
  pair->second.reset();
  CHECK(receive_packet(pair->first.get()).error().code == "closed");
  CHECK(send_packet(pair->first.get(), "x", {}).error().code == "closed");
}

TEST_CASE("a peer that does not read is noticed, not waited for") {
  auto pair = make_packet_pair();
  REQUIRE(pair);
  Result<void> sent;
  for (int i = 0; i < 1'000'000 && sent; ++i)
    sent = send_packet(pair->first.get(), std::string(1000, 'x'), {});
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == "would_block");
}
