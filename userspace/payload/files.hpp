// The files of a directory: which there are, which are being written, what of them is on disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/append_file.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "payload/format.hpp"

namespace callgate::payload {

struct FileInfo {
  std::uint64_t number = 0;
  RetentionClass retention = 0;
  std::uint64_t size = 0;  // bytes on disk; what was erased is not among them where holes are possible
  std::uint64_t last_block_ns = 0;  // since 1970: when the last block was written
};

// What is known of a file. Shared by the table, by who writes it and by who waits for it to be on disk.
struct FileState {
  FileName name;
  std::string path;
  std::atomic<std::uint64_t> size{0};  // written; readers may read up to there
  std::atomic<std::uint64_t> last_block_ns{0};
  bool in_batch = false;  // under the mutex of Files, as are the next ones
  bool closed = false;    // no block may be added to it any more
  bool unsynced = false;  // is in Files::unsynced_
};

// A file that is being written, by the recorder's thread alone but for synced().
struct OpenFile {
  std::shared_ptr<FileState> state;
  AppendFile out;
  bool entered = false;         // is in the directory, durably
  std::uint64_t forgotten = 0;  // under sync_mutex_ of Files
};

// Any thread.
class Files {
 public:
  // Lists the directory (created, 0700), which one process may use at a time. What is there is never
  // appended to. Errors: payload_store_damaged (two files of one number), system errors.
  [[nodiscard]] static Result<std::unique_ptr<Files>> open(std::string directory);

  // --- for readers
  // Opens the file for reading; error payload_expired if there is none, system errors.
  [[nodiscard]] Result<Fd> open_file(std::uint64_t number, std::string& path) const;
  // All files, by ascending number. Errors: system errors.
  [[nodiscard]] Result<std::vector<FileInfo>> list() const;
  // Deletes a file: readers that have it open go on, others get payload_expired. Errors: file_in_use (a batch
  // is being written to it: try again), payload_expired, system errors.
  [[nodiscard]] Result<void> remove_file(std::uint64_t number);
  // Makes the writer begin another file instead of adding to this one.
  void close_file(std::uint64_t number);
  // Puts on disk what was committed before, then takes it out of the page cache. After a failure it fails
  // until callgated is restarted, since the kernel may have thrown away what it could not write. Errors:
  // disk_full, system errors.
  [[nodiscard]] Result<void> sync();

  // --- for the writer
  // A file of a number of its own that is nowhere yet; error payload_numbers_used_up.
  [[nodiscard]] Result<std::shared_ptr<OpenFile>> reserve(RetentionClass retention);
  // Creates it, if that was not done yet. Errors: exists (another process writes here), disk_full, system
  // errors.
  [[nodiscard]] Result<void> enter(OpenFile& file);
  // Announces that blocks are added to the file; false if it is closed.
  [[nodiscard]] bool begin_batch(const OpenFile& file);
  // They are in the file, which now has the size of `out`.
  void end_batch(const std::shared_ptr<OpenFile>& file);

 private:
  explicit Files(std::string directory) : directory_(std::move(directory)) {}
  [[nodiscard]] Result<void> add_existing(const FileName& name);
  [[nodiscard]] Result<void> drop_empty();

  const std::string directory_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<FileState>> table_;
  std::uint64_t next_ = 1;     // number of the next file
  std::uint64_t highest_ = 0;  // of the files in the directory
  std::vector<std::shared_ptr<OpenFile>> unsynced_;
  std::mutex sync_mutex_;
  Result<void> sync_outcome_;
};

}  // namespace callgate::payload
