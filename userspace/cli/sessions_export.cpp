#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/export_file.hpp"
#include "cli/export_writer.hpp"
#include "cli/progress.hpp"
#include "cli/session_filter.hpp"
#include "cli/session_pages.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::vector<std::string> ids;
  FilterOptions filter;
  std::string format = "jsonl";
  bool payloads = false;
  std::string file = "-";
  bool force = false;
};

class Export {
 public:
  Export(control::Client& client, const Options& options, std::ostream& out, const Output& output)
      : client_(client), options_(options), out_(out), progress_line_(output.err) {
    writer_ = options.format == "har" ? make_har_writer(out, options.payloads)
                                      : make_jsonl_writer(out, options.payloads);
  }

  Result<void> run() {
    if (options_.ids.empty()) {
      CALLGATE_TRY(all_that_match());
    } else {
      for (const auto& id : options_.ids) {
        v1::ShowSessionRequest request;
        request.set_id(id);
        CALLGATE_TRY(show(request));
      }
    }
    writer_->finish();
    progress_line_.clear();
    return {};
  }

  // Whether everything that was read could be, and what else there is to say.
  [[nodiscard]] bool damaged() const { return damaged_; }
  void tell(std::ostream& err) const {
    err << fmt::format("{} calls exported\n", show_number(calls_ - writer_->left_out()));
    if (writer_->left_out() > 0) {
      err << fmt::format("callgate: {} calls are not HTTP and were left out: --format jsonl has them\n",
                         show_number(writer_->left_out()));
    }
    if (damaged_) err << "callgate: payload is DAMAGED: the export says where\n";
  }

 private:
  Result<void> all_that_match() {
    const auto filter = options_.filter.value();
    if (!filter) return filter.error();
    v1::ListSessionsRequest request;
    *request.mutable_filter() = *filter;
    Result<void> shown;
    const auto listed = each_page(client_, request, no_limit, [&](const v1::ListSessionsReply& reply) {
      for (const auto& record : reply.records()) {
        shown = options_.payloads ? show(record) : alone(record);
        if (!shown || !out_.good()) return false;
      }
      return true;
    });
    if (!listed) return listed.error();
    return shown;
  }

  Result<void> alone(const v1::Record& record) {
    begin(record);
    writer_->end();
    return {};
  }

  Result<void> show(const v1::Record& record) {
    v1::ShowSessionRequest request;
    request.set_id(to_hex(as_bytes(record.session_id())));
    request.set_call_id(record.call_id());
    return show(request);
  }

  Result<void> show(v1::ShowSessionRequest request) {
    request.set_without_payloads(!options_.payloads);
    bool open = false;
    const auto shown = client_.show_session(request, [&](const v1::ShowSessionPart& part) {
      if (part.has_record()) {
        if (open) writer_->end();
        open = true;
        begin(part.record());
      } else {
        damaged_ = damaged_ || part.payload().state() == v1::PayloadChunk::STATE_DAMAGED;
        writer_->add(part.payload());
      }
      return out_.good();
    });
    if (open) writer_->end();
    return shown;
  }

  void begin(const v1::Record& record) {
    progress_line_.show(
        fmt::format("{} calls exported, now at {}", show_number(calls_), show_time(record.opened_ns())));
    ++calls_;
    writer_->begin(record);
  }

  control::Client& client_;
  const Options& options_;
  std::ostream& out_;
  ProgressLine progress_line_;
  std::unique_ptr<ExportWriter> writer_;
  std::uint64_t calls_ = 0;
  bool damaged_ = false;
};

int export_sessions(const Context& context, const Options& options) {
  // What is asked for is checked before a file is made.
  if (const auto filter = options.filter.value(); !filter) return context.fail(filter.error());
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  std::optional<ExportFile> file;
  if (options.file != "-") {
    auto created = ExportFile::create(options.file, options.force);
    if (!created) return context.fail(created.error());
    file.emplace(std::move(*created));
  }
  Export exported(**client, options, file ? file->stream() : context.output.out, context.output);
  if (const auto ran = exported.run(); !ran) return context.fail(ran.error());
  if (file) {
    if (const auto done = file->commit(); !done) return context.fail(done.error());
    exported.tell(context.output.err);
  } else if (!context.output.out.good()) {
    return exit_finding;
  }
  return exported.damaged() ? exit_finding : exit_ok;
}

}  // namespace

void add_sessions_export(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("export", "Write calls to a file, for other programs");
  auto* const ids =
      command->add_option("ID", options->ids, "Of sessions or calls; without any, what the filters select");
  ids->type_name("ID ...");
  add_filter_options(*command, options->filter, true);
  command->add_option("--format", options->format, "JSON Lines, or HTTP Archive 1.2 (HTTP calls only)")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->check(CLI::IsMember({"jsonl", "har"}));
  command->add_flag("--payloads", options->payloads,
                    "Also what was sent and answered, as far as it was captured");
  command->add_option("-o,--output", options->file, "Where to (default: standard output)")->type_name("FILE");
  command->add_flag("--force", options->force, "Replace the file if it is there already");
  command->footer(
      "The file is written under another name beside its place and renamed when it is whole; it is readable "
      "for "
      "you alone.\n"
      "Filters give the newest call first. A line of jsonl is a record as --json has it; with --payloads it "
      "has "
      "an array\n"
      "\"payloads\" of pieces: {\"part\", \"state\", \"offset\", \"time\", \"base64\"}. In HAR, bodies that "
      "are no text "
      "are in base64,\n"
      "and \"_callgate\" says who called and what was decided.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions export --since 1d --decision deny -o denied.jsonl\n"
      "  callgate sessions export --since 1h --workload shop --format har --payloads -o shop.har\n"
      "  callgate sessions export 00000000002a --payloads | jq -r '.payloads[] | select(.part == \"response "
      "body\") | "
      ".base64' | base64 -d");
  command->callback([&context, options] {
    context.action = [&context, options] { return export_sessions(context, *options); };
  });
}

}  // namespace callgate::cli
