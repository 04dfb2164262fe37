#include "node/session_tail.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace callgate::node {
namespace {

constexpr std::size_t tail_batch = 100;
constexpr std::uint32_t tail_wait_ms = 500;
constexpr std::uint32_t most_last = 1000;

Error invalid(std::string message) {
  return make_error("invalid", std::move(message));
}

Result<record::Cursor> parse_cursor(std::string_view text) {
  record::Cursor cursor = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), cursor);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return invalid("the cursor is none of ours: leave it out to begin with what comes now");
  return cursor;
}

class Tail {
 public:
  Tail(const EvidenceReader& reader, const inquiry::RecordFilter& filter,
       control::Stream<v1::TailItem>& stream)
      : reader_(reader), filter_(filter), stream_(stream) {}

  Result<void> run(const v1::TailSessionsRequest& request) {
    CALLGATE_TRY(begin(request));
    while (here_ && !stream_.closed()) {
      const auto more = batch();
      if (!more) return more.error();
      if (*more) continue;
      if (!request.follow()) return {};
      (void)reader_.store.wait_newer(place_, tail_wait_ms);
    }
    return {};
  }

 private:
  Result<void> begin(const v1::TailSessionsRequest& request) {
    place_ = reader_.store.newest();
    if (!request.after().empty()) {
      const auto place = parse_cursor(request.after());
      if (!place) return place.error();
      if (*place > place_) return unknown_place();
      place_ = *place;
      return {};
    }
    if (request.last() > 0) CALLGATE_TRY(send_last(std::min(request.last(), most_last)));
    tell_place();
    return {};
  }

  static Error unknown_place() {
    return invalid(
        "the cursor is behind the newest record: it is of another store, or the store has lost its end; "
        "leave "
        "it out to begin with what comes now");
  }

  Result<void> send_last(std::size_t wanted) {
    const auto query = to_query(filter_, reader_);
    if (!query && query.error().code == "not_found") return {};
    if (!query) return query.error();
    auto page = reader_.store.list(*query, index::Sort::newest, {}, wanted);
    if (!page) return page.error();
    for (std::size_t left = page->records.size(); here_ && left > 0; --left) {
      if (page->cursors[left - 1] > place_) continue;  // comes from there
      v1::TailItem item;
      *item.mutable_record() = std::move(page->records[left - 1]);
      here_ = stream_.write(item);
    }
    return {};
  }

  void tell_place() {
    v1::TailItem item;
    item.set_cursor(std::to_string(place_));
    here_ = here_ && stream_.write(item);
  }

  // Whether there was anything new.
  Result<bool> batch() {
    auto page = reader_.store.tail(place_, tail_batch);
    if (!page) return page.error();
    const bool more = page->next != place_;
    record::Cursor told = place_;
    for (std::size_t at = 0; here_ && at < page->records.size(); ++at) {
      v1::Record& record = page->records[at];
      if (!reader_.sees(record) || !inquiry::matches(filter_, record)) continue;
      told = page->cursors[at];
      v1::TailItem item;
      *item.mutable_record() = std::move(record);
      item.set_cursor(std::to_string(told));
      here_ = stream_.write(item);
    }
    place_ = page->next;
    // So that a reader to whom little matches does not begin far back when it comes again.
    if (more && told != place_) tell_place();
    return more;
  }

  const EvidenceReader& reader_;
  const inquiry::RecordFilter& filter_;
  control::Stream<v1::TailItem>& stream_;
  record::Cursor place_ = 0;
  bool here_ = true;  // the reader
};

}  // namespace

Result<void> tail_sessions(const EvidenceReader& reader, const v1::TailSessionsRequest& request,
                           control::Stream<v1::TailItem>& stream) {
  const auto filter = inquiry::check_filter(request.filter());
  if (!filter) return filter.error();
  return Tail(reader, *filter, stream).run(request);
}

}  // namespace callgate::node
