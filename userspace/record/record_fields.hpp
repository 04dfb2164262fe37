// From the fields of events to the fields of records.
#pragma once

#include <string>

#include "callgate/v1/record.pb.h"
#include "record/event_parse.hpp"

namespace callgate::record {

// Of the newest block of the payload; 0: nothing was captured.
[[nodiscard]] std::uint64_t payload_pointer(const v1::Record& record);

// What a session's event says, in the fields that its records share.
void set_session(const SessionOpened& event, v1::Record& record);
void set_call(const CallOpenedView& view, v1::Record& record);
void set_decision(const CallDecidedView& view, v1::Record& record);
void set_upstream(const CallUpstreamView& view, v1::Record& record);
void set_client(const CallClientView& view, v1::Record& record);
void set_closed(const CallClosedView& view, v1::Record& record);
void set_closed(const SessionClosedView& view, v1::Record& record);

}  // namespace callgate::record
