#include "cli/content_coding.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <zlib.h>

#include "cli/http_head.hpp"

namespace callgate::cli {
namespace {

// zlib's own form of "take gzip or zlib, as the data says", and of "no wrapper at all".
constexpr int any_wrapper = 15 + 32;
constexpr int no_wrapper = -15;

class Inflater {
 public:
  explicit Inflater(int wrapper) : good_(inflateInit2(&stream_, wrapper) == Z_OK) {}
  ~Inflater() {
    if (good_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Whether anything came out, or the data ended as it should.
  bool run(std::string_view bytes, std::size_t limit, Decoded& result) {
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), most_at_once));
    int state = good_ ? Z_OK : Z_MEM_ERROR;
    while (state == Z_OK && result.bytes.size() < limit) {
      const auto end = result.bytes.size();
      const auto space = std::min(limit - end, step);
      result.bytes.resize(end + space);
      stream_.next_out = reinterpret_cast<Bytef*>(result.bytes.data() + end);
      stream_.avail_out = static_cast<uInt>(space);
      state = ::inflate(&stream_, Z_NO_FLUSH);
      result.bytes.resize(end + space - stream_.avail_out);
    }
    result.whole = state == Z_STREAM_END;
    if (state == Z_OK) {
      result.problem = fmt::format("only the first {} bytes of what it decodes to are shown", limit);
    } else if (state == Z_BUF_ERROR) {
      result.problem = "its end is missing";
    } else if (state != Z_STREAM_END) {
      result.problem = "its data is damaged";
    }
    return result.whole || !result.bytes.empty();
  }

 private:
  static constexpr std::size_t step = 64U << 10U;
  static constexpr std::size_t most_at_once = 1U << 30U;
  z_stream stream_{};
  bool good_;
};

}  // namespace

Decoded decode_content(std::string_view coding, std::string_view bytes, std::size_t limit) {
  Decoded result;
  const auto name = media_type(coding);
  if (name.empty() || name == "identity") {
    result = {true, bytes.size() <= limit, std::string(bytes.substr(0, limit)), {}};
    if (!result.whole) result.problem = fmt::format("only the first {} bytes are shown", limit);
    return result;
  }
  if (name != "gzip" && name != "x-gzip" && name != "deflate") {
    result.problem = fmt::format("the coding {} is not undone here", name);
    return result;
  }
  result.known = true;
  if (Inflater(any_wrapper).run(bytes, limit, result) || name != "deflate") return result;
  // Some senders leave the wrapper out, which RFC 9110 mentions.
  Decoded bare;
  bare.known = true;
  return Inflater(no_wrapper).run(bytes, limit, bare) ? bare : result;
}

}  // namespace callgate::cli
