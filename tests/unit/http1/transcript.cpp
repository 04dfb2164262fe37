#include "transcript.hpp"

#include <cstdlib>
#include <memory>
#include <numeric>

namespace callgate::http1 {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string describe_fields(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& field : fields)
    out.append(field.name).append("=").append(field.value).append("|");
  return out;
}

std::string describe_common(const Head& head) {
  constexpr const char* framings[] = {"none", "length", "chunked", "until_close"};
  std::string out =
      " 1." + std::to_string(head.minor_version) + " " + framings[static_cast<int>(head.framing)];
  if (head.framing == Framing::length) out += "=" + std::to_string(head.content_length);
  if (head.keep_alive) out += " keep";
  if (head.upgrade) out += " upgrade";
  return out;
}

std::string describe(const RequestHead& head) {
  require(!head.authority.empty() && !head.host.empty());
  std::string out = "head ";
  out.append(head.method).append(" ").append(head.target).append(" authority=").append(head.authority);
  out.append(" host=").append(head.host).append(" port=").append(std::to_string(head.port));
  out.append(" path=").append(head.path);
  if (head.has_query) out.append(" query=").append(head.query);
  if (head.expect_continue) out += " expect";
  return out + describe_common(head) + " " + describe_fields(head.fields) + "\n";
}

std::string describe(const ResponseHead& head) {
  std::string out = "head " + std::to_string(head.status) + " ";
  out.append(head.reason);
  return out + describe_common(head) + " " + describe_fields(head.fields) + "\n";
}

template <typename Reader>
class Transcriber {
 public:
  explicit Transcriber(Reader& reader) : reader_(reader) {}

  void feed(std::string_view piece) {
    pending_ += piece;
    while (!failed_) {
      // new[] and not a string: a sanitizer then sees each byte read beyond the input, or in an input of the
      // past.
      const std::unique_ptr<char[]> copy(new char[pending_.size()]);
      pending_.copy(copy.get(), pending_.size());
      const std::string_view input(copy.get(), pending_.size());
      const Step step = reader_.step(input);
      require(step.consumed <= input.size());
      if (!note(step)) return;
      pending_.erase(0, step.consumed);
    }
  }

  // False if nothing more is to come from the bytes at hand.
  bool note(const Step& step) {
    if (step.event == Event::body) {
      require(!step.body.empty() && step.consumed >= step.body.size());
      if (!in_body_) text_ += "body ";
      in_body_ = true;
      text_ += step.body;
      return true;
    }
    if (step.event == Event::need_more) {
      require(step.consumed == 0);
      return false;
    }
    if (in_body_) text_ += "\n";
    in_body_ = false;
    switch (step.event) {
      case Event::head:
        text_ += describe(reader_.head());
        return true;
      case Event::end:
        text_ += "end " + describe_fields(reader_.trailers()) + "\n";
        return true;
      default:
        failed_ = true;
        require(reader_.error().status >= 400 && !reader_.error().code.empty() &&
                !reader_.error().detail.empty());
        require(reader_.step("GET / HTTP/1.1\r\nHost: a\r\n\r\n").event == Event::invalid);
        text_ += "invalid " + std::to_string(reader_.error().status) + " " +
                 std::string(reader_.error().code) + "\n";
        return false;
    }
  }

  void feed_all(std::string_view input, const Cuts& cuts) {
    std::size_t begin = 0;
    for (const std::size_t cut : cuts) {
      feed(input.substr(begin, cut - begin));
      begin = cut;
    }
    feed(input.substr(begin));
  }

  std::string finish() {
    if (in_body_) text_ += "\n";
    if (!failed_) text_ += "left " + std::to_string(pending_.size()) + "\n";
    return std::move(text_);
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  Reader& reader_;
  std::string pending_;
  std::string text_;
  bool in_body_ = false;
  bool failed_ = false;
};

}  // namespace

std::string transcribe_requests(std::string_view input, const Cuts& cuts, const Limits& limits) {
  RequestReader reader(limits);
  Transcriber<RequestReader> transcriber(reader);
  transcriber.feed_all(input, cuts);
  return transcriber.finish() + (reader.idle() ? "idle\n" : "");
}

std::string transcribe_responses(std::string_view input, const std::vector<std::string>& methods, bool closed,
                                 const Cuts& cuts, const Limits& limits) {
  ResponseReader reader(limits);
  for (const std::string& method : methods)
    reader.expect(method);
  Transcriber<ResponseReader> transcriber(reader);
  transcriber.feed_all(input, cuts);
  if (closed && !transcriber.failed()) (void)transcriber.note(reader.close());
  return transcriber.finish();
}

Cuts every_byte(std::string_view input) {
  Cuts cuts(input.size());
  std::iota(cuts.begin(), cuts.end(), std::size_t{0});
  return cuts;
}

}  // namespace callgate::http1
