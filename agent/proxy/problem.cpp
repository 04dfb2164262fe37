#include "proxy/problem.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "protocol/http1/writer.hpp"

namespace callgate::proxy {

std::string make_problem(const ProblemAnswer& answer, bool head_request, bool close) {
  boost::json::object json;
  json["type"] = "https://callgate.dev/problems/" + std::string(answer.code);
  json["title"] = std::string(answer.title.empty() ? http1::reason_phrase(answer.status) : answer.title);
  json["status"] = answer.status;
  json["detail"] = std::string(answer.detail);
  if (!answer.reason.empty()) {
    json["policy"] = std::string(answer.policy);
    json["rule"] = std::string(answer.rule);
    json["reason"] = std::string(answer.reason);
  }
  if (answer.retry_after != 0) json["retry_after"] = answer.retry_after;
  json["session"] = to_string(answer.session);
  if (!answer.call.is_zero()) json["call"] = to_string(answer.call);
  const std::string fields =
      answer.retry_after != 0 ? fmt::format("Retry-After: {}\r\n", answer.retry_after) : std::string();
  return http1::make_problem_response(answer.status, boost::json::serialize(json), fields, head_request,
                                      close);
}

}  // namespace callgate::proxy
