#include "cli/recorded_calls.hpp"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "cli/session_filter.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

constexpr std::uint32_t largest_page = 1000;

// One line on a terminal that is written over, and gone in the end.
class Progress {
 public:
  explicit Progress(const Context& context)
      : out_(context.output.err), shown_(&context.output.err == &std::cerr && ::isatty(STDERR_FILENO) != 0) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (shown_) out_ << "\r\x1b[K" << std::flush;
  }
  void tell(std::uint64_t records, std::uint64_t reached_ns) {
    if (shown_)
      out_ << fmt::format("\r\x1b[K{} records, back to {}", show_number(records), show_time(reached_ns))
           << std::flush;
  }

 private:
  std::ostream& out_;
  bool shown_;
};

Result<v1::SessionFilter> filter_of(const RecordedCallsOptions& options) {
  v1::SessionFilter filter;
  filter.set_workload(options.workload);
  const auto now = wall_ns();
  const auto since = parse_time(options.since, now);
  if (!since) return since.error();
  filter.set_since(*since);
  if (options.until.empty()) return filter;
  const auto until = parse_time(options.until, now);
  if (!until) return until.error();
  filter.set_until(*until);
  return filter;
}

}  // namespace

std::vector<CLI::Option*> add_recorded_calls_options(CLI::App& command, RecordedCallsOptions& options) {
  return {
      command.add_option("--workload", options.workload, "Only calls of this workload")->type_name("NAME"),
      command
          .add_option("--since", options.since,
                      "Opened at or after: 7d (before now), 2026-01-31, 2026-01-31T23:59:59Z")
          ->type_name("TIME")
          ->capture_default_str(),
      command.add_option("--until", options.until, "Opened before")->type_name("TIME")};
}

Result<std::uint64_t> read_recorded_calls(const Context& context, const RecordedCallsOptions& options,
                                          const std::function<void(const v1::Record&)>& take) {
  const auto filter = filter_of(options);
  if (!filter) return filter.error();
  auto client = context.connect();
  if (!client) return client.error();
  Progress progress(context);
  v1::ListSessionsRequest request;
  *request.mutable_filter() = *filter;
  request.set_page_size(largest_page);
  std::uint64_t records = 0;
  for (;;) {
    const auto page = (*client)->list_sessions(request);
    if (!page && page.error().code == "too_large" && request.page_size() > 1) {
      // Records with long texts: fewer of them at once.
      request.set_page_size(std::max(1U, request.page_size() / 8));
      continue;
    }
    if (!page) return page.error();
    for (const auto& record : page->records())
      take(record);
    records += static_cast<std::uint64_t>(page->records_size());
    if (page->next_page_token().empty()) return records;
    if (page->next_page_token() == request.page_token())
      return make_error("internal",
                        "callgated gave the same page twice: it is of another version than this command");
    request.set_page_token(page->next_page_token());
    if (page->records_size() != 0)
      progress.tell(records, page->records(page->records_size() - 1).opened_ns());
  }
}

}  // namespace callgate::cli
