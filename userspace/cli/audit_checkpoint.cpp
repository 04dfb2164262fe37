// callgate audit checkpoint: the newest signed head of the log, for keeping elsewhere.
#include <ostream>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "cli/audit_files.hpp"
#include "cli/text.hpp"
#include "tlog/base64.hpp"
#include "tlog/epoch.hpp"
#include "tlog/note.hpp"
#include "tlog/reader.hpp"
#include "tlog/tile_files.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string log;
  std::string key;
  std::string to;
};

Result<tlog::LogReader> open_epoch(const std::string& directory, const tlog::VerifierKey& key,
                                   std::uint32_t number) {
  return tlog::LogReader::open(directory + "/" + tlog::epoch_directory(number), tlog::epoch_key(key, number));
}

Result<std::uint32_t> newest_epoch(const std::string& directory) {
  const auto listing = tlog::list_epochs(directory);
  if (!listing) return listing.error();
  if (listing->epochs.empty())
    return make_error("not_found", fmt::format("{} holds no audit log", directory));
  return listing->epochs.back();
}

Error rolled_back(const std::string& path, const tlog::Checkpoint& kept) {
  return make_error(
      "log_rolled_back",
      fmt::format("{} holds a newer checkpoint ({}, {} entries) than the log, which was rolled back; the "
                  "file is left as it is: see `callgate audit verify --against {}`",
                  path, kept.origin, kept.size, path));
}

// What is kept must not be replaced by what contradicts it.
Result<void> check_kept(const std::string& path, const std::string& directory, const tlog::VerifierKey& key,
                        std::uint32_t newest) {
  const auto text = tlog::read_if_there(path, tlog::note_limit);
  if (!text) return text.error();
  if (!*text) return {};
  const auto parsed = tlog::parse_checkpoint_note(**text);
  const auto epoch = parsed ? tlog::epoch_in_name(key.name(), parsed->origin) : std::nullopt;
  if (!epoch || !tlog::open_checkpoint(**text, tlog::epoch_key(key, *epoch))) {
    return make_error("exists",
                      fmt::format("{} holds something else than a checkpoint of this log, and is left as it "
                                  "is: give another file",
                                  path));
  }
  if (*epoch > newest) return rolled_back(path, *parsed);
  const auto log = open_epoch(directory, key, *epoch);
  // An epoch that expired has nothing to compare with.
  if (!log && log.error().code != "missing" && *epoch == newest) return log.error();
  if (!log) return {};
  if (parsed->size > log->size()) return rolled_back(path, *parsed);
  const auto root = log->root_at(parsed->size);
  if (!root) return root.error();
  if (*root == parsed->root) return {};
  return make_error("log_forked",
                    fmt::format("the log does not begin with what the checkpoint in {} covers: it was "
                                "forked. The file is left as it is: see `callgate audit verify --against "
                                "{}`",
                                path, path));
}

int show(const Context& context, const Options& options) {
  const auto directory = audit_directory(context, options.log);
  const auto key = audit_key(options.key, directory);
  if (!key) return context.fail(key.error());
  const auto newest = newest_epoch(directory);
  if (!newest) return context.fail(newest.error());
  const auto log = open_epoch(directory, key->key, *newest);
  if (!log) return context.fail(log.error());
  if (!options.to.empty()) {
    if (const auto kept = check_kept(options.to, directory, key->key, *newest); !kept) {
      return context.fail(kept.error());
    }
    if (const auto written = replace_file(options.to, log->checkpoint_note(), 0644); !written) {
      return context.fail(written.error());
    }
  }
  const auto& output = context.output;
  const auto& checkpoint = log->checkpoint();
  if (output.json) {
    output.out << boost::json::serialize(boost::json::object{{"origin", checkpoint.origin},
                                                             {"epoch", *newest},
                                                             {"size", checkpoint.size},
                                                             {"root", tlog::to_base64(checkpoint.root)},
                                                             {"note", log->checkpoint_note()}})
               << '\n';
  } else if (options.to.empty()) {
    output.out << safe_lines(log->checkpoint_note());
  } else {
    output.out << fmt::format("{}: {}, {} entries\n", safe(options.to), safe(checkpoint.origin),
                              show_number(checkpoint.size));
  }
  return exit_ok;
}

}  // namespace

void add_audit_checkpoint(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = group.add_subcommand("checkpoint", "Print the newest signed head of the log");
  add_log_option(*command, options->log);
  add_key_option(*command, options->key);
  command
      ->add_option("--to", options->to,
                   "Keep it in this file, in place of an older one of the same log; one that the log "
                   "contradicts stays")
      ->type_name("FILE");
  command->footer(
      "Who keeps checkpoints where the host's administrators cannot reach them can tell later whether the "
      "log was "
      "rolled back or rewritten: `callgate audit verify --against FILE`. The text is a signed note "
      "(c2sp.org/tlog-checkpoint), which other tools read too.\n"
      "\n"
      "Examples:\n"
      "  callgate audit checkpoint\n"
      "  callgate audit checkpoint --to /mnt/elsewhere/$(hostname).checkpoint   # from cron\n"
      "  callgate audit checkpoint | logger -t callgate-checkpoint");
  command->callback(
      [&context, options] { context.action = [&context, options] { return show(context, *options); }; });
}

}  // namespace callgate::cli
