#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

int show_identities(const Context& context, const std::string& workload) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::IdentityShowRequest request;
  request.set_workload(workload);
  const auto reply = (*client)->identity_show(request);
  if (!reply) return context.fail(reply.error());
  const auto& output = context.output;
  if (output.json) {
    output.out << to_json(*reply) << '\n';
    return exit_ok;
  }
  Table authorities({{"AUTHORITY OF"}, {"SUBJECT", true}, {"SHA256", true}, {"VALID UNTIL"}});
  for (const auto& authority : reply->authorities()) {
    authorities.add({authority.trust_domain(), authority.subject(), authority.sha256(),
                     show_time(authority.not_after())});
  }
  authorities.print(output);
  output.out << '\n';
  Table svids({{"WORKLOAD"}, {"ID", false, true}, {"IDENTITY", true}, {"SERIAL", true}, {"VALID UNTIL"}});
  for (const auto& svid : reply->svids()) {
    svids.add({svid.workload(), std::to_string(svid.workload_id()), svid.spiffe_id(), svid.serial(),
               show_time(svid.not_after())});
  }
  svids.print(output);
  return exit_ok;
}

int show_bundle(const Context& context, const std::string& format) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::IdentityBundleRequest request;
  request.set_format(format == "jwks" ? v1::IdentityBundleRequest::FORMAT_JWKS
                                      : v1::IdentityBundleRequest::FORMAT_PEM);
  const auto reply = (*client)->identity_bundle(request);
  if (!reply) return context.fail(reply.error());
  auto text = context.output.json ? to_json(*reply) : reply->bundle();
  if (text.empty() || text.back() != '\n') text += '\n';
  context.output.out << text;
  return exit_ok;
}

}  // namespace

void add_identity(CLI::App& app, Context& context) {
  auto* const group = app.add_subcommand("identity", "Show the identities that workloads present to targets");
  group->require_subcommand(1);

  auto workload = std::make_shared<std::string>();  // shared: with the action, which outlives this function
  auto* const show = group->add_subcommand("show", "List the authority and the certificates of workloads");
  show->add_option("WORKLOAD", *workload, "Only of this workload");
  show->footer(
      "Examples:\n"
      "  callgate identity show\n"
      "  callgate --json identity show shop | jq -r '.svids[].certificate_chain_pem' | openssl x509 -text");
  show->callback([&context, workload] {
    context.action = [&context, workload] { return show_identities(context, *workload); };
  });

  auto format = std::make_shared<std::string>("pem");  // shared: as above
  auto* const bundle = group->add_subcommand(
      "bundle", "Print the trust bundle, for targets that demand callgate's identities");
  bundle
      ->add_option("--format", *format,
                   "pem (for ssl_client_certificate and the like) or jwks (SPIFFE bundle)")
      ->capture_default_str()
      ->check(CLI::IsMember({"pem", "jwks"}));
  bundle->footer(
      "Examples:\n"
      "  callgate identity bundle > /etc/nginx/callgate-ca.pem\n"
      "  callgate identity bundle --format jwks");
  bundle->callback(
      [&context, format] { context.action = [&context, format] { return show_bundle(context, *format); }; });
}

}  // namespace callgate::cli
