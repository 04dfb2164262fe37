// A store of records in memory, for those that only ask it.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "control/server.hpp"
#include "record/store.hpp"

namespace callgate::node::test {

class MemoryStore : public record::StoreQueries {
 public:
  // The payload of record `number`, by direction and kind.
  std::map<std::tuple<std::size_t, record::Direction, record::FrameKind>, std::vector<record::PayloadPiece>>
      pieces;
  std::map<std::size_t, Error> payload_errors;
  mutable std::size_t read = 0;  // records that were shown to a filter

  void add(v1::Record record) {
    record.set_payload_reference(std::to_string(records_.size()));
    records_.push_back(std::move(record));
  }

  Result<record::SessionPage> list_sessions(const record::SessionFilter&, record::Cursor,
                                            std::size_t) const override {
    return record::SessionPage();
  }
  Result<record::RecordPage> list_records(const record::RecordFilter& filter, record::Cursor before,
                                          std::size_t limit) const override {
    record::RecordPage page;
    for (auto at = before == 0 ? records_.size() : std::min<std::size_t>(before - 1, records_.size());
         at-- > 0;) {
      const auto& record = records_[at];
      if (record.opened_ns() < filter.since_ns ||
          (filter.until_ns != 0 && record.opened_ns() >= filter.until_ns))
        continue;
      if (filter.verdict && record.decision().verdict() != *filter.verdict) continue;
      if (filter.outcome && record.outcome() != *filter.outcome) continue;
      if (page.records.size() == limit) return page;
      ++read;
      if (filter.matches && !filter.matches(record)) continue;
      page.records.push_back(record);
      page.next = at + 1;
    }
    page.next = 0;
    return page;
  }
  Result<Id> find_session(std::string_view) const override { return Id{1, 1, 1}; }
  Result<std::vector<v1::Record>> show(const Id&) const override { return records_; }
  Result<std::vector<record::PayloadPiece>> payload(const v1::Record& record, record::Direction direction,
                                                    record::FrameKind kind, std::uint64_t) const override {
    const auto number = std::stoul(record.payload_reference());
    if (const auto error = payload_errors.find(number); error != payload_errors.end()) return error->second;
    const auto found = pieces.find({number, direction, kind});
    return found == pieces.end() ? std::vector<record::PayloadPiece>() : found->second;
  }
  Result<record::RecordPage> tail(record::Cursor after, std::size_t limit) const override {
    record::RecordPage page;
    page.next = after;
    while (page.next < records_.size() && page.records.size() < limit)
      page.records.push_back(records_[page.next++]);
    return page;
  }
  record::Cursor newest() const override { return records_.size(); }
  bool wait_newer(record::Cursor after, std::uint32_t) const override { return records_.size() > after; }
  std::uint64_t on_records(std::function<void()>) override { return 0; }
  void forget_wake(std::uint64_t) override {}
  record::StoreCounts counts() const override { return {}; }

 private:
  std::vector<v1::Record> records_;
};

// Keeps what is written, until it has had enough.
template <typename Message>
class KeptStream final : public control::Stream<Message> {
 public:
  explicit KeptStream(std::size_t most = ~std::size_t{0}) : most_(most) {}
  bool write(const Message& message) override {
    if (closed()) return false;
    messages.push_back(message);
    return true;
  }
  bool closed() const override { return messages.size() >= most_; }

  std::vector<Message> messages;

 private:
  std::size_t most_;
};

}  // namespace callgate::node::test
