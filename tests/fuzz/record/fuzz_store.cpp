// Arbitrary content of the store's files at open: the first two bytes say how the input is split among
// records, index and payload. Whatever it is, the store opens, answers, and takes a new record that is there
// afterwards.
#include <algorithm>

#include "record/file_store.hpp"
#include "record/record_fields.hpp"
#include "scratch.hpp"

namespace {

using namespace callgate;
using namespace callgate::record;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const fuzz::Scratch scratch;
  scratch.clear();
  const Bytes content = Bytes(data, size).subspan(2);
  const std::size_t records = std::min<std::size_t>(content.size(), std::size_t{data[0]} * 16);
  const std::size_t index = std::min<std::size_t>(content.size() - records, std::size_t{data[1]} * 8);
  scratch.write("records-1.log", content.first(records));
  scratch.write("records-1.index", content.subspan(records, index));
  scratch.write("payload-1.log", content.subspan(records + index));
  scratch.write("synced", content.first(std::min<std::size_t>(content.size(), sizeof(StoreMark))));
  auto store = FileStore::open({scratch.path()});
  if (!store) __builtin_trap();
  const StoreQueries& queries = **store;
  if (const auto page = queries.list_sessions({}, 0, 10); page) {
    for (const auto& row : page->rows) {
      const auto shown = queries.show(row.session);
      if (!shown) continue;
      for (const auto& record : *shown)
        (void)queries.payload(record, Direction::request, FrameKind::body, 1U << 16U);
    }
  }
  (void)queries.list_records({}, 0, 10);
  (void)queries.tail(0, 10);
  const Id session{7, 7, 7};
  v1::Record record;
  record.set_session_id(id_bytes(session));
  const RecordPosition last = (*store)->last_position();
  if (last.batch == ~std::uint64_t{0}) return 0;
  (*store)->add_record({last.batch + 1, 0}, session, {7, 7, 8}, record);
  if (!(*store)->flush() || !(*store)->sync() || queries.counts().records == 0) __builtin_trap();
  const auto newest = queries.list_records({}, 0, 1);
  if (!newest || newest->records.size() != 1 || newest->records[0].session_id() != record.session_id())
    __builtin_trap();
  return 0;
}
