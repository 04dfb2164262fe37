#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cli/base64.hpp"
#include "cli/export_file.hpp"
#include "cli/export_writer.hpp"
#include "command_run.hpp"
#include "sample.hpp"

using namespace callgate;
using namespace callgate::cli;
namespace json = boost::json;

namespace {

v1::PayloadChunk chunk(v1::PayloadChunk::Direction direction, v1::PayloadChunk::Kind kind,
                       const std::string& data) {
  v1::PayloadChunk result;
  result.set_direction(direction);
  result.set_kind(kind);
  result.set_data(data);
  return result;
}

constexpr auto request = v1::PayloadChunk::DIRECTION_REQUEST;
constexpr auto response = v1::PayloadChunk::DIRECTION_RESPONSE;
constexpr auto head = v1::PayloadChunk::KIND_HEAD;
constexpr auto body = v1::PayloadChunk::KIND_BODY;

v1::Record call() {
  auto record = test::sample();
  record.set_function("http:POST pay.internal/v1/refunds");
  record.mutable_timings()->set_connected_us(1'000);
  record.mutable_timings()->set_handshaken_us(5'000);
  record.mutable_timings()->set_first_byte_us(90'000);
  return record;
}

json::value har(const std::vector<v1::PayloadChunk>& chunks, const v1::Record& record = call(),
                bool payloads = true) {
  std::ostringstream out;
  const auto writer = make_har_writer(out, payloads);
  writer->begin(record);
  for (const auto& each : chunks)
    writer->add(each);
  writer->end();
  writer->finish();
  return json::parse(out.str());
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("base64 is that of RFC 4648") {
  CHECK(to_base64("").empty());
  CHECK(to_base64("f") == "Zg==");
  CHECK(to_base64("foobar") == "Zm9vYmFy");
  CHECK(to_base64("\xff\xfe") == "//4=");
  CHECK(to_base64(std::string(4U << 20U, '\0')) == std::string((4U << 20U) / 3 * 4, 'A') + "AA==");
}

TEST_CASE("a line of jsonl is one JSON object with the record and its pieces") {
  std::ostringstream out;
  const auto writer = make_jsonl_writer(out, true);
  for (int calls = 0; calls < 2; ++calls) {
    writer->begin(test::sample());
    auto first = chunk(request, body, "foobar");
    first.set_time_ns(1'769'903'999'123'000'000);
    writer->add(first);
    auto lost = chunk(response, body, "");
    lost.set_state(v1::PayloadChunk::STATE_EXPIRED);
    writer->add(lost);
    writer->end();
  }
  writer->finish();
  std::istringstream lines(out.str());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto value = json::parse(line);
    CHECK(value.at("session_id").as_string() == "00000000000000000000000000000001");
    const auto& pieces = value.at("payloads").as_array();
    REQUIRE(pieces.size() == 2);
    CHECK(pieces[0].at("part").as_string() == "request body");
    CHECK(pieces[0].at("base64").as_string() == "Zm9vYmFy");
    CHECK(pieces[0].at("time").as_string() == "2026-01-31T23:59:59.123Z");
    CHECK(pieces[1].at("state").as_string() == "expired");
  }
  CHECK(count == 2);
}

TEST_CASE("without payloads a line of jsonl is the record") {
  std::ostringstream out;
  const auto writer = make_jsonl_writer(out, false);
  writer->begin(test::sample());
  writer->end();
  CHECK_FALSE(json::parse(out.str()).as_object().contains("payloads"));
}

TEST_CASE("an archive has what HAR 1.2 demands") {
  const auto value =
      har({chunk(request, head,
                 "POST /v1/refunds?q=a%20b HTTP/1.1\r\nHost: pay\r\nContent-Type: text/plain\r\n\r\n"),
           chunk(request, body, "give "), chunk(request, body, "back"),
           chunk(response, head, "HTTP/1.1 200 Very Well\r\nContent-Type: text/html\r\n\r\n"),
           chunk(response, body, "<p>done")});
  CHECK(value.at("log").at("version").as_string() == "1.2");
  CHECK(value.at("log").at("creator").at("name").as_string() == "callgate");
  const auto& entry = value.at("log").at("entries").at(0);
  CHECK(entry.at("startedDateTime").as_string() == "2026-01-31T23:59:59.123Z");
  CHECK(entry.at("time").as_double() == 100.0);
  CHECK(entry.at("serverIPAddress").as_string() == "10.0.0.1");
  CHECK(entry.at("cache").is_object());
  const auto& sent = entry.at("request");
  CHECK(sent.at("method").as_string() == "POST");
  CHECK(sent.at("url").as_string() == "http://pay.internal:8443/v1/refunds?q=a%20b");
  CHECK(sent.at("httpVersion").as_string() == "HTTP/1.1");
  CHECK(sent.at("headers").at(0).at("name").as_string() == "Host");
  CHECK(sent.at("queryString").at(0).at("value").as_string() == "a b");
  CHECK(sent.at("postData").at("text").as_string() == "give back");
  CHECK(sent.at("postData").at("mimeType").as_string() == "text/plain");
  const auto& answered = entry.at("response");
  CHECK(answered.at("status").as_int64() == 200);
  CHECK(answered.at("statusText").as_string() == "Very Well");
  CHECK(answered.at("content").at("mimeType").as_string() == "text/html");
  CHECK(answered.at("content").at("text").as_string() == "<p>done");
  CHECK_FALSE(answered.at("content").as_object().contains("encoding"));
  const auto& timings = entry.at("timings");
  CHECK(timings.at("connect").as_double() == 5.0);
  CHECK(timings.at("ssl").as_double() == 4.0);
  CHECK(timings.at("wait").as_double() == 85.0);
  CHECK(timings.at("receive").as_double() == 10.0);
  CHECK(entry.at("_callgate").at("rule").as_string() == "read");
}

TEST_CASE("bodies that are no text are in base64, and what is missing is said") {
  auto cut = chunk(response, body, "");
  cut.set_truncated(true);
  const auto value =
      har({chunk(request, body, "\xff\xfe"), chunk(response, body, std::string("\x01\x02", 2)), cut});
  const auto& entry = value.at("log").at("entries").at(0);
  CHECK(entry.at("request").at("postData").at("text").as_string() == "//4=");
  CHECK(entry.at("request").at("postData").at("_encoding").as_string() == "base64");
  const auto& answer = entry.at("response").at("content");
  CHECK(answer.at("encoding").as_string() == "base64");
  CHECK(answer.at("comment").as_string().find("truncated") == 0);
  auto lost = chunk(response, body, "");
  lost.set_state(v1::PayloadChunk::STATE_ERASED);
  CHECK(har({lost})
            .at("log")
            .at("entries")
            .at(0)
            .at("response")
            .at("content")
            .at("comment")
            .as_string()
            .find("erased") == 0);
}

TEST_CASE("a body that would take too much memory is left out, and said to be") {
  const std::vector<v1::PayloadChunk> chunks(70, chunk(response, body, std::string(256U << 10U, 'x')));
  const auto value = har(chunks);
  const auto& answer = value.at("log").at("entries").at(0).at("response").at("content");
  CHECK_FALSE(answer.as_object().contains("text"));
  CHECK(answer.at("comment").as_string().find("larger than 16 MiB") != json::string::npos);
}

TEST_CASE("an archive without payloads has the calls, and other protocols have no place in it") {
  const auto value = har({}, call(), false);
  const auto& sent = value.at("log").at("entries").at(0).at("request");
  CHECK(sent.at("url").as_string() == "http://pay.internal:8443/v1/refunds");
  CHECK(sent.at("headersSize").as_int64() == -1);
  auto tls = call();
  tls.set_function("tls:connect pay.internal");
  std::ostringstream out;
  const auto writer = make_har_writer(out, true);
  writer->begin(tls);
  writer->add(chunk(request, body, "x"));
  writer->end();
  writer->finish();
  CHECK(json::parse(out.str()).at("log").at("entries").as_array().empty());
  CHECK(writer->left_out() == 1);
}

TEST_CASE("hostile heads make an archive that can be read") {
  const auto value = har(
      {chunk(request, head, "\xff\x1b[2J\r\n\x80: \xfe\r\n"), chunk(response, head, std::string("\0\0", 2))});
  CHECK(value.at("log").at("entries").as_array().size() == 1);
}

TEST_CASE("an exported file is whole or not there") {
  const cli::testing::Directory directory;
  const auto path = directory.path + "/out";
  {
    auto file = ExportFile::create(path, false);
    REQUIRE(file.has_value());
    file->stream() << "half";
    CHECK_FALSE(std::filesystem::exists(path));
  }
  CHECK(std::filesystem::is_empty(directory.path));
  {
    auto file = ExportFile::create(path, false);
    REQUIRE(file.has_value());
    file->stream() << "whole";
    CHECK(file->commit());
  }
  CHECK(content(path) == "whole");
  struct stat status {};
  CHECK(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path), {}) == 1);
}

TEST_CASE("what is there already is replaced on demand only") {
  const cli::testing::Directory directory;
  const auto path = directory.write("out", "precious");
  CHECK(ExportFile::create(path, false).error().code == "exists");
  CHECK(content(path) == "precious");
  {
    auto file = ExportFile::create(directory.path + "/late", false);
    REQUIRE(file.has_value());
    (void)directory.write("late", "faster");
    CHECK(file->commit().error().code == "exists");
  }
  CHECK(content(directory.path + "/late") == "faster");
  auto file = ExportFile::create(path, true);
  REQUIRE(file.has_value());
  file->stream() << "new";
  CHECK(content(path) == "precious");
  CHECK(file->commit());
  CHECK(content(path) == "new");
  CHECK(ExportFile::create(directory.path + "/none/out", false).has_error());
}

TEST_CASE("a disk that is full leaves nothing behind that looks like an export") {
  const cli::testing::Directory directory;
  const auto path = directory.path + "/out";
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 64U << 10U;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  {
    auto file = ExportFile::create(path, false);
    REQUIRE(file.has_value());
    file->stream() << std::string(1U << 20U, 'x');
    CHECK(file->commit().error().code == "write_failed");
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(std::filesystem::is_empty(directory.path));
}
