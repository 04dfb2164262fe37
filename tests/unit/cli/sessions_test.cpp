// The commands about sessions against an agent that has some.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <sstream>
#include <vector>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <unistd.h>

#include "../control/fake_backend.hpp"
#include "cli/command.hpp"
#include "command_run.hpp"
#include "inquiry/column.hpp"
#include "sample.hpp"

using namespace callgate;
using cli::testing::contains;

namespace {

// 2500 calls; answers in stretches, some of them empty, as callgated does.
class ManySessions : public control::test::FakeBackend {
 public:
  static constexpr std::size_t calls = 2500;
  static constexpr std::size_t stretch = 400;

  static v1::Record call(std::size_t number) {
    auto record = cli::test::sample();
    record.set_session_id(std::string(14, '\0') + static_cast<char>(number / 256) +
                          static_cast<char>(number % 256));
    record.set_call_id(record.session_id());
    record.set_function("http:GET pay.internal/" + std::to_string(number));
    record.set_status(number % 5 == 0 ? 500 : 200);
    record.mutable_timings()->set_total_us(static_cast<std::uint32_t>(number * 7919 % calls));
    return record;
  }

  Result<v1::ListSessionsReply> list_sessions(const control::Peer&,
                                              const v1::ListSessionsRequest& request) override {
    ++asked;
    v1::ListSessionsReply reply;
    const auto start = request.page_token().empty() ? 0U : std::stoul(request.page_token());
    auto end = std::min(start + stretch, calls);
    const bool empty = start == stretch;  // the second stretch has nothing that passes
    std::map<std::string, std::uint64_t> groups;
    std::vector<v1::Record> found;
    for (auto at = start; at < end && !empty; ++at) {
      if (!request.count() && request.order() == v1::SESSION_ORDER_TIME &&
          found.size() == request.page_size()) {
        end = at;
        break;
      }
      found.push_back(call(at));
      ++groups[inquiry::column_value(request.count_by(), found.back())];
    }
    if (request.count()) {
      reply.set_count(found.size());
      for (const auto& [value, count] : groups) {
        auto& group = *reply.add_groups();
        group.set_value(value);
        group.set_count(count);
      }
    } else {
      for (auto& record : found)
        *reply.add_records() = record;
    }
    if (end < calls) reply.set_next_page_token(std::to_string(end));
    return reply;
  }

  Result<void> tail_sessions(const control::Peer&, const v1::TailSessionsRequest& request,
                             control::Stream<v1::TailItem>& stream) override {
    // The first stream breaks in the middle: the agent goes away.
    const std::lock_guard lock(mutex);
    after.push_back(request.after());
    auto at = request.after().empty() ? 0U : std::stoul(request.after());
    const auto stop = after.size() == 1 ? std::size_t{100} : std::size_t{300};
    v1::TailItem item;
    item.set_cursor(std::to_string(at));
    (void)stream.write(item);
    for (; at < stop; ++at) {
      *item.mutable_record() = call(at);
      item.set_cursor(std::to_string(at + 1));
      (void)stream.write(item);
    }
    if (after.size() == 1) return make_error("unavailable", "callgated stops");
    return {};
  }

  Result<void> search_sessions(const control::Peer&, const v1::SearchSessionsRequest& request,
                               control::Stream<v1::SearchPart>& stream) override {
    if (request.filter().since() == 0) return make_error("invalid", "a search needs a range of time");
    v1::SearchPart part;
    if (request.text() == "needle") {
      auto& hit = *part.mutable_hit();
      hit.set_call_id(cli::test::id_bytes(2));
      hit.set_function("http:GET x/");
      hit.set_before("a \x1b[2J");
      hit.set_match("needle");
      hit.set_after("\n");
      hit.set_offset(1234);
      (void)stream.write(part);
    }
    part.mutable_progress()->set_calls(3);
    part.mutable_progress()->set_expired(2);
    part.mutable_progress()->set_damaged(request.text() == "damaged" ? 1 : 0);
    part.mutable_progress()->set_done(request.text() != "torn");
    (void)stream.write(part);
    return {};
  }

  std::atomic<int> asked = 0;
  std::mutex mutex;
  std::vector<std::string> after;  // what tails asked for
};

class Agent {
 public:
  Agent() {
    control::ServerOptions options;
    options.socket = directory.path + "/control.sock";
    std::vector<std::string> unknown;
    options.access.admins = control::Users::resolve({std::to_string(::getuid())}, unknown);
    server_ = control::Server::start(std::move(options), backend).value();
  }

  [[nodiscard]] cli::testing::Ran callgate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--socket", directory.path + "/control.sock"});
    return cli::testing::run(arguments);
  }

  cli::testing::Directory directory;
  ManySessions backend;

 private:
  std::unique_ptr<control::Server> server_;
};

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a list goes on over stretches, also empty ones, until it has what was asked for") {
  const Agent agent;
  const auto all = agent.callgate({"sessions", "list", "--all", "--csv"});
  CHECK(all.status == 0);
  CHECK(lines(all.out) == 1 + ManySessions::calls - ManySessions::stretch);
  const auto some = agent.callgate({"sessions", "list", "--limit", "450", "--calls"});
  CHECK(lines(some.out) == 1 + 450 + 1);
  CHECK(contains(some.out, "There are older ones: add --cursor 850"));
  const auto rest = agent.callgate({"sessions", "list", "--cursor", "2400", "--calls"});
  CHECK(lines(rest.out) == 1 + 50 + 1);
  const auto sessions =
      boost::json::parse(agent.callgate({"--json", "sessions", "list", "--limit", "500"}).out);
  CHECK(sessions.at("sessions").as_array().size() == 500);
  CHECK(sessions.at("next_cursor").as_string() == "900");
}

