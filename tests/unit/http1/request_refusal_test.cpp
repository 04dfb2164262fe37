#include <catch2/catch.hpp>

#include "transcript.hpp"

namespace callgate::http1 {
namespace {

using namespace std::string_literals;

struct Refusal {
  std::string input;
  std::string problem;  // status and code
};

std::string with_line(const std::string& line) {
  return line + "\r\nHost: a\r\n\r\n";
}
std::string with_fields(const std::string& fields) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n\r\n";
}
std::string with_host(const std::string& host) {
  return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
std::string with_target(const std::string& target) {
  return with_line("GET " + target + " HTTP/1.1");
}
std::string with_chunks(const std::string& chunks) {
  return with_fields("Transfer-Encoding: chunked") + chunks;
}

const std::vector<Refusal>& refusals() {
  static const std::vector<Refusal> cases = {
      // Request line.
      {with_line("G(T / HTTP/1.1"), "400 bad_method"},
      {with_line(" GET / HTTP/1.1"), "400 bad_method"},
      {with_line("\tGET / HTTP/1.1"), "400 bad_method"},
      {with_line("GET\t/ HTTP/1.1"), "400 bad_method"},
      {"\x16\x03\x01\x02"s, "400 bad_method"},
      {"\x80GET"s, "400 bad_method"},
      {with_line(std::string(33, 'A') + " / HTTP/1.1"), "501 method_too_long"},
      {"GET /\r\n", "400 missing_version"},
      {"GET\r\n", "400 missing_version"},
      {"GET / \r\n", "400 bad_version"},
      {with_line("GET / HTTP/1.1 "), "400 bad_version"},
      {with_line("GET / http/1.1"), "400 bad_version"},
      {with_line("GET / HTTP/1.10"), "400 bad_version"},
      {with_line("GET / HTTP/01.1"), "400 bad_version"},
      {with_line("GET / HTTP/1,1"), "400 bad_version"},
      {with_line("GET / HTTP/1"), "400 bad_version"},
      {with_line("GET / HTTP/1.\x01"), "400 bad_version"},
      {with_line("GET / HTTP/1.2"), "505 unsupported_version"},
      {with_line("GET / HTTP/2.0"), "505 unsupported_version"},
      {with_line("GET / HTTP/0.9"), "505 unsupported_version"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 http2_preface"},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400 bad_method"},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400 bare_lf"},
      {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400 bare_cr"},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", "400 bare_lf"},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "400 bare_cr"},
      {"GET /\rHTTP/1.1\r\nHost: a\r\n\r\n", "400 bare_cr"},
      {"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", "400 bare_cr"},
      // Target.
      {with_target("/a b"), "400 bad_target"},
      {with_target(" /a"), "400 bad_target"},
      {with_target("/a "), "400 bad_target"},
      {with_target(""), "400 bad_target"},
      {with_target("/a\tb"), "400 bad_target"},
      {with_target("/a\x7f"), "400 bad_target"},
      {with_target("/a\0b"s), "400 bad_target"},
      {with_target("/\xc3\xa4"), "400 bad_target"},
      {with_target("/?\xff"), "400 bad_target"},
      {with_target("/a\\..\\b"), "400 bad_target"},
      {with_target("a/b"), "400 bad_target"},
      {with_target("example.com"), "400 bad_target"},
      {with_target("example.com:80"), "400 bad_target"},
      {with_target("?a"), "400 bad_target"},
      {with_target("/%"), "400 bad_percent_encoding"},
      {with_target("/%4"), "400 bad_percent_encoding"},
      {with_target("/%4g"), "400 bad_percent_encoding"},
      {with_target("/%+1"), "400 bad_percent_encoding"},
      {with_target("/?100%&a"), "400 bad_percent_encoding"},
      {with_target("/#a"), "400 fragment_in_target"},
      {with_target("/?a#b"), "400 fragment_in_target"},
      {with_target("http://a#b"), "400 fragment_in_target"},
      {with_target("https://a/"), "400 bad_scheme"},
      {with_target("ftp://a/"), "400 bad_scheme"},
      {with_target("://a/"), "400 bad_scheme"},
      {with_target("*"), "400 asterisk_not_options"},
      {with_line("OPTIONS *x HTTP/1.1"), "400 bad_target"},
      {with_line("CONNECT / HTTP/1.1"), "400 bad_host"},
      {with_line("CONNECT http://a/ HTTP/1.1"), "400 bad_port"},
      {with_line("CONNECT a HTTP/1.1"), "400 bad_port"},
      {"CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", "400 conflicting_host"},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a:80\r\n\r\n", "400 conflicting_host"},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 1\r\n\r\n", "400 connect_with_body"},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400 connect_with_body"},
      // Authority.
      {"GET / HTTP/1.1\r\n\r\n", "400 missing_host"},
      {"GET http://a/ HTTP/1.1\r\n\r\n", "400 missing_host"},
      {"GET / HTTP/1.0\r\n\r\n", "400 missing_host"},
      {with_fields("Host: a"), "400 repeated_host"},
      {with_fields("host: b"), "400 repeated_host"},
      {with_host(""), "400 empty_host"},
      {with_host(":80"), "400 empty_host"},
      {with_target("http:///a"), "400 empty_host"},
      {with_host("a b"), "400 bad_host"},
      {with_host("a, b"), "400 bad_host"},
      {with_host("a/b"), "400 bad_host"},
      {with_host("a%2eb"), "400 bad_host"},
      {with_host("a*"), "400 bad_host"},
      {with_host("\xc3\xa4"), "400 bad_host"},
      {with_host("."), "400 bad_host"},
      {with_host(".a"), "400 bad_host"},
      {with_host("a..b"), "400 bad_host"},
      {with_host("a.."), "400 bad_host"},
      {with_host(std::string(256, 'a')), "400 bad_host"},
      {with_host("[::1"), "400 bad_host"},
      {with_host("[::g]"), "400 bad_host"},
      {with_host("[]"), "400 bad_host"},
      {with_host("[fe80::1%25eth0]"), "400 bad_host"},
      {with_host("[127.0.0.1]"), "400 bad_host"},
      {with_host("[v1.a]"), "400 bad_host"},
      {with_host("[::1]80"), "400 bad_host"},
      {with_host("[" + std::string(100, '1') + "]"), "400 bad_host"},
      {with_host("::1"), "400 empty_host"},
      {with_host("a:"), "400 bad_port"},
      {with_host("a:0"), "400 bad_port"},
      {with_host("a:080"), "400 bad_port"},
      {with_host("a:65536"), "400 bad_port"},
      {with_host("a:100000"), "400 bad_port"},
      {with_host("a:+80"), "400 bad_port"},
      {with_host("a:80:80"), "400 bad_port"},
      {with_host("2001:db8::1"), "400 bad_port"},
      {with_host("u@a"), "400 userinfo"},
      {with_target("http://u:p@a/"), "400 userinfo"},
      {with_target("http://b/"), "400 conflicting_host"},
      {with_target("http://a:81/"), "400 conflicting_host"},
      {with_target("http://a:0/"), "400 bad_port"},
      {"GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n", "400 conflicting_host"},
      // Fields.
      {with_fields("A: b\r\n c: d"), "400 obs_fold"},
      {with_fields("A: b\r\n\tc"), "400 obs_fold"},
      {with_fields("A: b\r\n "), "400 obs_fold"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 obs_fold"},
      {with_fields("A : b"), "400 space_before_colon"},
      {with_fields("A\t: b"), "400 space_before_colon"},
      {with_fields("Transfer-Encoding : chunked"), "400 space_before_colon"},
      {with_fields(": b"), "400 bad_field_name"},
      {with_fields("A(: b"), "400 bad_field_name"},
      {with_fields("A\xc3\xa4: b"), "400 bad_field_name"},
      {with_fields("A"), "400 bad_field_line"},
      {with_fields("A b"), "400 bad_field_line"},
      {with_fields("A\0: b"s), "400 control_byte"},
      {with_fields("A: b\0"s), "400 control_byte"},
      {with_fields("A: 0123456789\x01 0123456789"), "400 control_byte"},
      {with_fields("A: b\x0b"), "400 control_byte"},
      {with_fields("A: \x7f"), "400 control_byte"},
      {with_fields("A: b\rC: d"), "400 bare_cr"},
      {with_fields("A\r: b"), "400 bare_cr"},
      {with_fields("A: b\r"), "400 bare_cr"},
      {with_fields("A: b\nC: d"), "400 bare_lf"},
      {"GET / HTTP/1.1\r\nHost: a\n\n", "400 bare_lf"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", "400 bare_lf"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "400 bare_cr"},
      {with_fields("Connection: a b"), "400 bad_connection"},
      {with_fields("Connection: close, Host"), "400 bad_connection"},
      {with_fields("Connection: content-length"), "400 bad_connection"},
      // Framing.
      {with_fields("Content-Length: 1\r\nTransfer-Encoding: chunked"), "400 conflicting_lengths"},
      {with_fields("Transfer-Encoding: chunked\r\nContent-Length: 1"), "400 conflicting_lengths"},
      {with_fields("Content-Length: 1\r\nContent-Length: 1"), "400 repeated_content_length"},
      {with_fields("Content-Length: 1\r\ncontent-length: 2"), "400 repeated_content_length"},
      {with_fields("Content-Length: 1, 1"), "400 bad_content_length"},
      {with_fields("Content-Length: 1,"), "400 bad_content_length"},
      {with_fields("Content-Length: +5"), "400 bad_content_length"},
      {with_fields("Content-Length: -0"), "400 bad_content_length"},
      {with_fields("Content-Length: 5 5"), "400 bad_content_length"},
      {with_fields("Content-Length: 0x5"), "400 bad_content_length"},
      {with_fields("Content-Length: 1e1"), "400 bad_content_length"},
      {with_fields("Content-Length: 1_0"), "400 bad_content_length"},
      {with_fields("Content-Length:"), "400 bad_content_length"},
      {with_fields("Content-Length: 18446744073709551616"), "400 bad_content_length"},
      {with_fields("Content-Length: 99999999999999999999999"), "400 bad_content_length"},
      {with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
       "400 repeated_transfer_encoding"},
      {with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"), "400 repeated_transfer_encoding"},
      {with_fields("Transfer-Encoding: gzip, chunked"), "400 bad_transfer_encoding"},
      {with_fields("Transfer-Encoding: chunked, identity"), "400 bad_transfer_encoding"},
      {with_fields("Transfer-Encoding: chunked, chunked"), "400 bad_transfer_encoding"},
      {with_fields("Transfer-Encoding: identity"), "400 bad_transfer_encoding"},
      {with_fields("Transfer-Encoding: xchunked"), "400 bad_transfer_encoding"},
      {with_fields("Transfer-Encoding: \"chunked\""), "400 bad_transfer_encoding"},
      {with_fields("Transfer-Encoding: chunked;q=1"), "400 bad_transfer_encoding"},
      {with_fields("Transfer-Encoding:"), "400 bad_transfer_encoding"},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "400 transfer_encoding_in_1_0"},
      {with_fields("Expect: 200-ok"), "417 unknown_expectation"},
      {with_fields("Expect: 100-continue, x"), "417 unknown_expectation"},
      {with_fields("Expect:"), "417 unknown_expectation"},
      // Chunks.
      {with_chunks("\r\n"), "400 bad_chunk_size"},
      {with_chunks("+5\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("-5\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("0x5\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks(" 5\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("5 \r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("5 ;a\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("5\t\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("5_0\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("g\r\n"), "400 bad_chunk_size"},
      {with_chunks(";a\r\n"), "400 bad_chunk_size"},
      {with_chunks("5\0\r\nhello\r\n"s), "400 bad_chunk_size"},
      {with_chunks("00000000000000005\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("10000000000000000\r\nhello\r\n"), "400 bad_chunk_size"},
      {with_chunks("5\nhello\r\n"), "400 bare_lf"},
      {with_chunks("5\r\r\nhello\r\n"), "400 bare_cr"},
      {with_chunks("5;a\rb\r\nhello\r\n"), "400 bare_cr"},
      {with_chunks("5;\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5;a=\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5;a b\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5; a\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5;a=\"b\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5;a=\"b\\\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5;a=\"b\"c\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5;a\x01\r\nhello\r\n"), "400 bad_chunk_extension"},
      {with_chunks("5;" + std::string(300, 'a') + "\r\nhello\r\n"), "400 chunk_line_too_long"},
      {with_chunks(std::string(300, '0')), "400 chunk_line_too_long"},
      {with_chunks("5\r\nhelloX\r\n"), "400 bad_chunk_end"},
      {with_chunks("5\r\nhello0\r\n"), "400 bad_chunk_end"},
      {with_chunks("5\r\nhello\n"), "400 bad_chunk_end"},
      {with_chunks("5\r\nhello\rX"), "400 bad_chunk_end"},
      {with_chunks("ffffffffffffffff\r\nab\r\n"), ""},
      // Trailers.
      {with_chunks("0\r\nContent-Length: 5\r\n\r\n"), "400 forbidden_trailer"},
      {with_chunks("0\r\ntransfer-encoding: chunked\r\n\r\n"), "400 forbidden_trailer"},
      {with_chunks("0\r\nHOST: b\r\n\r\n"), "400 forbidden_trailer"},
      {with_chunks("0\r\nConnection: close\r\n\r\n"), "400 forbidden_trailer"},
      {with_chunks("0\r\nX-Forwarded-For: b\r\n\r\n"), "400 forbidden_trailer"},
      {with_chunks("0\r\nAuthorization: b\r\n\r\n"), "400 forbidden_trailer"},
      {with_chunks("0\r\nTrailer: b\r\n\r\n"), "400 forbidden_trailer"},
      {with_chunks("0\r\nA: b\r\n c\r\n\r\n"), "400 obs_fold"},
      {with_chunks("0\r\nA : b\r\n\r\n"), "400 space_before_colon"},
      {with_chunks("0\r\nA: b\n\r\n"), "400 bare_lf"},
      {with_chunks("0\r\n\n"), "400 bare_lf"},
      {with_chunks("0\r\nGET / HTTP/1.1\r\n\r\n"), "400 bad_field_line"},
  };
  return cases;
}

std::string last_line(const std::string& transcript) {
  const std::size_t begin = transcript.rfind('\n', transcript.size() - 2);
  return transcript.substr(begin == transcript.npos ? 0 : begin + 1);
}

TEST_CASE("ambiguous and malformed requests are refused with their code") {
  for (const Refusal& one : refusals()) {
    CAPTURE(one.input);
    const std::string transcript = transcribe_requests(one.input);
    if (one.problem.empty()) {
      CHECK(transcript.find("invalid") == transcript.npos);
    } else {
      CHECK(last_line(transcript) == "invalid " + one.problem + "\n");
    }
  }
}

TEST_CASE("refusals do not depend on how the bytes arrive") {
  for (const Refusal& one : refusals()) {
    CAPTURE(one.input);
    const std::string expected = transcribe_requests(one.input);
    for (std::size_t cut = 0; cut <= one.input.size(); ++cut) {
      CAPTURE(cut);
      CHECK(transcribe_requests(one.input, {cut}) == expected);
    }
    CHECK(transcribe_requests(one.input, every_byte(one.input)) == expected);
  }
}

TEST_CASE("a control byte is found at every position of a value") {
  for (std::size_t size = 1; size < 40; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (int byte = 0; byte < 256; ++byte) {
        if (byte == '\n' || byte == '\r') continue;
        std::string value(size, 'x');
        value[at] = static_cast<char>(byte);
        const bool allowed = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
        RequestReader reader({});
        const Step step = reader.step(with_fields("A: " + value));
        if (step.event == (allowed ? Event::head : Event::invalid)) continue;
        CAPTURE(size, at, byte);
        FAIL("byte judged wrongly");
      }
}

TEST_CASE("limits hold exactly, however the bytes arrive") {
  const auto judge = [](const std::string& input, const Limits& limits) {
    const std::string whole = transcribe_requests(input, {}, limits);
    CHECK(transcribe_requests(input, every_byte(input), limits) == whole);
    return last_line(whole);
  };
  const std::string head = with_fields("A: b");
  Limits limits;
  limits.head_bytes = head.size();
  CHECK(judge(head, limits) == "idle\n");
  limits.head_bytes = head.size() - 1;
  CHECK(judge(head, limits) == "invalid 431 head_too_large\n");
  limits.head_bytes = 10;
  CHECK(judge(head, limits) == "invalid 414 target_too_long\n");

  limits = {};
  limits.field_count = 2;
  CHECK(judge(head, limits) == "idle\n");
  limits.field_count = 1;
  CHECK(judge(head, limits) == "invalid 431 too_many_fields\n");

  limits = {};
  limits.body_bytes = 5;
  CHECK(judge(with_fields("Content-Length: 5") + "hello", limits) == "idle\n");
  CHECK(judge(with_fields("Content-Length: 6") + "hello!", limits) == "invalid 413 body_too_large\n");
  CHECK(judge(with_chunks("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), limits) == "idle\n");
  CHECK(judge(with_chunks("3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n"), limits) == "invalid 413 body_too_large\n");
  CHECK(judge(with_chunks("ffffffffffffffff\r\n"), limits) == "invalid 413 body_too_large\n");

  limits = {};
  limits.chunk_line_bytes = 3;
  CHECK(judge(with_chunks("1;a\r\nx\r\n0\r\n\r\n"), limits) == "idle\n");
  CHECK(judge(with_chunks("1;ab\r\nx\r\n0\r\n\r\n"), limits) == "invalid 400 chunk_line_too_long\n");
  limits.chunk_line_bytes = SIZE_MAX;
  CHECK(judge(with_chunks("1;ab\r\nx\r\n0\r\n\r\n"), limits) == "idle\n");

  limits = {};
  limits.trailer_bytes = 8;
  CHECK(judge(with_chunks("0\r\nA: b\r\n\r\n"), limits) == "idle\n");
  CHECK(judge(with_chunks("0\r\nA: bc\r\n\r\n"), limits) == "invalid 431 trailers_too_large\n");
  limits.trailer_bytes = SIZE_MAX;
  limits.head_bytes = SIZE_MAX;
  CHECK(judge(with_chunks("0\r\nA: bc\r\n\r\n"), limits) == "idle\n");
}

}  // namespace
}  // namespace callgate::http1
