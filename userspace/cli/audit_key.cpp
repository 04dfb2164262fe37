// callgate audit key: what others verify the log with.
#include <ostream>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/audit_files.hpp"
#include "cli/text.hpp"
#include "tlog/epoch.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string log;
  std::uint32_t epoch = 0;
};

int show(const Context& context, const Options& options) {
  const auto key = audit_key("", audit_directory(context, options.log));
  if (!key) return context.fail(key.error());
  const auto shown = options.epoch == 0 ? key->key : tlog::epoch_key(key->key, options.epoch);
  const auto& output = context.output;
  if (output.json) {
    output.out << boost::json::serialize(boost::json::object{{"name", shown.name()}, {"key", shown.text()}})
               << '\n';
  } else {
    output.out << safe(shown.text()) << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_audit_key(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = group.add_subcommand("key", "Print the key that the log is verified with");
  add_log_option(*command, options->log);
  command->add_option("--epoch", options->epoch, "Of this epoch, under its own name, as other tools want it")
      ->type_name("NUMBER")
      ->check(CLI::Range(std::uint32_t{1}, tlog::most_epochs));
  command->footer(
      "Keep it where the host's administrators cannot replace it: a log verifies only as far as its key is "
      "trusted. "
      "The text is a verifier key of signed notes (c2sp.org/signed-note). All epochs are signed with one "
      "key, each "
      "under its own name (NAME/NUMBER); callgate's commands take the key of the whole log.\n"
      "\n"
      "Examples:\n"
      "  callgate audit key > /mnt/elsewhere/$(hostname).key\n"
      "  callgate audit key --epoch 3");
  command->callback(
      [&context, options] { context.action = [&context, options] { return show(context, *options); }; });
}

}  // namespace callgate::cli
