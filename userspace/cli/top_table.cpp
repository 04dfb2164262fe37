#include "cli/top_table.hpp"

#include <algorithm>
#include <cmath>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

constexpr double steps_per_doubling = 4;
constexpr const char* others = "(others)";

void count(TopRow& row, const v1::Record& record) {
  ++row.calls;
  if (record.decision().verdict() == v1::VERDICT_DENY) ++row.denied;
  const auto outcome = record.outcome();
  if (outcome == v1::OUTCOME_REFUSED || outcome == v1::OUTCOME_FAILED || outcome == v1::OUTCOME_INTERRUPTED)
    ++row.failed;
  if (record.timings().total_us() != 0) row.latencies.add(record.timings().total_us());
}

std::vector<TopRow> ordered(std::map<std::string, TopRow>& rows, TopSort sort) {
  std::vector<TopRow> list;
  list.reserve(rows.size());
  for (auto& [name, row] : rows)
    list.push_back(std::move(row));
  rows.clear();
  const auto key = [sort](const TopRow& row) {
    switch (sort) {
      case TopSort::denied:
        return row.denied;
      case TopSort::p99:
        return row.latencies.percentile(0.99);
      case TopSort::calls:
        break;
    }
    return row.calls;
  };
  // Names are in order already, which decides between equals.
  std::stable_sort(list.begin(), list.end(),
                   [&](const TopRow& a, const TopRow& b) { return key(a) > key(b); });
  return list;
}

std::string rate(std::uint64_t number, double seconds) {
  return fmt::format("{:.1f}", static_cast<double>(number) / seconds);
}

std::string latency(const TopRow& row, double share) {
  const auto value = row.latencies.percentile(share);
  return value == 0 ? "-" : show_microseconds(value);
}

void print_rows(const char* title, const std::vector<TopRow>& rows, double seconds, std::size_t most,
                const Output& output) {
  Table table({{title, true},
               {"CALLS/S", false, true},
               {"DENIED/S", false, true},
               {"FAILED/S", false, true},
               {"P50", false, true},
               {"P99", false, true}});
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i) {
    const TopRow& row = rows[i];
    table.add({row.name,
               rate(row.calls, seconds),
               {rate(row.denied, seconds), row.denied == 0 ? Colour::none : Colour::bad},
               {rate(row.failed, seconds), row.failed == 0 ? Colour::none : Colour::warning},
               latency(row, 0.5),
               latency(row, 0.99)});
  }
  table.print(output);
}

boost::json::array rows_to_json(const std::vector<TopRow>& rows, double seconds) {
  boost::json::array list;
  for (const TopRow& row : rows) {
    list.push_back({{"name", row.name},
                    {"calls_per_second", static_cast<double>(row.calls) / seconds},
                    {"denied_per_second", static_cast<double>(row.denied) / seconds},
                    {"failed_per_second", static_cast<double>(row.failed) / seconds},
                    {"p50_us", row.latencies.percentile(0.5)},
                    {"p99_us", row.latencies.percentile(0.99)}});
  }
  return list;
}

std::uint64_t open_connections(const v1::StatusReply& status) {
  std::uint64_t open = 0;
  for (const auto& thread : status.threads())
    open += thread.open_connections();
  return open;
}

}  // namespace

void Latencies::add(std::uint64_t microseconds) {
  const double step =
      std::log2(static_cast<double>(std::max<std::uint64_t>(microseconds, 1))) * steps_per_doubling;
  ++steps_[std::min(static_cast<std::size_t>(std::ceil(step)), steps_.size() - 1)];
  ++count_;
}

std::uint64_t Latencies::percentile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t step = 0; step < steps_.size(); ++step) {
    seen += steps_[step];
    if (seen >= wanted)
      return static_cast<std::uint64_t>(
          std::llround(std::exp2(static_cast<double>(step) / steps_per_doubling)));
  }
  return 0;
}

TopRow& TopTable::row(std::map<std::string, TopRow>& rows, const std::string& name) {
  const std::string& key = rows.count(name) != 0 || rows.size() < most_names ? name : others;
  TopRow& found = rows[key];
  found.name = key;
  return found;
}

void TopTable::add(const v1::Record& record) {
  count(all_, record);
  count(row(workloads_, record.workload().name().empty() ? "(unknown)" : record.workload().name()), record);
  count(row(functions_, record.function().empty() ? "connection to " + show_endpoint(record.destination())
                                                  : record.function()),
        record);
}

TopTable::Picture TopTable::take(TopSort sort) {
  Picture picture;
  picture.workloads = ordered(workloads_, sort);
  picture.functions = ordered(functions_, sort);
  picture.all = std::exchange(all_, {});
  return picture;
}

void print_picture(const TopTable::Picture& picture, const v1::StatusReply& status, double seconds,
                   std::size_t rows, const Output& output) {
  constexpr std::size_t fixed = 5;  // the head, two titles, two empty lines
  std::size_t workloads = picture.workloads.size();
  std::size_t functions = picture.functions.size();
  if (rows != 0) {
    const std::size_t room = rows > fixed + 2 ? rows - fixed : 2;
    workloads = std::min(workloads, std::max<std::size_t>(room / 2, room - std::min(room, functions)));
    functions = std::min(functions, room - std::min(room, workloads));
  }
  output.out << output.paint(
                    fmt::format("{} workloads, {} open connections, {} calls/s, {} denied/s, {} failed/s",
                                status.workloads(), show_number(open_connections(status)),
                                rate(picture.all.calls, seconds), rate(picture.all.denied, seconds),
                                rate(picture.all.failed, seconds)),
                    Colour::strong)
             << "\n\n";
  print_rows("WORKLOAD", picture.workloads, seconds, workloads, output);
  output.out << '\n';
  print_rows("FUNCTION", picture.functions, seconds, functions, output);
}

std::string picture_to_json(const TopTable::Picture& picture, const v1::StatusReply& status, double seconds) {
  return boost::json::serialize(boost::json::object{{"seconds", seconds},
                                                    {"enrolled", status.workloads()},
                                                    {"open_connections", open_connections(status)},
                                                    {"workloads", rows_to_json(picture.workloads, seconds)},
                                                    {"functions", rows_to_json(picture.functions, seconds)}});
}

}  // namespace callgate::cli
