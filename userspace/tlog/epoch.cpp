#include "tlog/epoch.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>

#include <fmt/format.h>

namespace callgate::tlog {
namespace {

// The number that epoch_directory() would write so.
std::optional<std::uint32_t> read_directory(std::string_view name) {
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (problem != std::errc() || end != name.data() + name.size() || number == 0 || number > most_epochs ||
      epoch_directory(number) != name) {
    return std::nullopt;
  }
  return number;
}

std::string_view without(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return {};
  name.remove_suffix(suffix.size());
  return name;
}

}  // namespace

std::string epoch_directory(std::uint32_t number) {
  return fmt::format("{:06}", number);
}

std::string epoch_name(std::string_view log_name, std::uint32_t number) {
  return fmt::format("{}/{}", log_name, number);
}

VerifierKey epoch_key(const VerifierKey& log_key, std::uint32_t number) {
  return {epoch_name(log_key.name(), number), log_key.key()};
}

std::optional<std::uint32_t> epoch_in_name(std::string_view log_name, std::string_view origin) {
  if (!origin.starts_with(log_name)) return std::nullopt;
  std::uint32_t number = 0;
  const auto slash = origin.rfind('/');
  if (slash != log_name.size()) return std::nullopt;
  const auto digits = origin.substr(slash + 1);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc() || number > most_epochs || epoch_name(log_name, number) != origin ||
      number == 0) {
    return std::nullopt;
  }
  return number;
}

Result<EpochListing> list_epochs(const std::string& directory) {
  EpochListing listing;
  std::error_code failure;
  std::filesystem::directory_iterator entries(directory, failure);
  for (const std::filesystem::directory_iterator end; !failure && entries != end;
       entries.increment(failure)) {
    const auto name = entries->path().filename().string();
    if (const auto epoch = read_directory(name)) {
      listing.epochs.push_back(*epoch);
    } else if (const auto damaged = read_directory(without(name, set_aside_suffix))) {
      listing.set_aside.push_back(*damaged);
    } else if (read_directory(without(name, beginning_suffix)) ||
               read_directory(without(name, removal_suffix))) {
      listing.half_done.push_back(name);
    }
  }
  if (failure) return system_error(fmt::format("list {}", directory), failure.value());
  std::sort(listing.epochs.begin(), listing.epochs.end());
  std::sort(listing.set_aside.begin(), listing.set_aside.end());
  return listing;
}

std::vector<std::uint32_t> missing_epochs(const EpochListing& listing) {
  std::vector<std::uint32_t> known;
  std::set_union(listing.epochs.begin(), listing.epochs.end(), listing.set_aside.begin(),
                 listing.set_aside.end(), std::back_inserter(known));
  std::vector<std::uint32_t> missing;
  for (std::size_t i = 1; i < known.size(); ++i) {
    // Hostile names must not make this long: the first few say enough.
    for (auto number = known[i - 1] + 1; number < known[i] && missing.size() < 1000; ++number)
      missing.push_back(number);
  }
  return missing;
}

}  // namespace callgate::tlog
