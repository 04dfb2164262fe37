#include <algorithm>
#include <chrono>
#include <cstring>

#include <fmt/format.h>

#include "record/file_store.hpp"
#include "record/record_fields.hpp"

namespace callgate::record {
namespace {

constexpr std::uint64_t entries_at_once = 512;
constexpr std::size_t rows_at_once = 1024;
constexpr std::size_t shortest_prefix = 6;
constexpr std::size_t id_digits = 32;
constexpr std::size_t shown_records = 10'000;
constexpr std::size_t frames_of_call = 200'000;

Error expired(const char* what) {
  return make_error("payload_expired",
                    fmt::format("{} is no longer in the store: raise its size limit", what));
}

Error damaged(const std::string& path) {
  return make_error("record_damaged", fmt::format("{} is damaged: restore it from a copy of the disk", path));
}

bool in_time(std::uint64_t opened_ns, std::uint64_t since_ns, std::uint64_t until_ns) {
  return opened_ns >= since_ns && (until_ns == 0 || opened_ns < until_ns);
}

bool has_bit(std::uint8_t bits, int value) {
  return ((bits >> static_cast<unsigned>(value)) & 1U) != 0;
}

}  // namespace

std::vector<FileStore::View> FileStore::views() const {
  const std::lock_guard lock(mutex_);
  std::vector<View> all;
  all.reserve(sets_.size());
  for (const auto& [number, set] : sets_)
    all.push_back({set, set->visible});
  return all;
}

Result<FileStore::View> FileStore::view_of(std::uint64_t pointer) const {
  const std::lock_guard lock(mutex_);
  const auto set = sets_.find(pointer_number(pointer));
  if (set == sets_.end()) return expired("what was asked for");
  return View{set->second, set->second->visible};
}

Result<std::vector<IndexEntry>> FileStore::read_entries(const View& view, std::uint64_t from,
                                                        std::uint64_t count) {
  std::vector<IndexEntry> entries(count);
  const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(entries.data()),
                                      count * sizeof(IndexEntry));
  CALLGATE_TRY(read_at(view.set->index.fd(), bytes, from * sizeof(IndexEntry), view.set->index.path()));
  for (std::size_t at = 0; at < entries.size(); ++at) {
    if (entries[at].checksum == header_checksum(entries[at], offsetof(IndexEntry, size))) continue;
    if (at == 0) return damaged(view.set->index.path());
    entries.resize(at);
  }
  return entries;
}

Result<v1::Record> FileStore::read_record(const View& view, const IndexEntry& entry) {
  if (entry.size > largest_record) return damaged(view.set->index.path());
  std::vector<std::uint8_t> bytes(sizeof(RecordFrameHeader) + entry.size);
  CALLGATE_TRY(read_at(view.set->records.fd(), bytes, entry.offset, view.set->records.path()));
  RecordFrameHeader header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  const Bytes content = Bytes(bytes).subspan(sizeof(header));
  v1::Record record;
  if (header.magic != record_frame_magic || header.size != entry.size ||
      header.checksum != header_checksum(header, offsetof(RecordFrameHeader, size), content) ||
      !record.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return damaged(view.set->records.path());
  }
  return record;
}

Result<IndexEntry> FileStore::entry_at(std::uint64_t pointer) const {
  const auto view = view_of(pointer);
  if (!view) return view.error();
  if (pointer_place(pointer) >= view->entries) return damaged(view->set->index.path());
  auto entries = read_entries(*view, pointer_place(pointer), 1);
  if (!entries) return entries.error();
  return entries->front();
}

Result<v1::Record> FileStore::record_at(std::uint64_t pointer) const {
  const auto entry = entry_at(pointer);
  if (!entry) return entry.error();
  const auto view = view_of(pointer);
  if (!view) return view.error();
  return read_record(*view, *entry);
}

Result<std::unordered_set<Id, IdHash>> FileStore::recorded_since(std::uint64_t batch) const {
  std::unordered_set<Id, IdHash> found;
  const auto all = views();
  for (auto view = all.rbegin(); view != all.rend(); ++view) {
    for (std::uint64_t end = view->entries; end > 0;) {
      const std::uint64_t count = std::min(entries_at_once, end);
      const auto entries = read_entries(*view, end - count, count);
      if (!entries) return entries.error();
      for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
        if (entry->position_batch < batch) return found;
        found.insert(entry->call.is_zero() ? entry->session : entry->call);
      }
      end -= count;
    }
  }
  return found;
}

