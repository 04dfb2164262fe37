"""The process that parses hostile bytes owns nothing: each property is asserted from outside."""
import os

from case import BedCase, main


class Confinement(BedCase):
    def proxies(self):
        found = self.agent.proxies()
        self.assertNotEqual(found, [])
        return found

    def status(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def test_no_capabilities_own_user_no_new_privileges_seccomp(self):
        for pid in self.proxies():
            status = self.status(pid)
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[name], 16), 0, name)
            self.assertEqual(status["Uid"].split(), ["65534"] * 4)
            self.assertEqual(status["Gid"].split(), ["65534"] * 4)
            self.assertEqual(status["Groups"].split(), [])
            self.assertEqual(status["NoNewPrivs"].strip(), "1")
            self.assertEqual(status["Seccomp"].strip(), "2")
        control = self.status(self.agent.process.pid)  # the same reading does tell a privileged process apart
        self.assertNotEqual(int(control["CapEff"], 16), 0)
        self.assertEqual(control["Seccomp"].strip(), "0")

    def test_every_thread_is_confined(self):
        for pid in self.proxies():
            for task in os.listdir(f"/proc/{pid}/task"):
                status = self.status(f"{pid}/task/{task}")
                self.assertEqual(status["Seccomp"].strip(), "2")
                self.assertEqual(int(status["CapEff"], 16), 0)

    def test_an_empty_network_namespace(self):
        from testbed.processes import run
        for pid in self.proxies():
            self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/net"), os.readlink(f"/proc/{self.agent.process.pid}/ns/net"))
            links = run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-o", "link"]).stdout.splitlines()
            self.assertEqual(len(links), 1, links)
            self.assertIn("lo:", links[0])
            self.assertIn("state DOWN", links[0])

    def test_an_empty_root_directory(self):
        for pid in self.proxies():
            self.assertEqual(os.listdir(f"/proc/{pid}/root/"), [])
            self.assertNotEqual(os.stat(f"/proc/{pid}/root/").st_ino, os.stat("/").st_ino)
        self.assertNotEqual(os.listdir(f"/proc/{self.agent.process.pid}/root/"), [])

    def test_it_holds_no_file_but_sockets_and_memory(self):
        # It writes its rings, but could not make their files shorter, which would end who reads them.
        for pid in self.proxies():
            with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
                self.assertIn("/rings/", maps.read())
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                try:
                    link = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                except FileNotFoundError:
                    continue
                allowed = (link.startswith(("socket:", "anon_inode:[event", "anon_inode:[timerfd", "pipe:", "/memfd:"))
                           or descriptor in ("0", "1", "2"))
                self.assertTrue(allowed, f"descriptor {descriptor} is {link}")

    def test_the_root_key_is_readable_by_its_owner_only_and_never_replaced(self):
        keys = []
        for directory, _, files in os.walk(os.path.join(self.agent.directory, "state")):
            # That of the log's readers is public.
            keys += [os.path.join(directory, name) for name in files if "key" in name and name != "verifier-key"]
        self.assertNotEqual(keys, [])
        before = {}
        for key in keys:
            self.assertEqual(os.stat(key).st_mode & 0o777, 0o600, key)
            with open(key, "rb") as file:
                before[key] = file.read()
        self.agent.stop()
        self.agent.start()
        for key, content in before.items():
            with open(key, "rb") as file:
                self.assertEqual(file.read(), content)


if __name__ == "__main__":
    main()
