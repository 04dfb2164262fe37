#include "node/record_scan.hpp"

#include <algorithm>

namespace callgate::node {
namespace {

constexpr std::size_t tail_batch = 512;

record::RecordFilter store_filter(const inquiry::RecordFilter& filter) {
  record::RecordFilter result;
  result.verdict = filter.verdict;
  result.outcome = filter.outcome;
  result.since_ns = filter.wanted.since();
  result.until_ns = filter.wanted.until();
  return result;
}

}  // namespace

Result<Stretch> scan_newest_first(const Question& question, record::Cursor before, std::size_t limit,
                                  std::uint64_t budget) {
  auto filter = store_filter(question.filter);
  // Where the budget is spent, records are taken as they come: the page is full soon, and its cursor stands
  // behind everything that was read. What does not match goes out below.
  filter.matches = [&question, &budget](const v1::Record& record) {
    if (budget == 0) return true;
    --budget;
    return question.matches(record);
  };
  auto page = question.store.list_records(filter, before, limit);
  if (!page) return page.error();
  std::erase_if(page->records, [&question](const v1::Record& record) { return !question.matches(record); });
  return Stretch{std::move(page->records), page->next};
}

Result<Stretch> scan_oldest_first(const Question& question, record::Cursor after, std::size_t limit,
                                  std::uint64_t budget) {
  Stretch stretch;
  stretch.next = after;
  while (budget > 0 && stretch.records.size() < limit) {
    const auto batch = std::min<std::uint64_t>({tail_batch, limit - stretch.records.size(), budget});
    auto page = question.store.tail(stretch.next, batch);
    if (!page) return page.error();
    if (page->records.empty()) {
      stretch.next = 0;
      return stretch;
    }
    budget -= page->records.size();
    stretch.next = page->next;
    for (auto& record : page->records) {
      if (question.matches(record)) stretch.records.push_back(std::move(record));
    }
  }
  return stretch;
}

Result<record::Cursor> visit_newest_first(const Question& question, record::Cursor before,
                                          const std::function<bool(const v1::Record&)>& visit,
                                          std::uint64_t budget) {
  auto filter = store_filter(question.filter);
  bool enough = false;
  // The record that ends the stretch is the page's only one, and its cursor where to go on.
  filter.matches = [&](const v1::Record& record) {
    if (!enough && question.matches(record)) enough = !visit(record);
    if (--budget == 0) enough = true;
    return enough;
  };
  const auto page = question.store.list_records(filter, before, 1);
  if (!page) return page.error();
  return page->next;
}

}  // namespace callgate::node