Result<SessionPage> FileStore::list_sessions(const SessionFilter& filter, Cursor before,
                                             std::size_t limit) const {
  SessionPage page;
  std::vector<SessionTable::Row> candidates;
  for (;;) {
    // Rows are copied in portions, so that the recorder never waits for a long search.
    candidates.clear();
    bool more = false;
    {
      const std::lock_guard lock(mutex_);
      const auto& rows = sessions_.rows();
      auto row = before == 0
                     ? rows.end()
                     : std::lower_bound(rows.begin(), rows.end(), before,
                                        [](const auto& at, Cursor cursor) { return at.first < cursor; });
      std::size_t looked_at = 0;
      while (row != rows.begin() && looked_at++ < rows_at_once &&
             candidates.size() <= limit - page.rows.size()) {
        --row;
        before = row->first;
        if (!in_time(row->opened_ns, filter.since_ns, filter.until_ns)) continue;
        if (filter.verdict && !has_bit(row->verdicts, *filter.verdict)) continue;
        if (filter.outcome && !has_bit(row->outcomes, *filter.outcome)) continue;
        candidates.push_back(*row);
      }
      more = row != rows.begin();
    }
    for (std::size_t at = 0; at < candidates.size(); ++at) {
      const SessionTable::Row& row = candidates[at];
      if (page.rows.size() == limit) return page;
      // The first record may have gone with an old set; the newest one stands for it then.
      auto first = record_at(row.first);
      if (!first) first = record_at(row.last);
      if (!first) {
        if (first.error().code == "payload_expired") continue;
        return first.error();
      }
      if (!filter.workload.empty() && first->workload().name() != filter.workload) continue;
      auto worst = record_at(row.worst);
      if (!worst) worst = *first;
      page.rows.push_back(
          {row.session, row.opened_ns, row.closed_ns, row.calls, std::move(*first), std::move(*worst)});
      page.next = row.first;
    }
    if (!more) {
      page.next = 0;
      return page;
    }
  }
}

Result<RecordPage> FileStore::list_records(const RecordFilter& filter, Cursor before,
                                           std::size_t limit) const {
  RecordPage page;
  const auto all = views();
  for (auto view = all.rbegin(); view != all.rend(); ++view) {
    std::uint64_t end = view->entries;
    if (before != 0) {
      if (pointer_number(before) < view->set->number) continue;
      if (pointer_number(before) == view->set->number) end = std::min(end, pointer_place(before));
    }
    while (end > 0) {
      const std::uint64_t count = std::min(entries_at_once, end);
      const auto entries = read_entries(*view, end - count, count);
      if (!entries) return entries.error();
      for (std::size_t at = entries->size(); at-- > 0;) {
        const IndexEntry& entry = (*entries)[at];
        if (!in_time(entry.opened_ns, filter.since_ns, filter.until_ns)) continue;
        if (filter.verdict && entry.verdict != *filter.verdict) continue;
        if (filter.outcome && entry.outcome != *filter.outcome) continue;
        if (page.records.size() == limit) return page;
        auto record = read_record(*view, entry);
        if (!record) return record.error();
        if (filter.matches && !filter.matches(*record)) continue;
        page.records.push_back(std::move(*record));
        page.next = make_pointer(view->set->number, end - count + at);
      }
      end -= count;
    }
  }
  page.next = 0;
  return page;
}

Result<Id> FileStore::find_session(std::string_view digits) const {
  std::string wanted(digits);
  for (char& c : wanted) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) wanted.clear();
  }
  if (wanted.size() < shortest_prefix || wanted.size() > id_digits) {
    return make_error("bad_id",
                      "an id is 6 to 32 hexadecimal digits: the start or the end of a session's or a call's");
  }
  const auto matches = [&wanted](const Id& id) {
    const std::string text = to_string(id);
    return text.compare(0, wanted.size(), wanted) == 0 ||
           text.compare(text.size() - wanted.size(), wanted.size(), wanted) == 0;
  };
  if (wanted.size() == id_digits) {
    const auto whole = parse_id(wanted);
    const std::lock_guard lock(mutex_);
    if (whole && sessions_.find(*whole) != nullptr) return *whole;
  }
  std::optional<Id> found;
  for (const View& view : views()) {
    for (std::uint64_t start = 0; start < view.entries;) {
      const auto entries = read_entries(view, start, std::min(entries_at_once, view.entries - start));
      if (!entries) return entries.error();
      for (const IndexEntry& entry : *entries) {
        if (!matches(entry.session) && (entry.call.is_zero() || !matches(entry.call))) continue;
        if (found && *found != entry.session) {
          return make_error("ambiguous",
                            fmt::format("{} stands for several sessions: give more digits", wanted));
        }
        found = entry.session;
      }
      start += entries->size();
    }
  }
  if (!found) return make_error("not_found", fmt::format("no session or call is called {}", wanted));
  return *found;
}

