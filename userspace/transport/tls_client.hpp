// TLS to targets: contexts, verification, and one connection as a non-blocking machine over a socket.
//
// Everything here belongs to one thread. OpenSSL runs over a BIO of our own: encrypted bytes are received
// into one buffer shared by all connections of the thread, and what a record leaves over stays with its
// connection.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::transport {

// What a workload presents to targets that ask for a certificate. PEM.
struct ClientIdentity {
  std::string spiffe_id;
  std::string certificate_chain_pem;
  std::string private_key_pem;
};

// What targets are verified against. PEM bundles of certificates.
struct TrustAnchors {
  std::string system_pem;  // the host's roots
  std::string bundle_pem;  // the trust domain's roots
  std::string trust_domain;
};

// What a connection must prove. Sessions are resumed only between equal requirements.
struct TargetRequirement {
  bool verify = true;         // false: TLS without verification; the caller marks every such call
  bool trust_bundle = false;  // verify against TrustAnchors::bundle_pem instead of system_pem
  bool require_client_certificate_request = false;  // mutual: the target must have asked for our certificate
  bool allow_tls12 = false;
  std::string name;  // DNS name or IP literal for SNI (names only) and the certificate's name; no port
  // SPIFFE ID that the certificate must carry instead of the name, of TrustAnchors::trust_domain; always
  // verified against bundle_pem. Empty: the name is verified.
  std::string identity;
  std::uint16_t port = 0;  // not verified: keeps sessions of different ports apart
  // ALPN protocols (RFC 7301) to offer, in this order, such as "http/1.1"; empty: no offer. A target that
  // ignores the offer is accepted.
  std::vector<std::string> application_protocols;

  bool operator==(const TargetRequirement&) const = default;
};

// What the target proved, for records. Digests are SHA-256 over the DER certificate.
struct PeerCertificate {
  std::string subject;    // RFC 2253, at most 512 bytes
  std::string spiffe_id;  // the URI SAN, if it is one valid SPIFFE ID
  std::string sha256_hex;
  std::uint64_t not_after = 0;  // seconds since 1970
};
struct TlsFacts {
  std::string version;  // "TLSv1.3"
  std::string cipher;
  std::string application_protocol;  // that the target chose of those offered; empty: none
  bool resumed = false;
  bool verified = false;                 // chain, dates and name or identity; false only where verify was
  bool client_certificate_sent = false;  // of a resumed session: in the handshake that it stems from
  // Shared: resumed sessions and pooled calls point to the same facts.
  std::shared_ptr<const PeerCertificate> peer;
};

enum class IoStatus : std::uint8_t { ok, want_read, want_write, closed, failed };
struct IoResult {
  IoStatus status = IoStatus::ok;
  std::size_t size = 0;  // bytes moved, for ok
};

// The contexts of one workload on one thread: client identity, trust, cached sessions (bounded). Replaced
// when its SVID rotates or bundles change; connections that exist keep the old one alive. Parsed anchors are
// shared between the clients of a thread that have equal ones.
class TlsClient {
 public:
  // Nanoseconds since 1970, against which certificates are judged.
  using Clock = std::uint64_t (*)();

  // An identity without a certificate chain presents none. Errors: bad_certificate, bad_key, bad_identity
  // (key and certificate do not belong together), bad_bundle (bundle_pem holds a certificate of no
  // authority), tls_failed.
  [[nodiscard]] static Result<std::shared_ptr<TlsClient>> make(const ClientIdentity& identity,
                                                               const TrustAnchors& anchors,
                                                               Clock clock = wall_ns);
  virtual ~TlsClient() = default;
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

 protected:
  TlsClient() = default;
};

// One connection. Owns the socket, which is connected or connecting, and non-blocking. Waiting and deadlines
// are the caller's; want_read and want_write come only after the kernel said that it would block, so they may
// be awaited edge-triggered too.
class TlsConnection {
 public:
  // Errors: bad_requirement (nothing to verify, an unusable name or identity, no certificate to present for
  // mutual TLS), tls_failed.
  [[nodiscard]] static Result<std::unique_ptr<TlsConnection>> start(std::shared_ptr<TlsClient> client,
                                                                    Fd socket,
                                                                    const TargetRequirement& requirement);
  virtual ~TlsConnection() = default;
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  [[nodiscard]] virtual int fd() const = 0;
  // Drives the handshake, verification included: ok only when everything that `requirement` asks for is
  // proved. With TLS 1.3, a target that insists on our certificate tells so only after the handshake; such an
  // alert comes from read().
  [[nodiscard]] virtual IoStatus handshake() = 0;
  // Decrypted bytes into `buffer`, as many as there are without receiving twice. closed only after the peer's
  // close_notify; a bare FIN is failed (tls_truncated).
  [[nodiscard]] virtual IoResult read(std::span<std::uint8_t> buffer) = 0;
  // True if bytes were received and not read yet: call read() before waiting for the socket. False after
  // want_read.
  [[nodiscard]] virtual bool has_buffered() const = 0;
  // Encrypts and sends up to 64 KB of `bytes`; after want_read or want_write the same bytes must be offered
  // again. After a failure read() still gives what the target sent before, such as an early answer.
  [[nodiscard]] virtual IoResult write(Bytes bytes) = 0;
  // Sends close_notify without waiting; nothing can be read or written after it.
  virtual void shut_down() = 0;
  // Of a failed operation: codes tls_expired, tls_not_yet_valid, tls_name_mismatch, tls_identity_mismatch,
  // tls_untrusted, tls_not_spoken (the peer's bytes are no TLS), tls_version,
  // tls_client_certificate_not_requested, tls_client_certificate_refused, tls_truncated, tls_reset,
  // tls_failed.
  [[nodiscard]] virtual const Error& error() const = 0;
  // Valid once handshake() returned ok; the certificate also after a failed verification.
  [[nodiscard]] virtual const TlsFacts& facts() const = 0;

 protected:
  TlsConnection() = default;
};

}  // namespace callgate::transport
