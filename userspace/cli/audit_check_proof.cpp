// callgate audit check-proof: is this entry in that log?
#include <ostream>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "cli/audit_files.hpp"
#include "cli/text.hpp"
#include "tlog/base64.hpp"
#include "tlog/epoch.hpp"
#include "tlog/proof.hpp"

namespace callgate::cli {
namespace {

constexpr std::size_t proof_limit = 1U << 20U;

struct Options {
  std::string file;
  std::string key;
  std::string entry;
};

// A key of the whole log is that of each of its epochs.
tlog::VerifierKey key_for(const tlog::EntryProof& proof, const tlog::VerifierKey& key) {
  const auto checkpoint = tlog::parse_checkpoint_note(proof.checkpoint_note);
  const auto epoch = checkpoint ? tlog::epoch_in_name(key.name(), checkpoint->origin) : std::nullopt;
  return epoch ? tlog::epoch_key(key, *epoch) : key;
}

Result<std::string> entry_of(const tlog::EntryProof& proof, const std::string& file) {
  if (!file.empty()) return read_file(file, tlog::longest_entry);
  if (proof.extra) return *proof.extra;
  return make_error("invalid",
                    "the proof does not hold the entry that it is about: give it with --entry FILE");
}

int check(const Context& context, const Options& options) {
  const auto text = read_file(options.file, proof_limit);
  if (!text) return context.fail(make_error("invalid", text.error().message));
  const auto proof = tlog::EntryProof::parse(*text);
  if (!proof) return context.fail(proof.error());
  const auto key = audit_key(options.key, "");
  if (!key) return context.fail(key.error());
  const auto entry = entry_of(*proof, options.entry);
  if (!entry) return context.fail(entry.error());
  const auto checkpoint = tlog::check_proof(*proof, as_bytes(*entry), key_for(*proof, key->key));
  if (!checkpoint) return context.fail(checkpoint.error());
  const auto& output = context.output;
  if (output.json) {
    output.out << boost::json::serialize(boost::json::object{{"ok", true},
                                                             {"origin", checkpoint->origin},
                                                             {"index", proof->index},
                                                             {"size", checkpoint->size},
                                                             {"root", tlog::to_base64(checkpoint->root)},
                                                             {"entry", tlog::to_base64(as_bytes(*entry))}})
               << '\n';
  } else {
    output.out
        << output.paint("good", Colour::good)
        << fmt::format(
               ": the entry ({}) is number {} of the {} entries of {}, under a checkpoint signed by {}\n",
               show_size(entry->size()), show_number(proof->index), show_number(checkpoint->size),
               safe(checkpoint->origin), safe(key->key.text()));
  }
  return exit_ok;
}

}  // namespace

void add_audit_check_proof(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command =
      group.add_subcommand("check-proof", "Check that an entry is in a log, by a proof of it");
  command->add_option("FILE", options->file, "The proof (c2sp.org/tlog-proof@v1)")->required();
  command->add_option("--key", options->key, "Verifier key of the log, or a file that holds it")
      ->type_name("KEY|FILE")
      ->required();
  command
      ->add_option("--entry", options->entry,
                   "The entry, as it is in the log (default: the one that the proof holds)")
      ->type_name("FILE");
  command->footer(
      "Needs neither the log nor the agent: a proof holds the hashes from its entry up to a signed "
      "checkpoint. Who "
      "has another checkpoint of the log, of the same size or of any, can compare the two. Exit status 1 if "
      "the proof "
      "shows nothing.\n"
      "\n"
      "Examples:\n"
      "  callgate audit check-proof call.tlog-proof --key node7.key\n"
      "  callgate --json audit check-proof call.tlog-proof --key node7.key | jq -r .entry | base64 -d > "
      "record.bin");
  command->callback(
      [&context, options] { context.action = [&context, options] { return check(context, *options); }; });
}

}  // namespace callgate::cli
