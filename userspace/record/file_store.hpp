// The store in plain files under one directory: append-only, crash safe, one process. The layouts are in
// store_format.hpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/append_file.hpp"
#include "record/session_table.hpp"
#include "record/store.hpp"
#include "record/store_format.hpp"

namespace callgate::record {

struct FileStoreOptions {
  std::string directory;                                  // created, 0700
  std::uint64_t records_size = std::uint64_t{64} << 20U;  // of one file; then the next set begins
  std::uint64_t payload_size = std::uint64_t{256} << 20U;
  std::uint64_t limit = std::uint64_t{8} << 30U;  // bytes in all; the oldest sets go when there are more
};

class FileStore final : public Store, public StoreQueries {
 public:
  // Cuts off what a crash left unfinished, and logs that it did. Errors: system errors.
  [[nodiscard]] static Result<std::unique_ptr<FileStore>> open(FileStoreOptions options);

  std::uint64_t add_payload(const PayloadFrame& frame, Bytes bytes) override;
  void add_record(const RecordPosition& position, const Id& session, const Id& call,
                  const v1::Record& record) override;
  [[nodiscard]] Result<void> flush() override;
  [[nodiscard]] Result<void> sync() override;
  [[nodiscard]] RecordPosition last_position() const override { return last_position_; }
  [[nodiscard]] Result<std::unordered_set<Id, IdHash>> recorded_since(std::uint64_t batch) const override;

  [[nodiscard]] Result<SessionPage> list_sessions(const SessionFilter& filter, Cursor before,
                                                  std::size_t limit) const override;
  [[nodiscard]] Result<RecordPage> list_records(const RecordFilter& filter, Cursor before,
                                                std::size_t limit) const override;
  [[nodiscard]] Result<Id> find_session(std::string_view digits) const override;
  [[nodiscard]] Result<std::vector<v1::Record>> show(const Id& session) const override;
  [[nodiscard]] Result<std::vector<PayloadPiece>> payload(const v1::Record& record, Direction direction,
                                                          FrameKind kind, std::uint64_t limit) const override;
  [[nodiscard]] Result<RecordPage> tail(Cursor after, std::size_t limit) const override;
  [[nodiscard]] Cursor newest() const override;
  [[nodiscard]] bool wait_newer(Cursor after, std::uint32_t timeout_ms) const override;
  [[nodiscard]] std::uint64_t on_records(std::function<void()> wake) override;
  void forget_wake(std::uint64_t number) override;
  [[nodiscard]] StoreCounts counts() const override;

 private:
  // The files of one number. Descriptors never change once it is in sets_; readers keep a set alive while
  // they read.
  struct Set {
    std::uint64_t number = 0;
    AppendFile records;
    AppendFile index;
    AppendFile payload;
    std::uint64_t entries = 0;  // written; the recorder's thread alone
    std::uint64_t visible = 0;  // under mutex_
    [[nodiscard]] std::uint64_t bytes() const { return records.size() + index.size() + payload.size(); }
  };
  using SetPointer = std::shared_ptr<Set>;  // shared with readers, who may outlive a set's place in the store
  struct View {
    SetPointer set;
    std::uint64_t entries;
  };

  explicit FileStore(FileStoreOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Result<SetPointer> open_set(std::uint64_t number) const;
  [[nodiscard]] Result<void> apply_mark(const std::vector<std::uint64_t>& numbers);
  [[nodiscard]] Result<void> load(const SetPointer& set);
  [[nodiscard]] Result<std::uint64_t> load_index(const SetPointer& set);
  [[nodiscard]] Result<void> scan_records(const SetPointer& set, std::uint64_t offset);
  void rotate();
  void publish();
  [[nodiscard]] std::string file(const char* kind, std::uint64_t number, const char* suffix) const;

  [[nodiscard]] std::vector<View> views() const;  // ascending
  [[nodiscard]] Result<View> view_of(std::uint64_t pointer) const;
  [[nodiscard]] static Result<std::vector<IndexEntry>> read_entries(const View& view, std::uint64_t from,
                                                                    std::uint64_t count);
  [[nodiscard]] static Result<v1::Record> read_record(const View& view, const IndexEntry& entry);
  [[nodiscard]] Result<IndexEntry> entry_at(std::uint64_t pointer) const;
  [[nodiscard]] Result<v1::Record> record_at(std::uint64_t pointer) const;

  FileStoreOptions options_;
  AppendFile mark_;

  // The recorder's thread alone.
  RecordPosition last_position_;
  std::vector<std::uint8_t> payload_bytes_;  // headers and small bodies
  struct Piece {
    const std::uint8_t* outside;  // nullptr: in payload_bytes_
    std::size_t offset;
    std::size_t size;
  };
  std::vector<Piece> payload_pieces_;
  std::uint64_t payload_pending_ = 0;
  std::vector<std::uint8_t> record_bytes_;
  std::vector<IndexEntry> entries_;
  std::unordered_map<Id, std::uint64_t, IdHash> pending_last_;
  std::vector<iovec> iovecs_;

  mutable std::mutex mutex_;
  mutable std::condition_variable newer_;
  std::map<std::uint64_t, SetPointer> sets_;
  SetPointer current_;
  SessionTable sessions_;
  Cursor newest_ = 0;
  std::uint64_t record_count_ = 0;
  std::uint64_t byte_count_ = 0;

  std::mutex wake_mutex_;
  std::map<std::uint64_t, std::function<void()>> wakes_;
  std::uint64_t next_wake_ = 1;
};

}  // namespace callgate::record
