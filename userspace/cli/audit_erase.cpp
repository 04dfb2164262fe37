// callgate audit erase, callgate audit reindex: what changes evidence, or how it is found.
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string id;
  bool confirmed = false;
};

int erase(const Context& context, const Options& options) {
  if (!options.confirmed) {
    return context.fail(
        {"invalid",
         "what is erased cannot be brought back: look at it with `callgate sessions show`, then say "
         "--yes"});
  }
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::EraseSessionRequest request;
  request.set_id(options.id);
  const auto reply = (*client)->erase_session(request);
  if (!reply) return context.fail(reply.error());
  const auto& output = context.output;
  if (output.json) {
    output.out << to_json(*reply) << '\n';
  } else {
    output.out << fmt::format("payload of session {} is erased: {} in {} blocks; its records stay\n",
                              to_hex(as_bytes(reply->session_id())), show_size(reply->bytes()),
                              reply->blocks());
  }
  return exit_ok;
}

int reindex(const Context& context) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::ReindexRequest request;
  do {
    const auto reply = (*client)->reindex(request);
    if (!reply) return context.fail(reply.error());
    if (context.output.json) {
      context.output.out << to_json(*reply) << '\n';
    } else {
      context.output.out << fmt::format("epoch {:06}: {} entries\n", reply->epoch(),
                                        show_number(reply->entries()));
      context.output.out.flush();
    }
    request.set_epoch(reply->next_epoch());
  } while (request.epoch() != 0);
  return exit_ok;
}

}  // namespace

void add_audit_erase(CLI::App& audit, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = audit.add_subcommand("erase", "Destroy the payload of a session");
  command->add_option("ID", options->id, "Of the session, or of a call in it, as lists show it")->required();
  command->add_flag("--yes", options->confirmed, "It cannot be brought back, and that is what is wanted");
  command->footer(
      "The session's keys and bytes are overwritten in every file. Its records stay, and all proofs with "
      "them; digests in them "
      "are salted, and the salt goes with the payload. The erasure is a record too. What a hold covers is "
      "not erased.\n"
      "\n"
      "Examples:\n"
      "  callgate audit erase 3f2a91 --yes");
  command->callback(
      [&context, options] { context.action = [&context, options] { return erase(context, *options); }; });
}

void add_audit_reindex(CLI::App& audit, Context& context) {
  auto* const command = audit.add_subcommand("reindex", "Make the index of the log anew");
  command->footer(
      "The index only finds what the log has; a damaged one is made anew at the agent's start by itself. The "
      "old one answers "
      "until the new one is there.\n"
      "\n"
      "Examples:\n"
      "  callgate audit reindex");
  command->callback([&context] { context.action = [&context] { return reindex(context); }; });
}

}  // namespace callgate::cli
