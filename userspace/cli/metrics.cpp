#include <array>
#include <csignal>
#include <ostream>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.hpp"
#include "cli/command.hpp"

namespace callgate::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

Result<std::string> scrape(const Context& context) {
  auto client = context.connect();
  if (!client) return client.error();
  auto reply = (*client)->metrics();
  if (!reply) return reply.error();
  return std::move(*reply->mutable_text());
}

http::response<http::string_body> answer_to(const Context& context,
                                            const http::request<http::empty_body>& request) {
  http::response<http::string_body> answer;
  answer.version(11);
  answer.keep_alive(false);
  answer.set(http::field::content_type, content_type);
  if (request.target() != "/metrics" ||
      (request.method() != http::verb::get && request.method() != http::verb::head)) {
    answer.result(http::status::not_found);
    answer.body() = "metrics are at /metrics\n";
  } else if (auto text = scrape(context)) {
    answer.body() = std::move(*text);
  } else {
    answer.result(http::status::service_unavailable);
    answer.body() = text.error().message + "\n";
  }
  answer.prepare_payload();
  if (request.method() == http::verb::head) answer.body().clear();
  return answer;
}

// One request a connection. Whoever is slow is cut off, and whoever says too much.
template <typename Socket>
void serve_one(const Context& context, Socket socket) {
  const timeval patience{5, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  boost::beast::flat_buffer buffer(16U << 10U);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(8U << 10U);
  boost::system::error_code failed;
  http::read_header(socket, buffer, parser, failed);
  if (failed) return;
  http::write(socket, answer_to(context, parser.get()), failed);
}

template <typename Acceptor>
int serve(const Context& context, Acceptor& acceptor, const std::string& where) {
  context.output.err << "callgate: metrics are at " << where << '\n';
  for (;;) {
    boost::system::error_code failed;
    auto socket = acceptor.accept(failed);
    if (!failed) {
      serve_one(context, std::move(socket));
    } else if (failed != boost::system::errc::interrupted) {
      return context.fail(make_error("system_error", "accept: " + failed.message()));
    }
  }
}

int listen_on(const Context& context, const std::string& where) {
  asio::io_context io;
  boost::system::error_code failed;
  constexpr std::string_view unix_prefix = "unix:";
  if (where.starts_with(unix_prefix)) {
    const std::string path = where.substr(unix_prefix.size());
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
    asio::local::stream_protocol::acceptor acceptor(io);
    acceptor.open();
    acceptor.bind(asio::local::stream_protocol::endpoint(path), failed);
    if (!failed) acceptor.listen(16, failed);
    if (failed)
      return context.fail(
          make_error("system_error", fmt::format("listen on {}: {}", where, failed.message())));
    return serve(context, acceptor, where);
  }
  const auto address = parse_address(where);
  if (!address || address->port == 0) {
    return context.fail(
        make_error("invalid", fmt::format("`{}` is no address with a port: write 127.0.0.1:9464, "
                                          "[::1]:9464 or unix:/run/callgate-metrics.sock",
                                          where)));
  }
  const auto ip = asio::ip::make_address(ip_to_string(*address), failed);
  if (failed || !ip.is_loopback()) {
    return context.fail(make_error(
        "invalid", fmt::format("`{}` is not on loopback: whoever reaches the metrics reads them; "
                               "let the scraper run on this host, or put a server with TLS before it",
                               where)));
  }
  asio::ip::tcp::acceptor acceptor(io);
  const asio::ip::tcp::endpoint endpoint(ip, address->port);
  acceptor.open(endpoint.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(16, failed);
  if (failed)
    return context.fail(make_error("system_error", fmt::format("listen on {}: {}", where, failed.message())));
  return serve(context, acceptor, "http://" + where + "/metrics");
}

int metrics(const Context& context, const std::string& where) {
  if (!where.empty()) return listen_on(context, where);
  const auto text = scrape(context);
  if (!text) return context.fail(text.error());
  context.output.out << *text;
  return exit_ok;
}

}  // namespace

void add_metrics(CLI::App& app, Context& context) {
  auto* const command =
      app.add_subcommand("metrics", "Print the agent's metrics for Prometheus, or serve them");
  auto where = std::make_shared<std::string>();
  command
      ->add_option("--listen", *where,
                   "Serve them over HTTP, on a loopback address or on unix:PATH, until Ctrl-C")
      ->type_name("ADDRESS");
  command->footer(
      "The agent itself serves no HTTP: let this run as a user without privileges that `control.viewers` "
      "or `run.users`\n"
      "name. docs/metrics.md explains each metric.\n"
      "\n"
      "Examples:\n"
      "  callgate metrics\n"
      "  callgate metrics --listen 127.0.0.1:9464\n"
      "  callgate metrics > /var/lib/prometheus/node-exporter/callgate.prom");
  command->callback(
      [&context, where] { context.action = [&context, where] { return metrics(context, *where); }; });
}

}  // namespace callgate::cli
