"""Clients that speak TLS themselves: `tls:connect`, decided by name, to targets that prove themselves to a probe."""
import os
import secrets
import subprocess
import time

from case import BedCase, main
from testbed.processes import wait_until

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: own-tls}
spec:
  callers: [{workload: client}]
  targets:
    - {host: api.internal, port: 9443}
    - {host: changing.internal, port: 9460}
    - {host: secret.internal, port: 9443}
    - {host: own-certificate.internal, port: 9450}
    - {host: mutual.internal, port: 9451, upstream: {tls: mutual}}
    - {host: never-asks.internal, port: 9443, upstream: {tls: mutual}}
    - {host: expired.internal, port: 9444}
    - {host: wrong-name.internal, port: 9445}
    - {host: untrusted.internal, port: 9446}
    - {host: old.internal, port: 9449}
    - {host: old-allowed.internal, port: 9449, upstream: {min_version: "1.2"}}
    - {host: asks-again.internal, port: 9452}
    - {host: 10.77.2.2, port: 9447}
  rules:
    - {name: no-secrets, functions: ["tls:connect secret.internal"], action: deny, reason: secrets stay here}
    - {name: own-tls, functions: ["tls:connect"], action: allow}
"""

# A handshake whose ALPN, which is not encrypted, is a canary.
HANDSHAKE = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.set_alpn_protocols([sys.argv[2], "http/1.1"])
with socket.create_connection((sys.argv[3], int(sys.argv[4])), 20) as s:
    with context.wrap_socket(s, server_hostname=sys.argv[3]) as tls:
        print(tls.version())
"""


