"""Targets prove themselves before a byte of a call leaves, or the call is refused."""
import json

from case import BedCase, main

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: targets}
spec:
  mode: enforce
  callers: [{workload: client}]
  targets:
    - {host: mutual.internal, port: 8080, upstream: {port: 8451, tls: mutual}}
    - {host: never-asks.internal, port: 8080, upstream: {port: 8448, tls: mutual}}
    - {host: expired.internal, port: 8080, upstream: {port: 8444}}
    - {host: wrong-name.internal, port: 8080, upstream: {port: 8445}}
    - {host: untrusted.internal, port: 8080, upstream: {port: 8446}}
    - {host: unverified.internal, port: 8080, upstream: {port: 8446, tls: unverified}}
    - {host: old.internal, port: 8080, upstream: {port: 8449}}
    - {host: old-allowed.internal, port: 8080, upstream: {port: 8449, min_version: "1.2"}}
    - {host: nobody.internal, port: 8080, upstream: {port: 9}}
    - {host: plain.internal, port: 8081}
    - {host: 10.77.2.2, port: 8082, upstream: {tls: plaintext}}
  rules:
    - {name: all, functions: ["http:* /**"], action: allow}
"""


class Targets(BedCase):
    policies = {"targets.yaml": POLICY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bundle = cls.bed.path("bundle.pem")
        with open(bundle, "w", encoding="ascii") as file:
            file.write(cls.agent.command("identity", "bundle").stdout)
        asks = f"ssl_client_certificate {bundle}; ssl_verify_client on; ssl_verify_depth 3;"
        issue = cls.bed.certificates.issue
        servers = []
        for port, (certificate, key), more in (
            (8451, issue("mutual", names=["mutual.internal"]), asks),
            (8444, issue("expired", names=["expired.internal"], expired=True), ""),
            (8445, issue("elsewhere", names=["elsewhere.internal"]), ""),
            (8446, issue("untrusted", names=["untrusted.internal"], untrusted=True), ""),
            (8448, issue("never-asks", names=["never-asks.internal"]), ""),
            (8449, issue("old", names=["old.internal", "old-allowed.internal"]), "ssl_protocols TLSv1.2;"),
        ):
            protocols = "" if "ssl_protocols" in more else "ssl_protocols TLSv1.3;"
            servers.append(f"listen {port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; {protocols} {more}\n"
                           'location / { return 200 "verify=$ssl_client_verify $ssl_protocol resumed=$ssl_session_reused\\n"; }')
        cls.nginx = cls.bed.nginx(cls.target, servers, [8451, 8444, 8445, 8446, 8448, 8449])
        cls.plain = cls.bed.text_server(cls.target, 8081)
        cls.permitted = cls.bed.text_server(cls.target, 8082)
        cls.names = {f"{n}.internal": cls.target.address for n in (
            "mutual", "never-asks", "expired", "wrong-name", "untrusted", "unverified", "old", "old-allowed",
            "nobody", "plain")}

    def get(self, url):
        answer = self.enrolled(["curl", "-sS", "--max-time", "30", "-w", "\n%{http_code}", url])
        body, _, status = answer.stdout.rpartition("\n")
        return int(status or 0), body

    def refused(self, host, code, port=8080):
        before = len(self.nginx.calls())
        status, body = self.get(f"http://{host}.internal:{port}/secret")
        self.assertEqual(status, 502, body)
        self.assertIn(code, body)
        problem = json.loads(body)
        self.assertRegex(problem["session"], "^[0-9a-f]{32}$")
        self.assertEqual(self.nginx.calls()[before:], [])

    def test_mutual_tls(self):
        self.assertIn("verify=SUCCESS TLSv1.3", self.get("http://mutual.internal:8080/")[1])

    def test_a_target_that_must_ask_for_our_certificate_and_does_not(self):
        self.refused("never-asks", "tls_client_certificate_not_requested")

    def test_an_expired_certificate(self):
        self.refused("expired", "tls_expired")

    def test_a_certificate_for_another_name(self):
        self.refused("wrong-name", "tls_name_mismatch")

    def test_a_certificate_of_an_untrusted_authority(self):
        self.refused("untrusted", "tls_untrusted")

    def test_a_target_that_speaks_only_tls_1_2(self):
        self.refused("old", "tls_version")

    def test_tls_1_2_where_the_policy_allows_it(self):
        self.assertIn("TLSv1.2", self.get("http://old-allowed.internal:8080/")[1])

    def test_a_target_that_nobody_serves(self):
        status, body = self.get("http://nobody.internal:8080/")
        self.assertEqual(status, 502, body)

    def test_a_plaintext_target_gets_no_byte_of_the_request(self):
        self.refused("plain", "tls_not_spoken", 8081)
        self.assertNotIn(b"GET", self.plain.bytes_received())
        self.assertNotIn(b"secret", self.plain.bytes_received())

    def test_plaintext_where_the_policy_names_it_is_marked_in_the_record(self):
        (status, _), call = self.recorded(lambda: self.get(f"http://{self.target.address}:8082/permitted"))
        self.assertEqual(status, 200)
        self.assertIn(b"GET /permitted", self.permitted.bytes_received())
        shown = self.agent.command("sessions", "show", call["session_id"]).stdout
        self.assertIn("plaintext", shown.lower())

    def test_an_unverified_target_is_marked_in_the_record(self):
        (status, body), call = self.recorded(lambda: self.get("http://unverified.internal:8080/"))
        self.assertEqual(status, 200, body)
        shown = self.agent.command("sessions", "show", call["session_id"]).stdout
        self.assertIn("unverified", shown.lower())


if __name__ == "__main__":
    main()