Result<std::vector<v1::Record>> FileStore::show(const Id& session) const {
  std::uint64_t pointer = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto* row = sessions_.find(session);
    if (row == nullptr) return make_error("not_found", fmt::format("no session {}", to_string(session)));
    pointer = row->last;
  }
  std::vector<v1::Record> records;
  while (pointer != 0 && records.size() < shown_records) {
    const auto entry = entry_at(pointer);
    if (!entry) {
      if (entry.error().code == "payload_expired") break;
      return entry.error();
    }
    const auto view = view_of(pointer);
    if (!view) break;
    auto record = read_record(*view, *entry);
    if (!record) return record.error();
    records.push_back(std::move(*record));
    if (entry->previous >= pointer) return damaged(view->set->index.path());
    pointer = entry->previous;
  }
  std::reverse(records.begin(), records.end());
  return records;
}

Result<std::vector<PayloadPiece>> FileStore::payload(const v1::Record& record, Direction direction,
                                                     FrameKind kind, std::uint64_t limit) const {
  std::uint64_t pointer = 0;
  if (record.payload_reference().empty()) return std::vector<PayloadPiece>();
  if (record.payload_reference().size() != sizeof(pointer))
    return damaged("the payload reference of a record");
  std::memcpy(&pointer, record.payload_reference().data(), sizeof(pointer));
  const Id call = id_from_bytes(record.call_id());

  struct Place {
    View view;
    std::uint64_t start;
    PayloadFrameHeader header;
  };
  std::vector<Place> places;
  for (std::size_t frames = 0; pointer != 0; ++frames) {
    auto view = view_of(pointer);
    if (!view) return expired("the payload of the call");
    PayloadFrameHeader header{};
    const std::uint64_t start = pointer_place(pointer);
    const std::string& path = view->set->payload.path();
    CALLGATE_TRY(read_at(view->set->payload.fd(),
                         std::span(reinterpret_cast<std::uint8_t*>(&header), sizeof(header)), start, path));
    if (header.magic != payload_frame_magic || header.size > largest_payload_frame || header.call != call ||
        header.checksum != header_checksum(header, offsetof(PayloadFrameHeader, size)) ||
        header.previous >= pointer || frames >= frames_of_call) {
      return damaged(path);
    }
    if (header.kind == static_cast<std::uint8_t>(kind) &&
        (kind == FrameKind::salts || header.direction == static_cast<std::uint8_t>(direction))) {
      places.push_back({std::move(*view), start + sizeof(header), header});
    }
    pointer = header.previous;
  }

  std::vector<PayloadPiece> pieces;
  for (auto place = places.rbegin(); place != places.rend() && limit > 0; ++place) {
    PayloadPiece piece{
        place->header.time_ns, place->header.offset,
        std::string(static_cast<std::size_t>(std::min<std::uint64_t>(place->header.size, limit)), '\0')};
    CALLGATE_TRY(read_at(place->view.set->payload.fd(),
                         std::span(reinterpret_cast<std::uint8_t*>(piece.bytes.data()), piece.bytes.size()),
                         place->start, place->view.set->payload.path()));
    limit -= piece.bytes.size();
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

Result<RecordPage> FileStore::tail(Cursor after, std::size_t limit) const {
  RecordPage page;
  page.next = after;
  for (const View& view : views()) {
    if (view.set->number < pointer_number(after)) continue;
    std::uint64_t start = 0;
    if (after != 0 && view.set->number == pointer_number(after)) start = pointer_place(after) + 1;
    while (start < view.entries) {
      const auto entries = read_entries(view, start, std::min(entries_at_once, view.entries - start));
      if (!entries) return entries.error();
      for (const IndexEntry& entry : *entries) {
        if (page.records.size() == limit) return page;
        auto record = read_record(view, entry);
        if (!record) return record.error();
        page.records.push_back(std::move(*record));
        page.next = make_pointer(view.set->number, start++);
      }
    }
  }
  return page;
}

Cursor FileStore::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

bool FileStore::wait_newer(Cursor after, std::uint32_t timeout_ms) const {
  std::unique_lock lock(mutex_);
  return newer_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                         [this, after] { return newest_ > after; });
}

StoreCounts FileStore::counts() const {
  const std::lock_guard lock(mutex_);
  return {record_count_, byte_count_};
}

}  // namespace callgate::record
