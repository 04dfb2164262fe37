// callgate policy suggest: the least policy that would have allowed what a workload is on record for.
#include <memory>
#include <ostream>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "cli/command.hpp"
#include "cli/recorded_calls.hpp"
#include "cli/text.hpp"
#include "suggest/document.hpp"

namespace callgate::cli {
namespace {

namespace json = boost::json;

struct Options {
  RecordedCallsOptions calls;
  std::string name;
  std::string file;
  std::string mode = "observe";
  std::size_t distinct = suggest::EvidenceOptions{}.distinct;
};

constexpr mode_t readable = 0644;

json::object to_json_object(const suggest::Suggestion& made) {
  return {{"policy", made.name},         {"document", made.text}, {"calls", made.calls},
          {"functions", made.functions}, {"denied", made.denied}, {"not_kept", made.not_kept}};
}

Error explained(Error error, const Options& options) {
  if (error.code == "nothing_recorded") {
    error.message += fmt::format(
        " since {}\n  (`callgate workloads` names those that are enrolled, `callgate sessions list` shows "
        "what is on record, and "
        "--since looks further back)",
        options.calls.since);
  }
  return error;
}

int suggest_policy(const Context& context, const Options& options) {
  suggest::EvidenceOptions limits;
  limits.distinct = options.distinct;
  suggest::Evidence evidence(limits);
  const auto read =
      read_recorded_calls(context, options.calls, [&](const v1::Record& record) { evidence.add(record); });
  if (!read) return context.fail(read.error());
  suggest::SuggestionOptions wanted{
      options.calls.workload, options.name,
      options.mode == "enforce" ? policy::Mode::enforce : policy::Mode::observe};
  const auto made = suggest::suggest(evidence, wanted);
  if (!made) return context.fail(explained(made.error(), options));
  const auto& output = context.output;
  if (!options.file.empty()) {
    if (const auto written = create_file(options.file, made->text, readable); !written) {
      if (written.error().code != "exists") return context.fail(written.error());
      return context.fail(make_error(
          "exists", fmt::format("{} is there already, and could be in force: name another file, or remove it",
                                options.file)));
    }
  }
  if (output.json) {
    output.out << json::serialize(to_json_object(*made)) << '\n';
  } else if (options.file.empty()) {
    output.out << made->text;
  } else {
    output.out << fmt::format("{}: {} functions for {} calls; {} denied calls are listed, and not allowed\n",
                              safe(options.file), show_number(made->functions), show_number(made->calls),
                              show_number(made->denied));
  }
  return exit_ok;
}

}  // namespace

void add_policy_suggest(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action
  auto* const command =
      group.add_subcommand("suggest", "Make the least policy that would have allowed what is on record");
  add_recorded_calls_options(*command, options->calls).front()->required();
  command->add_option("--name", options->name, "Name of the policy (default: made of the workload's)")
      ->type_name("NAME");
  command->add_option("-o,--output", options->file, "Write the policy to this file, which must not exist yet")
      ->type_name("FILE");
  command->add_option("--mode", options->mode, "What the policy says of its mode")
      ->check(CLI::IsMember({"observe", "enforce"}))
      ->capture_default_str();
  command
      ->add_option("--distinct", options->distinct,
                   "How many values of one segment of paths are listed before it becomes `*`")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->footer(
      "Every call that was let go is allowed, whatever became of it; what enforced policies denied is listed "
      "in comments,\n"
      "and is not. Ids, numbers that vary, and segments with many values become `*`; methods and hosts are "
      "never\n"
      "generalized. The policy has passed `policy check`. Exit status 5 if nothing is recorded.\n"
      "\n"
      "Examples:\n"
      "  callgate policy suggest --workload shop\n"
      "  callgate policy suggest --workload shop --since 30d --mode enforce -o shop.yaml\n"
      "  callgate policy diff /etc/callgate/policies shop.yaml --against-sessions --workload shop");
  command->callback([&context, options] {
    context.action = [&context, options] { return suggest_policy(context, *options); };
  });
}

}  // namespace callgate::cli
