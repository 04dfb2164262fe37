// Who reads evidence through the control API, what of it they may see, and what they ask for.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.hpp"
#include "callgate/v1/control.pb.h"
#include "callgate/v1/record.pb.h"
#include "index/query.hpp"
#include "inquiry/record_filter.hpp"
#include "record/store_queries.hpp"

namespace callgate::node {

struct EvidenceReader {
  const record::StoreQueries& store;
  // By the registry id of the workload that a record names.
  std::function<bool(std::uint64_t workload)> may_see;
  std::function<bool(std::uint64_t workload)> may_read_payload;
  // Makes a record of a look at payload, and returns when the journal has it; nothing may be shown before.
  std::function<Result<void>(v1::Event event)> note;

  [[nodiscard]] bool sees(const v1::Record& record) const { return may_see(record.workload().registry_id()); }
  [[nodiscard]] bool reads(const v1::Record& record) const {
    return may_read_payload(record.workload().registry_id());
  }
};

// What the index is asked for a filter, by somebody who sees what `reader` sees. Errors: invalid; not_found
// where the filter names an id that nothing has.
[[nodiscard]] Result<index::Query> to_query(const inquiry::RecordFilter& filter,
                                            const EvidenceReader& reader);

}  // namespace callgate::node