TEST_CASE("the longest calls are those of all stretches") {
  const Agent agent;
  const auto listed = agent.callgate({"sessions", "list", "--sort", "duration", "--limit", "3", "--csv"});
  std::vector<std::uint32_t> expected;
  for (std::size_t number = 0; number < ManySessions::calls; ++number) {
    if (number / ManySessions::stretch != 1)
      expected.push_back(ManySessions::call(number).timings().total_us());
  }
  std::sort(expected.rbegin(), expected.rend());
  CHECK(lines(listed.out) == 4);
  for (std::size_t place = 0; place < 3; ++place)
    CHECK(contains(listed.out, "," + std::to_string(expected[place]) + ",10,1000000\r\n"));
}

TEST_CASE("counts are added over stretches") {
  const Agent agent;
  CHECK(agent.callgate({"sessions", "list", "--count"}).out == "2100\n");
  CHECK(agent.callgate({"sessions", "list", "--count-by", "status"}).out ==
        "CALLS  STATUS\n1,680  200\n  420  500\n");
  CHECK(agent.callgate({"sessions", "list", "--count-by", "status", "--csv"}).out ==
        "status,calls\r\n200,1680\r\n500,420\r\n");
  const auto counted =
      boost::json::parse(agent.callgate({"--json", "sessions", "list", "--count-by", "status"}).out);
  CHECK(counted.at("count").as_int64() == 2100);
  CHECK(counted.at("groups").at(1).at("count").as_int64() == 420);
}

TEST_CASE("options that contradict each other are usage errors") {
  const Agent agent;
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--json", "sessions", "list", "--csv"},
                                             {"sessions", "list", "--all", "--limit", "3"},
                                             {"--json", "sessions", "list", "--all"},
                                             {"sessions", "list", "--sort", "duration", "--cursor", "3"},
                                             {"sessions", "list", "--since", "1h", "--until", "2h"},
                                             {"sessions", "list", "--status", "9"},
                                             {"--json", "sessions", "show", "abcdef", "--raw"},
                                             {"--json", "sessions", "replay", "abcdef"},
                                             {"sessions", "replay", "abcdef", "--speed", "slow"}}) {
    CHECK(agent.callgate(arguments).status == 2);
  }
  CHECK(agent.backend.asked == 0);
}

TEST_CASE("a tail goes on where it was, with each record once") {
  Agent agent;
  const auto file = agent.directory.path + "/cursor";
  const auto tailed = agent.callgate({"--json", "sessions", "tail", "--from-start", "--cursor-file", file});
  CHECK(tailed.status == 0);
  CHECK(contains(tailed.err, "callgated went away"));
  CHECK(lines(tailed.out) == 300);
  for (std::size_t number = 0; number < 300; ++number)
    CHECK(contains(tailed.out, "pay.internal/" + std::to_string(number) + "\""));
  const std::lock_guard lock(agent.backend.mutex);
  CHECK(agent.backend.after == std::vector<std::string>{"0", "100"});
}

TEST_CASE("a tail begins where the last one with its file ended") {
  Agent agent;
  const auto file = agent.directory.path + "/cursor";
  (void)agent.callgate({"--json", "sessions", "tail", "--from-start", "--cursor-file", file});
  const auto again = agent.callgate({"--json", "sessions", "tail", "--from-start", "--cursor-file", file});
  CHECK(again.out.empty());
  const std::lock_guard lock(agent.backend.mutex);
  CHECK(agent.backend.after.back() == "300");
}

TEST_CASE("a search shows places, and says what it could not look into") {
  const Agent agent;
  const auto found = agent.callgate({"sessions", "search", "needle", "--since", "1h"});
  CHECK(found.status == 0);
  CHECK(contains(found.out, "00000000000000000000000000000002"));
  CHECK(contains(found.out, "    request head, byte 1,234: a \\x1b[2Jneedle\\n\n"));
  CHECK(contains(found.err, "1 place found; 3 calls and 0 B were searched"));
  CHECK(contains(found.err, "2 of the calls could not be searched: retention"));
  CHECK(agent.callgate({"sessions", "search", "none", "--since", "1h"}).status == 5);
  CHECK(agent.callgate({"sessions", "search", "damaged", "--since", "1h"}).status == 1);
  const auto torn = agent.callgate({"sessions", "search", "torn", "--since", "1h"});
  CHECK(torn.status == 3);
  CHECK(contains(torn.err, "before the search was through"));
}

TEST_CASE("all that match are exported") {
  const Agent agent;
  const auto path = agent.directory.path + "/out.jsonl";
  const auto exported = agent.callgate({"sessions", "export", "-o", path});
  CHECK(exported.status == 0);
  CHECK(contains(exported.err, "2,100 calls exported"));
  std::ifstream in(path);
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count)
    (void)boost::json::parse(line);
  CHECK(count == 2100);
  CHECK(agent.callgate({"sessions", "export", "-o", path}).status == 4);
  CHECK(agent.callgate({"sessions", "export", "-o", path, "--force"}).status == 0);
}

TEST_CASE("an export that fails leaves nothing behind") {
  const Agent agent;
  const auto path = agent.directory.path + "/out.jsonl";
  CHECK(agent.callgate({"sessions", "export", "zzzzzz", "-o", path}).status == 2);
  CHECK_FALSE(std::filesystem::exists(path));
  // The socket, and nothing else.
  CHECK(std::distance(std::filesystem::directory_iterator(agent.directory.path), {}) == 1);
}
