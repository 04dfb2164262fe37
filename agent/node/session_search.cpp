#include "node/session_search.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <thread>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "inquiry/text_search.hpp"
#include "node/payload_reader.hpp"

namespace callgate::node {
namespace {

using payload::Direction;
using payload::Kind;

constexpr std::uint32_t default_limit = 1000;
constexpr std::uint32_t most_hits = 100'000;
constexpr std::size_t records_at_once = 64;
constexpr std::uint64_t progress_interval_ns = 250'000'000;

// A search may take what nobody else wants. Where the thread may not change its priority, it keeps it.
void take_low_priority() {
  constexpr int nice = 10;
  constexpr int of_process = 1;
  constexpr int idle_class = 3 << 13;
  const auto thread = static_cast<id_t>(::gettid());
  (void)::setpriority(PRIO_PROCESS, thread, nice);
  (void)::syscall(SYS_ioprio_set, of_process, 0, idle_class);
}

class Search {
 public:
  Search(const EvidenceReader& reader, index::Query query, inquiry::TextPattern pattern, std::uint32_t limit,
         control::Stream<v1::SearchPart>& stream)
      : reader_(reader),
        query_(std::move(query)),
        pattern_(std::move(pattern)),
        limit_(limit),
        stream_(stream) {
    progress_.set_reached_ns(query_.until_ns);
  }

  Result<void> run() {
    std::string cursor;
    do {
      const auto page = reader_.store.list(query_, index::Sort::newest, cursor, records_at_once);
      if (!page) return page.error();
      for (const auto& record : page->records) {
        const auto looked = look_into(record);
        if (!looked) return looked.error();
        if (!*looked) return end();
      }
      cursor = page->next;
      if (!tell_progress()) return {};
    } while (!cursor.empty());
    return end();
  }

 private:
  // False: the search is over.
  Result<bool> look_into(const v1::Record& record) {
    if (record.opened_ns() != 0) progress_.set_reached_ns(record.opened_ns());
    if (record.payload_reference().empty() || !reader_.reads(record)) return true;
    v1::PayloadChunk::State worst = v1::PayloadChunk::STATE_PRESENT;
    for (const Direction direction : {Direction::request, Direction::response}) {
      for (const Kind kind : {Kind::head, Kind::body, Kind::trailers, Kind::stream}) {
        const auto state = look_into(record, direction, kind);
        if (!state) return state.error();
        worst = std::max(worst, *state);
        if (over()) return false;
      }
    }
    count(record, worst);
    return true;
  }

  Result<v1::PayloadChunk::State> look_into(const v1::Record& record, Direction direction, Kind kind) {
    inquiry::TextSearch text(
        pattern_, [&](const inquiry::TextMatch& match) { return tell_hit(record, direction, kind, match); });
    payload::Query wanted;
    wanted.direction = direction;
    wanted.kind = kind;
    const auto outcome = read_payload(reader_.store, record, wanted, [&](const payload::PieceView& view) {
      progress_.set_bytes(progress_.bytes() + view.bytes.size());
      return text.feed(view.piece.offset, as_text(view.bytes)) && tell_progress();
    });
    if (!outcome) return outcome.error();
    if (!over()) (void)text.finish();
    return outcome->state;
  }

  void count(const v1::Record& record, v1::PayloadChunk::State state) {
    switch (state) {
      case v1::PayloadChunk::STATE_EXPIRED:
        progress_.set_expired(progress_.expired() + 1);
        return;
      case v1::PayloadChunk::STATE_ERASED:
        progress_.set_erased(progress_.erased() + 1);
        return;
      case v1::PayloadChunk::STATE_DAMAGED:
        progress_.set_damaged(progress_.damaged() + 1);
        return;
      default:
        progress_.set_calls(progress_.calls() + 1);
        if (record.request().truncated() || record.response().truncated())
          progress_.set_truncated(progress_.truncated() + 1);
    }
  }

  bool tell_hit(const v1::Record& record, Direction direction, Kind kind, const inquiry::TextMatch& match) {
    if (hits_ == limit_) {
      progress_.set_limited(true);
      return false;
    }
    ++hits_;
    v1::SearchPart part;
    auto& hit = *part.mutable_hit();
    hit.set_session_id(record.session_id());
    hit.set_call_id(record.call_id());
    hit.set_opened_ns(record.opened_ns());
    hit.set_workload(record.workload().name());
    hit.set_function(record.function());
    hit.set_direction(chunk_direction(direction));
    hit.set_kind(chunk_kind(kind));
    hit.set_offset(match.offset);
    hit.set_before(match.before.data(), match.before.size());
    hit.set_match(match.match.data(), match.match.size());
    hit.set_after(match.after.data(), match.after.size());
    return here_ = stream_.write(part);
  }

  // Now and then. False: nobody waits for it any more.
  bool tell_progress() {
    here_ = here_ && !stream_.closed();
    const auto now = monotonic_ns();
    if (!here_ || now - told_ns_ < progress_interval_ns) return here_;
    told_ns_ = now;
    v1::SearchPart part;
    *part.mutable_progress() = progress_;
    return here_ = stream_.write(part);
  }

  [[nodiscard]] bool over() const { return !here_ || progress_.limited(); }

  Result<void> end() {
    if (!here_) return {};
    v1::SearchPart part;
    *part.mutable_progress() = progress_;
    part.mutable_progress()->set_done(true);
    (void)stream_.write(part);
    return {};
  }

  const EvidenceReader& reader_;
  index::Query query_;
  inquiry::TextPattern pattern_;
  std::uint32_t limit_;
  control::Stream<v1::SearchPart>& stream_;
  v1::SearchProgress progress_;
  std::uint32_t hits_ = 0;
  std::uint64_t told_ns_ = monotonic_ns();
  bool here_ = true;  // the reader
};

}  // namespace

Result<void> search_sessions(const EvidenceReader& reader, const v1::SearchSessionsRequest& request,
                             control::Stream<v1::SearchPart>& stream) {
  auto filter = inquiry::check_filter(request.filter());
  if (!filter) return filter.error();
  if (filter->wanted.since() == 0)
    return make_error("invalid",
                      "a search needs a range of time: say --since, and --until where it has an end");
  if (filter->wanted.until() == 0) filter->wanted.set_until(wall_ns());
  const auto pattern = inquiry::TextPattern::compile(request.text(), request.regex(), request.ignore_case());
  if (!pattern) return pattern.error();
  if (request.limit() > most_hits) return make_error("invalid", "a search ends after at most 100000 hits");
  const auto limit = request.limit() == 0 ? default_limit : request.limit();
  auto query = to_query(*filter, reader);
  if (!query) return query.error();
  v1::Event event;
  event.set_detail("payload of a time was searched");
  event.set_since_ns(query->since_ns);
  event.set_until_ns(query->until_ns);
  CALLGATE_TRY(reader.note(std::move(event)));
  Result<void> result;
  std::thread worker([&] {
    take_low_priority();
    try {
      result = Search(reader, std::move(*query), *pattern, limit, stream).run();
    } catch (const std::exception& exception) {
      log_error("search_threw", {{"what", exception.what()}});
      result = make_error("internal", "callgated made a mistake with this search: see its log");
    }
  });
  worker.join();
  return result;
}

}  // namespace callgate::node