class ClientTls(BedCase):
    policies = {"own-tls.yaml": POLICY}
    settings = "  proof: 2s\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bundle = cls.bed.path("bundle.pem")
        with open(bundle, "w", encoding="ascii") as file:
            file.write(cls.agent.command("identity", "bundle").stdout)
        cls.root = cls.bed.certificates.root
        issue = cls.bed.certificates.issue
        asks = "ssl_client_certificate {}; ssl_verify_client on; ssl_verify_depth 3;"
        servers = []
        for port, (certificate, key), more in (
            (9443, issue("api", names=["api.internal", "secret.internal", "never-asks.internal"]), ""),
            (9450, issue("own", names=["own-certificate.internal"]), asks.format(cls.root)),
            (9451, issue("mutual", names=["mutual.internal"]),
             asks.format(bundle).replace("verify_client on", "verify_client optional")),
            (9444, issue("expired", names=["expired.internal"], expired=True), ""),
            (9445, issue("elsewhere", names=["elsewhere.internal"]), ""),
            (9446, issue("untrusted", names=["untrusted.internal"], untrusted=True), ""),
            (9447, issue("address", addresses=[cls.target.address]), ""),
            (9449, issue("old", names=["old.internal", "old-allowed.internal"]), "ssl_protocols TLSv1.2;"),
            # Clients send a key of another group first, and are asked for one of this.
            (9452, issue("asks-again", names=["asks-again.internal"]), "ssl_ecdh_curve secp384r1; ssl_protocols TLSv1.2 TLSv1.3;"),
        ):
            protocols = "" if "ssl_protocols" in more else "ssl_protocols TLSv1.2 TLSv1.3;"
            servers.append(f"listen {port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; {protocols} {more}\n"
                           'location / { return 200 "$ssl_protocol verify=$ssl_client_verify $ssl_client_s_dn\\n"; }')
        cls.nginx = cls.bed.nginx(cls.target, servers, [9443, 9444, 9445, 9446, 9447, 9449, 9450, 9451, 9452])
        cls.names = {f"{n}.internal": cls.target.address for n in (
            "api", "secret", "own-certificate", "mutual", "never-asks", "expired", "wrong-name", "untrusted", "old",
            "old-allowed", "asks-again", "nobody")}

    def get(self, url, *options):
        return self.enrolled(["curl", "-sS", "--max-time", "20", "--cacert", self.root, *options, url], name="client",
                             check=False)

    def handshake(self, host, port):
        """(what the client said, its canary); the capture of the target's side knows whether that arrived."""
        canary = f"canary-{secrets.token_hex(8)}"
        answer = self.enrolled(["/usr/bin/python3", "-c", HANDSHAKE, self.root, canary, host, str(port)], name="client",
                               check=False)
        return answer, canary

    def get_recorded(self, url, *options):
        """The answer to get(), and the record of its call."""
        return self.recorded(lambda: self.get(url, *options))

    def test_curl_reaches_its_target_end_to_end_and_the_record_says_who_it_is(self):
        answer, call = self.get_recorded("https://api.internal:9443/")
        self.assertEqual(answer.stdout, "TLSv1.3 verify=NONE \n", answer.stderr)
        self.assertEqual(call["function"], "tls:connect api.internal")
        self.assertEqual(call["decision"]["rule"], "own-tls")
        self.assertEqual(call["client_tls"]["server_name"], "api.internal")
        self.assertIn("http/1.1", call["client_tls"]["protocols"])
        self.assertEqual(call["upstream"]["application_protocol"], "http/1.1")
        upstream = call["upstream"]
        self.assertTrue(upstream["probed"])
        self.assertFalse(upstream["verified"])
        self.assertEqual(upstream["tls_version"], "TLSv1.3")
        self.assertRegex(upstream["certificate"]["sha256"], "^[0-9a-f]{64}$")
        self.assertGreater(int(call["response"]["size"]), 1000)
        self.assertEqual(int(call["response"]["captured_size"]), 0)
        shown = self.agent.command("sessions", "show", call["session_id"]).stdout
        self.assertIn("probed", shown)
        self.assertIn("for api.internal", shown)

    def test_python_and_openssl_clients(self):
        script = ("import ssl, sys, urllib.request; c = ssl.create_default_context(cafile=sys.argv[1]);"
                  "print(urllib.request.urlopen('https://api.internal:9443/', context=c, timeout=20).read().decode())")
        self.assertIn("TLSv1.3", self.enrolled(["/usr/bin/python3", "-c", script, self.root], name="client").stdout)
        answer = self.enrolled(["sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -CAfile "
                                f"{self.root} -verify_return_error -connect api.internal:9443 -servername api.internal"],
                               name="client", check=False)
        self.assertIn("TLSv1.3", answer.stdout, answer.stderr)

    def test_a_target_may_ask_for_a_second_hello(self):
        client = (f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -msg -ign_eof -CAfile {self.root} -verify_return_error "
                  "-connect asks-again.internal:9452 -servername asks-again.internal")
        answer, call = self.recorded(lambda: self.enrolled(["sh", "-c", client], name="client", check=False))
        self.assertIn("TLSv1.3 verify=NONE", answer.stdout, answer.stderr)
        self.assertEqual(answer.stdout.count(", ClientHello"), 2)
        self.assertEqual(call["function"], "tls:connect asks-again.internal")
        self.assertEqual(call["upstream"]["tls_version"], "TLSv1.3")

    def accepted(self):
        """Connections that the target host has accepted so far."""
        names, values = [line.split() for line in self.target.run("cat", "/proc/net/snmp").stdout.splitlines()
                         if line.startswith("Tcp:")]
        return int(values[names.index("PassiveOpens")])

    def test_flows_that_ask_at_once_share_a_probe(self):
        before = self.accepted()
        # A workload of its own has no proof of the target yet.
        answer = self.enrolled(["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do curl -sS --max-time 20 --cacert "
                                f"{self.root} https://api.internal:9443/ & done; wait"], name="client")
        self.assertEqual(answer.stdout.count("TLSv1.3"), 16, answer.stderr)
        more = self.accepted() - before
        self.assertGreater(more, 16)
        self.assertLessEqual(more, 16 + 2 * len(self.agent.json("status")["threads"]))

    def test_a_target_is_probed_once_for_many_connections(self):
        before = self.accepted()
        answer = self.enrolled(["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do curl -sS --max-time 20 --cacert "
                                f"{self.root} https://api.internal:9443/; done"], name="client")
        self.assertEqual(answer.stdout.count("TLSv1.3"), 10, answer.stderr)
        more = self.accepted() - before
        # Each of the proxy's threads asks for itself, and again when a proof grows old; but not for every connection.
        self.assertGreater(more, 10)
        self.assertLess(more, 20)

    def test_a_proof_is_renewed_beside_calls_and_ends_with_a_target_that_cannot_renew_it(self):
        def server(name, **more):
            certificate, key = self.bed.certificates.issue(name, names=["changing.internal"], **more)
            return self.bed.nginx(self.target, [f"listen 9460 ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; "
                                                "location / { return 200 hello; }"], [9460], name=name)

        good = server("good")
        names = {**self.names, "changing.internal": self.target.address}
        # One workload that calls all the time, and says how each call ended; it does not verify for itself.
        loop = self.agent.spawn(self.client, ["sh", "-c", "while sleep 0.1; do curl -sS -k -o /dev/null --max-time 5 "
                                              "https://changing.internal:9460/ 2>/dev/null; echo $?; done"],
                                name="client", hosts=names)
        try:
            ends = (int(line) for line in loop.stdout)
            since = time.monotonic()
            for status in ends:  # longer than two proofs last
                self.assertEqual(status, 0)
                if time.monotonic() - since > 5:
                    break
            good.close()
            server("bad", untrusted=True)
            # 35: the handshake failed. What was proved a moment ago may still be called until then.
            deadline = time.monotonic() + 20
            refused = 0
            for status in ends:
                refused = refused + 1 if status == 35 else 0
                if refused == 5:
                    break
                self.assertLess(time.monotonic(), deadline, "a target that cannot prove itself any more is still called")
        finally:
            loop.kill()
            loop.communicate()
        wait_until(lambda: "tls_untrusted" in {call["error_code"] for call in self.records()}, "the refusal to be recorded")

    def test_a_certificate_of_the_clients_own_passes(self):
        certificate, key = self.bed.certificates.issue("client-own", names=["me.internal"])
        os.chmod(key, 0o644)  # for the workload's user
        answer = self.get("https://own-certificate.internal:9450/", "--cert", certificate, "--key", key)
        self.assertEqual(answer.stdout, "TLSv1.3 verify=SUCCESS CN=client-own\n", answer.stderr)

    def test_a_mutual_target_must_have_asked_for_the_workloads_certificate(self):
        self.assertIn("verify=NONE", self.get("https://mutual.internal:9451/").stdout)
        answer, call = self.get_recorded("https://never-asks.internal:9443/")
        self.assertNotEqual(answer.returncode, 0)
        self.assertEqual(call["error_code"], "tls_client_certificate_not_requested")

    def test_a_target_without_a_name(self):
        answer, call = self.get_recorded(f"https://{self.target.address}:9447/")
        self.assertIn("TLSv1.3", answer.stdout, answer.stderr)
        self.assertEqual(call["function"], f"tls:connect {self.target.address}")

    def test_a_denied_name_is_answered_with_an_alert_and_the_record_says_why(self):
        answer, call = self.get_recorded("https://secret.internal:9443/")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("access denied", answer.stderr)
        self.assertEqual((call["outcome"], call["decision"]["rule"]), ("denied", "no-secrets"))
        self.assertEqual(call["decision"]["reason"], "secrets stay here")

    def test_targets_that_do_not_prove_themselves_get_no_byte_of_the_handshake(self):
        capture = self.bed.capture("client-tls", self.target.device)
        canaries = {}
        for host, port, code in (("expired", 9444, "tls_expired"), ("wrong-name", 9445, "tls_name_mismatch"),
                                 ("untrusted", 9446, "tls_untrusted")):
            with self.subTest(target=host):
                (answer, canaries[host]), call = self.recorded(lambda: self.handshake(f"{host}.internal", port))
                self.assertNotEqual(answer.returncode, 0)
                self.assertIn("ALERT_HANDSHAKE_FAILURE", answer.stderr)
                self.assertEqual((call["outcome"], call["error_code"]), ("refused", code))
        allowed, control = self.handshake("api.internal", 9443)
        self.assertEqual(allowed.stdout, "TLSv1.3\n", allowed.stderr)
        capture.stop()
        self.assertTrue(capture.contains(control), "the capture does not see handshakes")
        for host, canary in canaries.items():
            self.assertFalse(capture.contains(canary), f"{host} got bytes of the handshake")

    def test_old_versions_are_refused_unless_the_policy_allows_them(self):
        answer, call = self.get_recorded("https://api.internal:9443/", "--tls-max", "1.2")
        self.assertNotEqual(answer.returncode, 0)
        self.assertEqual(call["error_code"], "tls_version_too_low")
        answer, call = self.get_recorded("https://old.internal:9449/")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("tls_version", call["error_code"])
        answer, call = self.get_recorded("https://old-allowed.internal:9449/")
        self.assertIn("TLSv1.2", answer.stdout)
        self.assertEqual(call["upstream"]["tls_version"], "TLSv1.2")


if __name__ == "__main__":
    main()
