#include "record/store_queries.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "record/record_fields.hpp"

namespace callgate::record {
namespace {

Error damaged(std::uint64_t position) {
  return make_error(
      "record_damaged",
      fmt::format("entry {} of epoch {} of the log is no record: check it with `callgate audit verify`",
                  index::entry_of(position), index::epoch_of(position)));
}

}  // namespace

Result<v1::Record> StoreQueries::record_at(index::Position position) const {
  const auto entry = log_.log().entry(position);
  if (!entry) return entry.error();
  v1::Record record;
  if (!record.ParseFromString(*entry)) return damaged(position);
  return record;
}

Result<RecordPage> StoreQueries::list(const index::Query& query, index::Sort sort, std::string_view cursor,
                                      std::size_t limit) const {
  auto found = log_.index().list(query, sort, cursor, limit);
  if (!found) return found.error();
  RecordPage page;
  page.next = std::move(found->next);
  page.records.reserve(found->positions.size());
  for (const index::Position position : found->positions) {
    auto record = record_at(position);
    if (!record) return record.error();
    page.records.push_back(std::move(*record));
    page.cursors.push_back(position);
  }
  return page;
}

Result<std::vector<v1::Record>> StoreQueries::show(const Id& session) const {
  const auto positions = records_of(session);
  if (!positions) return positions.error();
  std::vector<v1::Record> records;
  for (const index::Position position : *positions) {
    auto record = record_at(position);
    if (!record) return record.error();
    records.push_back(std::move(*record));
  }
  return records;
}

Result<TailPage> StoreQueries::tail(Cursor after, std::size_t limit) const {
  TailPage page;
  page.next = after;
  std::optional<Error> failure;
  std::size_t seen = 0;
  const auto visited = log_.log().visit(after + 1, [&](index::Position position, Bytes entry) {
    v1::Record record;
    if (!record.ParseFromArray(entry.data(), static_cast<int>(entry.size()))) {
      failure = damaged(position);
      return false;
    }
    page.next = position;
    if (record.kind() != v1::Record::KIND_EVENT) {
      page.records.push_back(std::move(record));
      page.cursors.push_back(position);
    }
    return ++seen < limit;
  });
  if (!visited) return visited.error();
  if (failure) return *failure;
  return page;
}

Result<payload::Visited> StoreQueries::payload(const v1::Record& record, payload::Query query,
                                               const payload::Visitor& visitor) const {
  query.call = id_from_bytes(record.call_id());
  query.last = payload_pointer(record);
  return payload::visit(*payload_.files, payload_.keys, query, visitor);
}

}  // namespace callgate::record
