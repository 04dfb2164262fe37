// What storing payload costs: compression, encryption and the write, and bytes on disk. Run it by hand:
//   build/release/bin/payload_bench
// The directory it writes to is made in the current one, and taken away afterwards.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <benchmark/benchmark.h>

#include "base/append_file.hpp"
#include "payload/files.hpp"
#include "payload/key_ring.hpp"
#include "payload/writer.hpp"

namespace {

using namespace callgate;
using namespace callgate::payload;

class Directory {
 public:
  Directory() {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "payload-bench-XXXXXX";
};

std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t seed = 88172645463325252U;
  for (char& byte : bytes) {
    seed ^= seed << 13U;
    seed ^= seed >> 7U;
    seed ^= seed << 17U;
    byte = static_cast<char>(seed);
  }
  return bytes;
}

// Orders as a shop's API would give them: names and structure repeat, values do not.
std::string json(std::size_t size) {
  const std::string random = noise(size);
  std::string text = "[";
  for (std::size_t at = 0; text.size() < size; at += 8) {
    std::uint64_t value = 0;
    random.copy(reinterpret_cast<char*>(&value), sizeof(value), at % (size - sizeof(value)));
    text += R"({"id":")" + std::to_string(value) + R"(","customer":")" + std::to_string(value % 100'003) +
            R"(","amount":)" + std::to_string(value % 9'973) + R"(.5,"currency":"EUR","status":")" +
            (value % 3 == 0 ? "open" : "shipped") + R"(","lines":[{"sku":"A-)" + std::to_string(value % 997) +
            R"(","quantity":)" + std::to_string(value % 7) + "}]},";
  }
  text.resize(size);
  return text;
}

constexpr std::string_view request_head =
    "POST /v1/orders HTTP/1.1\r\nHost: orders.internal:8080\r\nUser-Agent: python-requests/2.28.1\r\n"
    "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Type: "
    "application/json\r\n"
    "Content-Length: 312\r\n\r\n";
constexpr std::string_view response_head =
    "HTTP/1.1 201 Created\r\nServer: nginx/1.22.1\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\n"
    "Content-Type: application/json\r\nContent-Length: 338\r\nConnection: keep-alive\r\n\r\n";

// Files are small here and removed as they fill: the kernel writes into the same memory again and again, as a
// node does that has been up for a while, and not into memory that a virtual machine has to be given first.
void tidy(Files& files, benchmark::State& state) {
  state.PauseTiming();
  const auto all = files.list().value();
  for (std::size_t at = 0; at + 1 < all.size(); ++at)
    (void)files.remove_file(all[at].number);
  state.ResumeTiming();
}

// The part of the kernel in what follows.
void plain_write(benchmark::State& state) {
  const Directory directory;
  const std::string content = noise(1U << 20U);
  auto file = AppendFile::create(directory.path() + "/file").value();
  std::uint64_t number = 0;
  for (auto step : state) {
    (void)step;
    if (!file.append(as_bytes(content))) state.SkipWithError("cannot write");
    if (++number % 16 != 0) continue;
    state.PauseTiming();
    std::filesystem::remove(file.path());
    file = AppendFile::create(file.path()).value();
    state.ResumeTiming();
  }
}

// A body that comes in pieces of 64 KiB, a megabyte to the batch.
void body(benchmark::State& state, const std::string& content) {
  const Directory directory;
  const KeyRing keys = KeyRing::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "a key").value();
  const auto files = Files::open(directory.path()).value();
  WriterOptions options;
  options.file_size = std::uint64_t{16} << 20U;
  const auto writer = Writer::open(*files, keys, options).value();
  constexpr std::size_t part = 64U << 10U;
  Stream stream;
  Piece piece{Direction::response, Kind::body, 1, 0};
  std::uint64_t number = 0;
  std::uint64_t stored = 0;
  for (auto step : state) {
    (void)step;
    for (std::size_t at = 0; at < content.size(); at += part) {
      const Bytes bytes = as_bytes(content).subspan(at, std::min(part, content.size() - at));
      writer->add(stream, piece, bytes);
      piece.offset += bytes.size();
    }
    writer->seal(stream);
    stored += writer->pending();
    if (!writer->commit()) state.SkipWithError("cannot write");
    if (++number % 16 == 0) tidy(*files, state);
  }
  const auto bytes = static_cast<double>(state.iterations()) * static_cast<double>(content.size());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.counters["stored"] = static_cast<double>(stored) / bytes;
}

// Small calls, sixteen to the session and a hundred to the batch.
void calls(benchmark::State& state) {
  const Directory directory;
  const KeyRing keys = KeyRing::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "a key").value();
  const auto files = Files::open(directory.path()).value();
  const auto writer = Writer::open(*files, keys, {}).value();
  const std::string bodies = json(1U << 20U);
  const std::string salts = noise(1U << 16U);
  std::uint64_t number = 0;
  std::uint64_t stored = 0;
  std::uint64_t raw = 0;
  for (auto step : state) {
    (void)step;
    Stream stream;
    stream.session = {1, 0, number / 16};
    stream.call = {1, 0, number};
    const std::uint64_t time = 1'800'000'000'000'000'000U + number * 1'000'000;
    const std::size_t at = number * 331 % (bodies.size() - 1'000);
    const auto add = [&](Direction direction, Kind kind, std::uint64_t after, std::string_view bytes) {
      writer->add(stream, {direction, kind, time + after, 0}, as_bytes(bytes));
      raw += bytes.size();
    };
    add(Direction::request, Kind::salts, 0, std::string_view(salts).substr(number * 32 % (1U << 15U), 32));
    add(Direction::request, Kind::head, 0, request_head);
    add(Direction::request, Kind::body, 1'000, std::string_view(bodies).substr(at, 312));
    add(Direction::response, Kind::head, 400'000, response_head);
    add(Direction::response, Kind::body, 410'000, std::string_view(bodies).substr(at + 312, 338));
    writer->seal(stream);
    if (++number % 100 == 0) {
      stored += writer->pending();
      if (!writer->commit()) state.SkipWithError("cannot write");
    }
  }
  const auto count = static_cast<double>(number - number % 100);
  state.counters["raw"] = static_cast<double>(raw) / static_cast<double>(number);
  state.counters["stored"] = static_cast<double>(stored) / count;
}

BENCHMARK(plain_write)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(body, noise, noise(1U << 20U))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(body, json, json(1U << 20U))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(body, noise_of_32_KiB, noise(32U << 10U))->Unit(benchmark::kMicrosecond);
BENCHMARK(calls)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
