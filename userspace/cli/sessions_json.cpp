#include "cli/sessions_json.hpp"

#include <map>
#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/bytes.hpp"
#include "cli/json.hpp"

namespace callgate::cli {

boost::json::value sessions_to_json(const v1::ListSessionsReply& reply) {
  boost::json::array sessions;
  std::map<std::string, std::size_t> places;
  for (const auto& record : reply.records()) {
    const auto [place, first] = places.emplace(record.session_id(), sessions.size());
    if (first) {
      sessions.push_back(boost::json::object{{"session", to_hex(as_bytes(record.session_id()))},
                                             {"workload", record.workload().name()},
                                             {"spiffe_id", record.workload().spiffe_id()},
                                             {"calls", 0},
                                             {"functions", boost::json::array()},
                                             {"records", boost::json::array()}});
    }
    auto& session = sessions[place->second].as_object();
    if (record.kind() != v1::Record::KIND_FLOW) {
      session["calls"] = session["calls"].as_int64() + 1;
      session["functions"].as_array().emplace_back(record.function());
    }
    session["records"].as_array().push_back(record_to_json(record));
  }
  return boost::json::object{{"sessions", std::move(sessions)}, {"next_cursor", reply.next_page_token()}};
}

boost::json::value counts_to_json(const v1::ListSessionsReply& reply, const std::string& by) {
  boost::json::object object{{"count", reply.count()}};
  if (by.empty()) return object;
  boost::json::array groups;
  for (const auto& group : reply.groups())
    groups.push_back(boost::json::object{{"value", group.value()}, {"count", group.count()}});
  object["by"] = by;
  object["groups"] = std::move(groups);
  return object;
}

}  // namespace callgate::cli
