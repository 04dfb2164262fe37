#include "tlog/audit_verify.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tlog/note.hpp"
#include "tlog/reader.hpp"

namespace callgate::tlog {
namespace {

struct Older {
  std::uint32_t epoch = 0;
  Checkpoint checkpoint;
};

// The older checkpoint must be one of this log before it can speak for it.
Result<Older> open_older(const std::string& note, const VerifierKey& key) {
  const auto checkpoint = parse_checkpoint_note(note);
  if (!checkpoint) {
    return make_error(checkpoint.error().code, "the older checkpoint: " + checkpoint.error().message);
  }
  const auto epoch = epoch_in_name(key.name(), checkpoint->origin);
  if (!epoch) {
    return make_error("wrong_origin",
                      fmt::format("the older checkpoint is of the log {}, and not of an epoch of {}",
                                  checkpoint->origin, key.name()));
  }
  auto opened = open_checkpoint(note, epoch_key(key, *epoch));
  if (!opened) return make_error(opened.error().code, "the older checkpoint: " + opened.error().message);
  return Older{*epoch, std::move(*opened)};
}

class AuditVerification {
 public:
  AuditVerification(std::string directory, const VerifierKey& key, const AuditVerifyOptions& options)
      : directory_(std::move(directory)), key_(key), options_(options) {}

  Result<AuditReport> run();

 private:
  Result<void> verify_epoch(std::uint32_t number);
  void check_link(std::uint32_t number);
  void compare_link(std::uint32_t number, const Checkpoint& held);
  void check_older();
  void count_entries();
  [[nodiscard]] bool has_expired(std::uint32_t number) const;
  void add(std::uint32_t number, Finding finding);
  [[nodiscard]] std::string path_of(std::uint32_t number) const {
    return directory_ + "/" + epoch_directory(number);
  }

