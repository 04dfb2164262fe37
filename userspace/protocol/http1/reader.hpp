// HTTP/1.0 and 1.1 messages (RFC 9110, RFC 9112): bytes in, events out. Pure: no I/O, clock, log or global.
//
// A reader does not buffer: the caller keeps received bytes contiguous, calls step() on them, and drops as
// many from the front as step() consumed. Framing that two readers could understand differently is an error,
// never a guess. Every code that a message can be refused with is in problems.hpp. A reader belongs to one
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace callgate::http1 {

struct Limits {
  std::size_t head_bytes = 64U << 10U;  // start line and fields, including line ends
  std::size_t field_count = 128;
  std::size_t trailer_bytes = 16U << 10U;
  std::size_t chunk_line_bytes = 256;  // a chunk's size with its extensions
  std::uint64_t body_bytes = ~0ULL;    // content, after chunked decoding
};

struct Field {
  std::string_view name;   // as sent
  std::string_view value;  // without surrounding white space
};

enum class Framing : std::uint8_t { none, length, chunked, until_close };

// Views point into the bytes given to the step() that returned Event::head, and are valid as long as those.
struct Head {
  int minor_version = 1;      // HTTP/1.x
  std::vector<Field> fields;  // in order, hop-by-hop ones included
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // if framing is length
  bool keep_alive = true;            // what the message says of its connection
  // A request asks for an upgrade (HTTP/1.1, Connection lists it and Upgrade is there); a response makes one
  // (101, or 2xx to CONNECT): what follows it on the connection is not HTTP, and a reader refuses it.
  bool upgrade = false;
};

struct RequestHead : Head {
  std::string_view method;
  std::string_view target;  // the request target as sent
  std::string_view
      authority;  // host[:port] that the call asserts: from the target if absolute, else Host. Never empty.
  std::string_view host;  // authority without port and trailing dot; an IPv6 literal without brackets
  int port = -1;          // of the authority; -1 where it has none
  // Of the target, without query, as sent; "*" for OPTIONS *, "/" where an absolute target has none, empty
  // for CONNECT.
  std::string_view path;
  std::string_view query;  // without '?'
  bool has_query = false;
  bool expect_continue = false;  // "Expect: 100-continue" in HTTP/1.1
};

struct ResponseHead : Head {
  int status = 0;
  std::string_view reason;
  [[nodiscard]] bool interim() const { return status >= 100 && status < 200 && status != 101; }
};

enum class Event : std::uint8_t {
  need_more,  // nothing can be said yet: call again with more bytes
  head,       // head() is complete
  body,       // `body` is the next piece of content
  end,        // the message is complete; trailers() holds what followed a chunked body
  invalid,    // error() says why; the reader is of no further use
};

// Event::need_more consumes nothing. After a head or a piece of body, step() has more to say even without new
// bytes (Event::end of a message without a body), so it is called until it needs more.
struct Step {
  Event event = Event::need_more;
  std::size_t consumed = 0;  // bytes to drop from the front of the input
  std::string_view body;     // for Event::body: a view of the input
};

// What is wrong with a message. `status` is the answer that a server gives to such a request (400, 413, 414,
// 417, 431, 501, 505); it says nothing where a response is at fault.
struct Problem {
  int status = 400;
  std::string_view
      code;  // stable: "conflicting_lengths", "bad_chunk_size", "obs_fold", "space_before_colon", ...
  std::string_view detail;  // a sentence
};

// Reads the requests of one connection, one after the other. One empty line before a request is skipped (RFC
// 9112 2.2).
class RequestReader {
 public:
  explicit RequestReader(const Limits& limits);
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;
  ~RequestReader();
  // The next event in `input`. After Event::end the next step begins the next message.
  [[nodiscard]] Step step(std::string_view input);
  // True between two messages, when nothing of the next one has been consumed.
  [[nodiscard]] bool idle() const;
  [[nodiscard]] const RequestHead& head() const;
  [[nodiscard]] const std::vector<Field>& trailers() const;
  [[nodiscard]] const Problem& error() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads the responses of one connection. expect() announces each request whose response is to come; bytes
// that nobody announced are invalid. Interim responses come as head and end, and leave the expectation in
// place.
class ResponseReader {
 public:
  explicit ResponseReader(const Limits& limits);
  ResponseReader(ResponseReader&&) noexcept;
  ResponseReader& operator=(ResponseReader&&) noexcept;
  ~ResponseReader();
  // `request_method` decides whether the response has a body (HEAD, CONNECT).
  void expect(std::string_view request_method);
  [[nodiscard]] Step step(std::string_view input);
  // The peer closed: ends a body that is framed by that (Event::end), else Event::invalid (truncated).
  [[nodiscard]] Step close();
  [[nodiscard]] const ResponseHead& head() const;
  // How many of the bytes that come next are content and nothing else; 0 where that is not known.
  [[nodiscard]] std::uint64_t content_left() const;
  [[nodiscard]] const std::vector<Field>& trailers() const;
  [[nodiscard]] const Problem& error() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace callgate::http1
