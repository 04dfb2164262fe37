#include <algorithm>
#include <cctype>
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/record_text.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string id;
  bool without_payloads = false;
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

int show_session(const Context& context, const Options& options) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::ShowSessionRequest request;
  request.set_id(options.id);
  request.set_without_payloads(options.without_payloads);
  const auto& output = context.output;
  PayloadPrinter payloads(output);
  bool first = true;
  const auto shown = (*client)->show_session(request, [&](const v1::ShowSessionPart& part) {
    if (output.json) {
      output.out << part_to_json(part) << '\n';
    } else if (part.has_record()) {
      payloads.finish();
      if (!first) output.out << '\n';
      first = false;
      print_record(part.record(), output);
    } else if (part.has_payload_withheld()) {
      output.out << output.paint("  payload withheld: " + safe(part.payload_withheld()), Colour::warning)
                 << '\n';
    } else {
      payloads.add(part.payload());
    }
    return output.out.good();
  });
  payloads.finish();
  return shown ? exit_ok : context.fail(shown.error());
}

}  // namespace

void add_sessions_show(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("show", "Show everything about one session or call");
  command
      ->add_option(
          "ID", options->id,
          "Of a session or a call, as lists and error answers tell it; a beginning or an end will do")
      ->required()
      ->transform([](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(),
                       [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
        return text;
      });
  command->add_flag("--no-payloads", options->without_payloads, "Leave out what was sent and answered");
  command->footer(
      "Shows who called what, over which connection to which certificate, what was decided by which rule, "
      "how long it\n"
      "took, and the captured bytes: text as text, everything else as a hex dump, each with a mark where it "
      "was cut. Those who may not read the bytes see everything else, and who may.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions show 0000000300000001000000000000002a\n"
      "  callgate sessions show 00000000002a --no-payloads\n"
      "  callgate --json sessions show 00000000002a    one JSON object a line");
  command->callback([&context, options] {
    context.paged = true;
    context.action = [&context, options] { return show_session(context, *options); };
  });
}

}  // namespace callgate::cli