  std::string directory_;
  const VerifierKey& key_;
  const AuditVerifyOptions& options_;
  EpochListing listing_;
  std::optional<Older> older_;
  // The last checkpoint of the epoch before the oldest, as that holds it.
  std::optional<Checkpoint> before_oldest_;
  std::uint64_t done_ = 0;
  std::uint64_t all_ = 0;
  AuditReport report_;
};

void AuditVerification::add(std::uint32_t number, Finding finding) {
  finding.file = epoch_directory(number) + "/" + finding.file;
  finding.message = fmt::format("epoch {}: {}", number, finding.message);
  report_.add(std::move(finding));
}

// For the progress only: what a damaged checkpoint says is not believed anywhere else.
void AuditVerification::count_entries() {
  for (const auto number : listing_.epochs) {
    const auto log = LogReader::open(path_of(number), epoch_key(key_, number));
    all_ += log ? log->size() : 0;
  }
}

// A running log may remove its oldest epoch while it is looked at.
bool AuditVerification::has_expired(std::uint32_t number) const {
  const auto now = list_epochs(directory_);
  return now && !now->epochs.empty() && number < now->epochs.front();
}

Result<void> AuditVerification::verify_epoch(std::uint32_t number) {
  VerifyOptions options;
  if (older_ && older_->epoch == number) options.older = options_.older;
  options.on_progress = [this](std::uint64_t entries, std::uint64_t) {
    if (options_.on_progress) options_.on_progress(done_ + entries, std::max(all_, done_ + entries));
  };
  auto report = verify_log(path_of(number), epoch_key(key_, number), options);
  if (!report) return report.error();
  if (report->missing && has_expired(number)) return {};
  for (const auto& finding : report->findings)
    add(number, finding);
  report_.finding_count += report->finding_count - report->findings.size();
  if (report->checkpoint) {
    done_ += report->checkpoint->size;
    report_.entries += report->checkpoint->size;
  }
  if (report->proven) report_.proven = AuditReport::Proven{number, *report->proven};
  report_.epochs.push_back({number, std::move(*report)});
  return {};
}

void AuditVerification::compare_link(std::uint32_t number, const Checkpoint& held) {
  const auto before = std::find_if(report_.epochs.begin(), report_.epochs.end(),
                                   [number](const auto& epoch) { return epoch.number + 1 == number; });
  if (before == report_.epochs.end()) {
    if (number == listing_.epochs.front()) before_oldest_ = held;
    return;
  }
  if (!before->log.checkpoint || *before->log.checkpoint == held) return;
  const bool shorter = before->log.checkpoint->size < held.size;
  add(number - 1, {shorter ? Finding::Kind::cut : Finding::Kind::altered, checkpoint_name, held.size,
                   before->log.checkpoint->size,
                   fmt::format("it ends with {} entries, and epoch {} says that it ended with {}{}",
                               before->log.checkpoint->size, number, held.size,
                               shorter ? "" : " and with another root")});
}

// That the first entry of an epoch holds the last checkpoint of the one before.
void AuditVerification::check_link(std::uint32_t number) {
  const auto broken = [&](std::string_view why) {
    add(number,
        {Finding::Kind::altered, Tile{Tile::entries, 0, 1}.path(), 0, 1,
         fmt::format("its first entry does not hold the last checkpoint of epoch {}: {}", number - 1, why)});
  };
  const auto& log = report_.epochs.back().log;
  if (!log.checkpoint) return;
  const auto first = read_entry(path_of(number), log.checkpoint->size, 0);
  if (!first && first.error().code == "not_found") return broken("it has no entries");
  if (!first) return;  // reported
  const auto before = epoch_key(key_, number - 1);
  const auto note =
      options_.previous_checkpoint ? options_.previous_checkpoint(*first) : find_note(*first, before.name());
  const bool lost = std::binary_search(listing_.set_aside.begin(), listing_.set_aside.end(), number - 1);
  if (!note && lost) return;
  if (!note) return broken("it holds none");
  const auto held = open_checkpoint(*note, before);
  if (!held) return broken(held.error().message);
  compare_link(number, *held);
}

void AuditVerification::check_older() {
  if (!older_) return;
  const auto oldest = listing_.epochs.front();
  const auto newest = listing_.epochs.back();
  const auto& older = *older_;
  if (older.epoch > newest) {
    report_.add(
        {Finding::Kind::missing, epoch_directory(older.epoch), 0, older.checkpoint.size,
         fmt::format(
             "the log was rolled back: it ends with epoch {}, and the older checkpoint is of epoch {}",
             newest, older.epoch)});
  } else if (older.epoch + 1 == oldest && before_oldest_ && before_oldest_->size == older.checkpoint.size &&
             before_oldest_->root == older.checkpoint.root) {
    report_.proven = AuditReport::Proven{older.epoch, older.checkpoint.size};
  } else if (!std::binary_search(listing_.epochs.begin(), listing_.epochs.end(), older.epoch)) {
    report_.not_compared = fmt::format(
        "the older checkpoint is of epoch {}, which is not there any more (the oldest that is: {}); give a "
        "newer one",
        older.epoch, oldest);
  }
}

Result<AuditReport> AuditVerification::run() {
  if (options_.older) {
    auto older = open_older(*options_.older, key_);
    if (!older) return older.error();
    older_ = std::move(*older);
  }
  auto listing = list_epochs(directory_);
  if (!listing) return listing.error();
  listing_ = std::move(*listing);
  if (listing_.epochs.empty()) {
    return make_error("not_found",
                      fmt::format("{} holds no audit log: it has no directory 000001 or later", directory_));
  }
  report_.set_aside = listing_.set_aside;
  count_entries();
  for (const auto number : listing_.epochs) {
    CALLGATE_TRY(verify_epoch(number));
    const bool verified = !report_.epochs.empty() && report_.epochs.back().number == number;
    if (number > 1 && verified) check_link(number);
  }
  for (const auto number : missing_epochs(listing_)) {
    report_.add(
        {Finding::Kind::missing, epoch_directory(number), 0, 0, fmt::format("epoch {} is missing", number)});
  }
  for (const auto number : listing_.set_aside) {
    report_.add(
        {Finding::Kind::missing, epoch_directory(number) + set_aside_suffix, 0, 0,
         fmt::format("epoch {} was set aside as damaged, and is not part of the log any more", number)});
  }
  check_older();
  if (report_.finding_count > 0) report_.proven.reset();
  return std::move(report_);
}

}  // namespace

void AuditReport::add(Finding finding) {
  altered = altered || finding.kind != Finding::Kind::missing;
  missing = missing || finding.kind != Finding::Kind::altered;
  finding_count += 1;
  if (findings.size() < LogReport::most_findings) findings.push_back(std::move(finding));
}

Result<AuditReport> verify_audit_log(const std::string& directory, const VerifierKey& key,
                                     const AuditVerifyOptions& options) {
  return AuditVerification(directory, key, options).run();
}

std::optional<std::string> find_note(std::string_view bytes, std::string_view origin) {
  const std::string start = std::string(origin) + "\n";
  for (auto place = bytes.find(start); place != std::string_view::npos;
       place = bytes.find(start, place + 1)) {
    const auto text_end = bytes.find("\n\n", place);
    const auto end = text_end == std::string_view::npos ? text_end : bytes.find('\n', text_end + 2);
    if (end == std::string_view::npos) return std::nullopt;
    const auto note = bytes.substr(place, end + 1 - place);
    if (parse_checkpoint_note(note)) return std::string(note);
  }
  return std::nullopt;
}

}  // namespace callgate::tlog
