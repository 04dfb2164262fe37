#include "payload/key_ring.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/append_file.hpp"
#include "base/file.hpp"
#include "payload/key_command.hpp"

namespace callgate::payload {
namespace {

constexpr std::size_t most_keys = 1024;
constexpr std::size_t largest_text = 64U << 10U;
constexpr std::size_t base64_size = 44;  // of 32 bytes
constexpr std::string_view spaces = " \t\r";

// Overwrites a text that has keys in it when it goes.
class Secret {
 public:
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { OPENSSL_cleanse(text_.data(), text_.size()); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(spaces) + 1 - first);
}

// Only the one base64 form of 32 bytes: 43 digits, the last of which has two spare bits that are 0, and '='.
bool decode(std::string_view line, Key& key) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (line.size() != base64_size || line.back() != '=') return false;
  if (line.find_first_not_of(digits) != base64_size - 1 || digits.find(line[base64_size - 2]) % 4 != 0)
    return false;
  std::array<std::uint8_t, base64_size / 4 * 3> bytes{};
  const int size = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const std::uint8_t*>(line.data()),
                                   static_cast<int>(line.size()));
  const bool fits = size == static_cast<int>(bytes.size());
  if (fits) std::copy_n(bytes.begin(), key_size, key.writable().begin());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return fits;
}

Result<void> create_key_file(const std::string& path) {
  const auto key = Key::random();
  if (!key) return key.error();
  std::array<std::uint8_t, base64_size + 1> digits{};
  EVP_EncodeBlock(digits.data(), key->data(), static_cast<int>(key_size));
  const Secret text(fmt::format(
      "# Keys of recorded payload, newest first. What was written under a lost key is lost.\n{}\n",
      as_text(Bytes(digits).first(base64_size))));
  OPENSSL_cleanse(digits.data(), digits.size());
  CALLGATE_TRY(create_file(path, text.text(), 0600));
  const std::size_t slash = path.rfind('/');
  return sync_directory(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

// The permissions are those of the file that is read, whatever happens to its name.
Result<std::string> read_key_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT) return make_error("not_found", fmt::format("{} is not there", path));
    return system_error(fmt::format("open the key file {}", path), errno);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error(fmt::format("look at {}", path), errno);
  if (!S_ISREG(status.st_mode))
    return make_error("bad_key", fmt::format("the key file {} is no plain file", path));
  if ((status.st_mode & 077U) != 0) {
    return make_error(
        "key_file_open",
        fmt::format("others may read or change the key file {}: run chmod 600 {}, and put a new key "
                    "before the others if somebody may have read them",
                    path, path));
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return make_error("key_file_open", fmt::format("the key file {} belongs to user {}: run chown root {}",
                                                   path, status.st_uid, path));
  }
  if (static_cast<std::uint64_t>(status.st_size) > largest_text)
    return make_error("too_large", fmt::format("the key file {} is larger than 64 KiB", path));
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  CALLGATE_TRY(read_at(file.get(), {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, 0, path));
  return text;
}

}  // namespace

Result<KeyRing> KeyRing::parse(std::string_view text, std::string source) {
  KeyRing ring;
  ring.source_ = std::move(source);
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    Entry entry;
    // The line is not shown: it may be a key with a slip in it.
    if (!decode(line, entry.key)) {
      return make_error("bad_key",
                        fmt::format("line {} of {} is no base64 of 32 bytes; make a key with: openssl "
                                    "rand -base64 32",
                                    number, ring.source_));
    }
    entry.id = entry.key.id();
    if (ring.keys_.size() == most_keys)
      return make_error("bad_key", fmt::format("{} has more than {} keys", ring.source_, most_keys));
    ring.keys_.push_back(entry);
  }
  if (ring.keys_.empty()) {
    return make_error("bad_key",
                      fmt::format("{} has no key; make one with: openssl rand -base64 32", ring.source_));
  }
  return ring;
}

Result<KeyRing> KeyRing::load(const KeyOptions& options) {
  if (!options.command.empty()) {
    auto output = run_key_command(options.command, options.command_timeout, largest_text);
    if (!output) return output.error();
    const Secret text(std::move(*output));
    return parse(text.text(), fmt::format("the output of the key command {}", options.command.front()));
  }
  auto content = read_key_file(options.file);
  if (!content && content.error().code == "not_found") {
    // Another process may have been faster: then its key counts.
    if (auto made = create_key_file(options.file); !made && made.error().code != "exists")
      return made.error();
    content = read_key_file(options.file);
  }
  if (!content) return content.error();
  const Secret text(std::move(*content));
  return parse(text.text(), fmt::format("the key file {}", options.file));
}

Result<Key> KeyRing::find(const KeyId& id) const {
  for (const Entry& entry : keys_) {
    if (entry.id == id) return entry.key;
  }
  return make_error(
      "key_missing",
      fmt::format("payload was written under the key {}, which is not in {}: put it there, behind "
                  "the newest, and restart callgated",
                  to_hex(id), source_));
}

}  // namespace callgate::payload
