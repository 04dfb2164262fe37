#include <ostream>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/clock.hpp"
#include "cli/base64.hpp"
#include "cli/export_writer.hpp"
#include "cli/json.hpp"
#include "cli/payload_text.hpp"

namespace callgate::cli {
namespace {

const char* state_name(v1::PayloadChunk::State state) {
  switch (state) {
    case v1::PayloadChunk::STATE_PRESENT:
      return "present";
    case v1::PayloadChunk::STATE_EXPIRED:
      return "expired";
    case v1::PayloadChunk::STATE_ERASED:
      return "erased";
    default:
      return "damaged";
  }
}

class JsonlWriter final : public ExportWriter {
 public:
  JsonlWriter(std::ostream& out, bool payloads) : out_(out), payloads_(payloads) {}

  void begin(const v1::Record& record) override {
    auto line = boost::json::serialize(record_to_json(record));
    line.pop_back();  // the object goes on
    out_ << line;
    if (payloads_) out_ << ",\"payloads\":[";
    first_ = true;
  }

  void add(const v1::PayloadChunk& chunk) override {
    boost::json::object piece{{"part", payload_title(chunk.direction(), chunk.kind())},
                              {"state", state_name(chunk.state())},
                              {"offset", chunk.offset()}};
    if (chunk.time_ns() != 0) piece["time"] = format_time(chunk.time_ns());
    if (chunk.time_ns() != 0) piece["time_ns"] = std::to_string(chunk.time_ns());
    if (chunk.truncated()) piece["truncated"] = true;
    if (chunk.omitted() != 0) piece["omitted"] = chunk.omitted();
    if (!chunk.problem().empty()) piece["problem"] = chunk.problem();
    piece["base64"] = to_base64(chunk.data());
    out_ << (first_ ? "" : ",") << boost::json::serialize(piece);
    first_ = false;
  }

  void end() override { out_ << (payloads_ ? "]}\n" : "}\n"); }
  void finish() override {}

 private:
  std::ostream& out_;
  bool payloads_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<ExportWriter> make_jsonl_writer(std::ostream& out, bool payloads) {
  return std::make_unique<JsonlWriter>(out, payloads);
}

}  // namespace callgate::cli
