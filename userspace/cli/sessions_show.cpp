#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <ostream>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <unistd.h>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/payload_choice.hpp"
#include "cli/payload_text.hpp"
#include "cli/record_text.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string id;
  bool without_payloads = false;
  bool raw = false;
  PayloadChoice choice;
};

// One object a line: a record, bytes of its payload (hexadecimal), or who may read that.
std::string part_to_json(const v1::ShowSessionPart& part) {
  if (part.has_record())
    return boost::json::serialize(boost::json::object{{"record", record_to_json(part.record())}});
  if (part.has_payload_withheld())
    return boost::json::serialize(boost::json::object{{"payload_withheld", part.payload_withheld()}});
  auto payload = boost::json::parse(to_json(part.payload())).as_object();
  payload["data"] = to_hex(as_bytes(part.payload().data()));
  return boost::json::serialize(boost::json::object{{"payload", std::move(payload)}});
}

// Prints the parts of a session in the form that was asked for.
class ShowPrinter {
 public:
  ShowPrinter(const Options& options, const Output& output)
      : options_(options), output_(output), payloads_(output) {}

  // False: nobody reads it any more.
  bool add(const v1::ShowSessionPart& part) {
    if (part.has_payload() && !options_.choice.takes(part.payload())) return true;
    if (options_.raw) {
      add_raw(part);
    } else if (output_.json) {
      damaged_ = damaged_ || part.payload().state() == v1::PayloadChunk::STATE_DAMAGED;
      output_.out << part_to_json(part) << '\n';
    } else if (part.has_record()) {
      payloads_.begin(part.record());
      if (!std::exchange(first_, false)) output_.out << '\n';
      print_record(part.record(), output_);
    } else if (part.has_payload_withheld()) {
      payloads_.finish();
      output_.out << output_.paint("  payload withheld: " + safe(part.payload_withheld()), Colour::warning)
                  << '\n';
    } else {
      payloads_.add(part.payload());
    }
    return output_.out.good();
  }

  // The exit status.
  int finish() {
    payloads_.finish();
    return damaged_ || payloads_.damaged() ? exit_finding : exit_ok;
  }

 private:
  // Bytes only; what is missing is said beside them.
  void add_raw(const v1::ShowSessionPart& part) {
    if (part.has_payload_withheld()) {
      damaged_ = true;
      output_.err << "callgate: payload withheld: " << part.payload_withheld() << '\n';
    }
    if (!part.has_payload()) return;
    const auto& chunk = part.payload();
    output_.out.write(chunk.data().data(), static_cast<std::streamsize>(chunk.data().size()));
    auto missing = payload_loss(chunk);
    if (chunk.truncated()) missing = "truncated: more passed than was captured";
    if (missing.empty()) return;
    damaged_ = true;
    output_.err << "callgate: " << payload_title(chunk.direction(), chunk.kind()) << ": " << missing << '\n';
  }

  const Options& options_;
  const Output& output_;
  PayloadPrinter payloads_;
  bool first_ = true;
  bool damaged_ = false;
};

int show_session(const Context& context, const Options& options) {
  const auto& output = context.output;
  if (options.raw && output.json) return context.fail({"invalid", "choose --raw or --json"});
  if (options.raw && output.is_terminal) {
    return context.fail(
        {"invalid",
         "--raw writes bytes as they were, which could take this terminal over: send them to a "
         "file or a pipe"});
  }
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::ShowSessionRequest request;
  request.set_id(options.id);
  request.set_without_payloads(options.without_payloads);
  ShowPrinter printer(options, output);
  const auto shown =
      (*client)->show_session(request, [&](const v1::ShowSessionPart& part) { return printer.add(part); });
  const int status = printer.finish();
  return shown ? status : context.fail(shown.error());
}

}  // namespace

void add_sessions_show(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("show", "Show everything about one session or call");
  add_id_argument(*command, options->id);
  auto* const without =
      command->add_flag("--no-payloads", options->without_payloads, "Leave out what was sent and answered");
  command->add_flag("--raw", options->raw, "Nothing but the captured bytes, as they were; not to a terminal")
      ->excludes(without);
  add_choice_options(*command, options->choice);
  command->footer(
      "Shows who called what, over which connection to which certificate, what was decided by which rule, "
      "how long each\n"
      "step took, and the captured bytes: JSON indented, forms decoded, gzip and deflate undone, other text "
      "as text, the\n"
      "rest as a hex dump. What was cut, has expired, was erased or is damaged is said in its place; where "
      "something is\n"
      "damaged, or with --raw missing, the exit status is 1. Control characters are escaped.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions show 0000000300000001000000000000002a\n"
      "  callgate sessions show 00000000002a --no-payloads\n"
      "  callgate sessions show 00000000002a --direction response --part body\n"
      "  callgate sessions show 00000000002a --raw --direction response --part body > answer.bin\n"
      "  callgate --json sessions show 00000000002a    one JSON object a line");
  command->callback([&context, options] {
    context.paged = !options->raw;
    context.action = [&context, options] { return show_session(context, *options); };
  });
}

}  // namespace callgate::cli
