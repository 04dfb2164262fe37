// What the index costs a call, and how long it searches: run by `bench/run index`, which reads what this
// prints.
//
//   index_bench DIRECTORY CALLS    JSON: us of CPU per call while the index grows, ms of CPU per question
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "index/index.hpp"

using namespace callgate;
using namespace callgate::index;

namespace {

constexpr std::uint64_t begin_ns = 1'700'000'000'000'000'000;
constexpr std::uint64_t calls_between_flushes = 64;  // what a busy node's log thread takes at once
constexpr std::uint64_t parts = 10;

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// A node with twenty workloads. Half of the functions have a number of their own in their path.
v1::Record make_call(std::uint64_t number) {
  const std::uint64_t dice = number * 0x9e3779b97f4a7c15ULL >> 20U;
  const auto thread = static_cast<std::uint32_t>(dice % 2);
  const std::string workload = "service-" + std::to_string(dice % 20);
  const std::string host = "api-" + std::to_string(dice % 37) + ".internal";
  v1::Record record;
  record.set_kind(v1::Record::KIND_CALL);
  record.set_session_id(id_bytes({3, thread, 2 * (number - number % 16)}));
  record.set_call_id(id_bytes({3, thread, 2 * number + 1}));
  record.set_opened_ns(begin_ns + number * 1'000'000);
  record.set_closed_ns(record.opened_ns() + 500'000 + dice % 50'000'000);
  record.mutable_workload()->set_registry_id(dice % 20);
  record.mutable_workload()->set_name(workload);
  record.mutable_workload()->set_spiffe_id("spiffe://prod/ns/shop/sa/" + workload);
  record.mutable_process()->set_exe_path(dice % 3 == 0 ? "/usr/bin/python3.11" : "/opt/app/bin/server");
  record.mutable_target()->set_host(host);
  record.mutable_target()->set_port(dice % 5 == 0 ? 443 : 8080);
  record.set_function("http:" + std::string(dice % 4 == 0 ? "POST " : "GET ") + host + "/v1/customers/" +
                      std::to_string(dice % 2 == 0 ? number : dice % 100));
  const bool denied = dice % 1000 == 0;
  record.mutable_decision()->set_verdict(denied ? v1::VERDICT_DENY : v1::VERDICT_ALLOW);
  record.mutable_decision()->set_enforced(true);
  record.mutable_decision()->set_policy("shop/payments");
  record.mutable_decision()->set_rule(denied ? "" : "rule-" + std::to_string(dice % 50));
  record.set_outcome(denied ? v1::OUTCOME_DENIED : v1::OUTCOME_COMPLETED);
  record.set_status(denied ? 403 : dice % 200 == 1 ? 502 : 200);
  if (denied) record.set_error_code("policy_denied");
  return record;
}

void fail(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  std::exit(1);
}

// CPU of adding and flushing, per call, in each tenth of the calls.
std::vector<double> fill(Index& index, std::uint64_t calls) {
  std::vector<double> costs;
  std::vector<v1::Record> records;
  const std::uint64_t part = calls / parts;
  double used = 0;
  for (std::uint64_t number = 1; number <= calls; ++number) {
    records.push_back(make_call(number));
    if (number % calls_between_flushes == 0 || number == calls) {
      const double before = cpu_us();
      for (const v1::Record& record : records)
        if (const auto added = index.add(index.next_position(1), record); !added) fail(added.error());
      if (const auto flushed = index.flush(); !flushed) fail(flushed.error());
      used += cpu_us() - before;
      records.clear();
    }
    if (number % part == 0) {
      costs.push_back(used / static_cast<double>(part));
      used = 0;
    }
  }
  return costs;
}

template <typename Ask>
void time(const char* name, Ask ask, const char* separator = ",") {
  std::vector<double> times;
  for (int round = 0; round < 7; ++round) {
    const double before = cpu_us();
    const auto answer = ask();
    times.push_back((cpu_us() - before) / 1e3);
    if (!answer) fail(answer.error());
  }
  std::sort(times.begin(), times.end());
  std::printf("    \"%s\": %.2f%s\n", name, times[times.size() / 2], separator);
}

void time_questions(const Index& index, std::uint64_t calls) {
  const auto list = [&index](const char* name, const Query& query, Sort sort = Sort::newest) {
    time(name, [&] { return index.list(query, sort, {}, 100); });
  };
  list("newest", {});
  Query workload;
  workload.workload = "service-7";
  list("workload", workload);
  Query rare;
  rare.workload = "service-7";
  rare.decision = DecisionFilter::deny;
  rare.host = "api-1*.internal";
  list("workload, denied, host like", rare);
  Query window;
  window.since_ns = begin_ns + calls / 2 * 1'000'000;
  window.until_ns = window.since_ns + calls / 100 * 1'000'000;
  window.status = StatusRange{500, 599};
  list("1 % of the time, status 5xx", window);
  Query function;
  function.function = "http:POST *customers/" + std::to_string(calls / 30) + "*";
  list("function like, few", function);
  Query nothing;
  nothing.function = "*nothing like this*";
  list("function like, none", nothing);
  list("longest", workload, Sort::longest);
  list("oldest", workload, Sort::oldest);
  time("count by host", [&] { return index.count_by(workload, GroupBy::host); });
  time("count by function", [&] { return index.count_by({}, GroupBy::function); });
  const v1::Record some = make_call(calls / 2);
  const std::string digits = to_hex(as_bytes(some.call_id()));
  const Id session = id_from_bytes(some.session_id());
  time("end of an id", [&] { return index.find(digits.substr(22)); });
  time("whole id", [&] { return index.find(digits); });
  time(
      "records of a session", [&] { return index.records_of(session); }, "");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: index_bench DIRECTORY CALLS\n");
    return 2;
  }
  const std::uint64_t calls = std::strtoull(arguments[2], nullptr, 10);
  auto index = Index::open({arguments[1]});
  if (!index) fail(index.error());
  std::printf("{\n  \"add_us\": [");
  const char* separator = "";
  for (const double cost : fill(**index, calls)) {
    std::printf("%s%.2f", separator, cost);
    separator = ", ";
  }
  std::printf("],\n  \"questions_ms\": {\n");
  time_questions(**index, calls);
  index->reset();
  std::uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(arguments[1]))
    bytes += file.file_size();
  const double opening = cpu_us();
  if (const auto again = Index::open({arguments[1]}); !again) fail(again.error());
  std::printf("  },\n  \"open_ms\": %.2f,\n  \"bytes_per_call\": %.1f\n}\n", (cpu_us() - opening) / 1e3,
              static_cast<double>(bytes) / static_cast<double>(calls));
  return 0;
}
