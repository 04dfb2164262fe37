// The keys under which sessions' keys are wrapped.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "payload/cipher.hpp"

namespace callgate::payload {

struct KeyOptions {
  std::string file;                  // where the keys lie, unless a command prints them
  std::vector<std::string> command;  // an absolute path and its arguments; empty: the file is used
  std::chrono::milliseconds command_timeout{10'000};
};

// Immutable: any thread.
//
// Keys are text: one a line, each the base64 of 32 bytes, newest first; empty lines and lines that begin with
// '#' count for nothing. New sessions are written under the first; the others are for reading what was
// written before.
class KeyRing {
 public:
  // Runs the command, or reads the file, or, where there is no file yet, creates it (0600) with a new random
  // key. Errors: key_file_open (others may read it), bad_key, too_large, key_command_failed, system errors.
  [[nodiscard]] static Result<KeyRing> load(const KeyOptions& options);
  // Of keys as text; `source` says for messages where they come from. Error bad_key.
  [[nodiscard]] static Result<KeyRing> parse(std::string_view text, std::string source);

  struct Entry {
    KeyId id{};
    Key key;
  };
  [[nodiscard]] const Entry& newest() const { return keys_.front(); }
  // Error key_missing, which says where keys are configured.
  [[nodiscard]] Result<Key> find(const KeyId& id) const;
  [[nodiscard]] const std::vector<Entry>& keys() const { return keys_; }
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  std::vector<Entry> keys_;  // at least one
  std::string source_;       // "the key file /etc/..."
};

}  // namespace callgate::payload
