// Reads events that came out of a ring. What a ring holds is hostile: every length, enumeration and text is
// checked against the limits of event.hpp, and nothing outside the given bytes is touched.
#pragma once

#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "record/event.hpp"
#include "record/event_writer.hpp"

namespace callgate::record {

// Views into the parsed bytes; the fixed parts are copies.
struct CallOpenedView {
  CallOpened event;
  CallOpenedText text;
};
struct CallDecidedView {
  CallDecided event;
  CallDecidedText text;
};
struct CallUpstreamView {
  CallUpstream event;
  CallUpstreamText text;
};
struct CallClientView {
  CallClient event;
  CallClientText text;
};
struct PayloadView {
  Payload event;
  Bytes bytes;
};
struct CallClosedView {
  CallClosed event;
  ErrorText error;
};
struct SessionClosedView {
  SessionClosed event;
  ErrorText error;
};
using EventView = std::variant<SessionOpened, CallOpenedView, CallUpstreamView, CallClientView, PayloadView,
                               CallClosedView, SessionClosedView, Gap, CallDecidedView>;

// The size of the event at the start of `bytes`, 0 where there is no whole one. Each of these two looks at
// what it tells once, so it holds even where `bytes` is being changed.
[[nodiscard]] std::size_t event_size(Bytes bytes);
// The type of an event; `bytes` is at least a header.
[[nodiscard]] EventType event_type(Bytes bytes);

// The event that fills `bytes` exactly. Errors: event_unknown (type), event_size, event_text (over its
// limit), event_value (a value that has no meaning).
[[nodiscard]] Result<EventView> parse_event(Bytes bytes);
// The same for an event of type payload, whose bytes may be changed at any time: they are not looked at, and
// the fixed part is a copy.
[[nodiscard]] Result<EventView> parse_payload(Bytes bytes);

}  // namespace callgate::record
