// callgate audit prove: proofs that the log has the records of a session.
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "cli/command.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string id;
  std::string to;
};

int print_json(const Context& context, const v1::ProveSessionReply& reply) {
  boost::json::array proofs;
  for (const auto& proof : reply.proofs()) {
    proofs.push_back(
        boost::json::object{{"call", to_hex(as_bytes(proof.call_id()))}, {"proof", proof.text()}});
  }
  context.output.out << boost::json::serialize(boost::json::object{{"proofs", std::move(proofs)}}) << '\n';
  return exit_ok;
}

int write_files(const Context& context, const Options& options, const v1::ProveSessionReply& reply) {
  for (int at = 0; at < reply.proofs_size(); ++at) {
    const auto name = reply.proofs_size() == 1 ? options.to : fmt::format("{}-{}", options.to, at + 1);
    if (const auto written = create_file(name, reply.proofs(at).text(), 0644); !written)
      return context.fail(written.error());
    context.output.out << fmt::format("{}: {}\n", safe(name),
                                      reply.proofs(at).call_id().empty()
                                          ? "the flow"
                                          : "call " + to_hex(as_bytes(reply.proofs(at).call_id())));
  }
  return exit_ok;
}

int prove(const Context& context, const Options& options) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::ProveSessionRequest request;
  request.set_id(options.id);
  const auto reply = (*client)->prove_session(request);
  if (!reply) return context.fail(reply.error());
  if (context.output.json) return print_json(context, *reply);
  if (!options.to.empty()) return write_files(context, options, *reply);
  if (reply->proofs_size() != 1) {
    return context.fail(
        {"invalid", fmt::format("the session has {} records, and a proof is of one: give --to FILE, or "
                                "the id of one call",
                                reply->proofs_size())});
  }
  context.output.out << safe_lines(reply->proofs(0).text());
  return exit_ok;
}

}  // namespace

void add_audit_prove(CLI::App& audit, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = audit.add_subcommand("prove", "Prove to others that the log has a call");
  command
      ->add_option("ID", options->id,
                   "Of a session or a call, as lists show it; a beginning or an end will do")
      ->required();
  command
      ->add_option("--to", options->to,
                   "Write the proof into this file; those of several calls into FILE-1, FILE-2 and so on")
      ->type_name("FILE");
  command->footer(
      "A proof is complete in itself: with the log's public key (`callgate audit key`), anybody can check "
      "it, "
      "without the log and without callgate. It shows the record, so give it only to those who may see that. "
      "The "
      "format is c2sp.org/tlog-proof.\n"
      "\n"
      "Examples:\n"
      "  callgate audit prove 3f2a91 --to refund.proof\n"
      "  callgate audit check-proof refund.proof --key node7.vkey");
  command->callback(
      [&context, options] { context.action = [&context, options] { return prove(context, *options); }; });
}

}  // namespace callgate::cli
