#include "node/session_tail.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace callgate::node {
namespace {

constexpr std::size_t tail_batch = 100;
constexpr std::uint32_t tail_wait_ms = 500;
constexpr std::uint32_t most_last = 1000;

// A place between two records: behind the first `skipped` records that follow `cursor`. The store has cursors
// for whole batches only.
struct Place {
  record::Cursor cursor = 0;
  std::size_t skipped = 0;

  // "CURSOR" or "CURSOR.SKIPPED"; opaque to clients.
  [[nodiscard]] std::string text() const {
    return skipped == 0 ? std::to_string(cursor) : fmt::format("{}.{}", cursor, skipped);
  }
};

template <typename Number>
bool parse(std::string_view text, Number& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

Error invalid(std::string message) {
  return make_error("invalid", std::move(message));
}

Result<Place> parse_place(std::string_view text) {
  Place place;
  const auto dot = std::min(text.find('.'), text.size());
  if (!parse(text.substr(0, dot), place.cursor) ||
      (dot < text.size() && (!parse(text.substr(dot + 1), place.skipped) || place.skipped > tail_batch))) {
    return invalid("the cursor is none of ours: leave it out to begin with what comes now");
  }
  return place;
}

class Tail {
 public:
  Tail(const Question& question, control::Stream<v1::TailItem>& stream)
      : question_(question), stream_(stream) {}

  Result<void> run(const v1::TailSessionsRequest& request) {
    CALLGATE_TRY(begin(request));
    while (here_ && !stream_.closed()) {
      const auto more = batch();
      if (!more) return more.error();
      if (*more) continue;
      if (!request.follow()) return {};
      (void)question_.store.wait_newer(place_.cursor, tail_wait_ms);
    }
    return {};
  }

 private:
  Result<void> begin(const v1::TailSessionsRequest& request) {
    place_.cursor = question_.store.newest();
    if (!request.after().empty()) {
      const auto place = parse_place(request.after());
      if (!place) return place.error();
      if (place->cursor > place_.cursor) return unknown_place();
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
    std::vector<v1::Record> last;
    record::Cursor before = place_.cursor + 1;
    while (before != 0 && last.size() < wanted && !stream_.closed()) {
      auto stretch = scan_newest_first(question_, before, wanted - last.size());
      if (!stretch) return stretch.error();
      std::move(stretch->records.begin(), stretch->records.end(), std::back_inserter(last));
      before = stretch->next;
    }
    for (auto record = last.rbegin(); here_ && record != last.rend(); ++record) {
      v1::TailItem item;
      *item.mutable_record() = std::move(*record);
      here_ = stream_.write(item);
    }
    return {};
  }

  void tell_place() {
    v1::TailItem item;
    item.set_cursor(place_.text());
    here_ = here_ && stream_.write(item);
  }

  // Whether there was anything new.
  Result<bool> batch() {
    auto page = question_.store.tail(place_.cursor, place_.skipped + tail_batch);
    if (!page) return page.error();
    auto& records = page->records;
    if (records.size() < place_.skipped) return unknown_place();
    const bool more = records.size() > place_.skipped;
    bool told = !more;
    for (std::size_t at = place_.skipped; here_ && at < records.size(); ++at) {
      told = question_.matches(records[at]);
      if (!told) continue;
      v1::TailItem item;
      *item.mutable_record() = std::move(records[at]);
      const bool last = at + 1 == records.size();
      item.set_cursor(last ? Place{page->next, 0}.text() : Place{place_.cursor, at + 1}.text());
      here_ = stream_.write(item);
    }
    place_ = {page->next, 0};
    // So that a reader to whom little matches does not begin far back when it comes again.
    if (!told) tell_place();
    return more;
  }

  Question question_;
  control::Stream<v1::TailItem>& stream_;
  Place place_;
  bool here_ = true;  // the reader
};

}  // namespace

Result<void> tail_sessions(const record::StoreQueries& store, const v1::TailSessionsRequest& request,
                           const Visible& visible, control::Stream<v1::TailItem>& stream) {
  const auto filter = inquiry::check_filter(request.filter());
  if (!filter) return filter.error();
  return Tail({store, *filter, visible}, stream).run(request);
}

}  // namespace callgate::node
