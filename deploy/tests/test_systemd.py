"""deploy/systemd and deploy/sysctl.d: systemd takes the unit, its limits fit the settings, each value has a reason."""

import pathlib
import re
import shutil
import tempfile
import unittest

from repository import DEPLOY, program, run, setting, skipped

UNIT = DEPLOY / "systemd/scorewire.service"
SYSCTL = DEPLOY / "sysctl.d/90-scorewire.conf"
# The system calls of a server that took a simulated slate, wrote its log, predicted by tract and by ONNX Runtime,
# and served WebSockets by io_uring (`strace -f`), and what goes with them: by `send`, and towards Redis.
CALLS = """
accept4 access arch_prctl bind brk clone3 close connect epoll_create1 epoll_ctl epoll_wait eventfd2 execve exit exit_group
fcntl fdatasync flock fstat fsync ftruncate futex getdents64 getpid getrandom getsockname gettid io_uring_enter
io_uring_register io_uring_setup ioctl listen lseek madvise mkdir mmap mprotect mremap munmap newfstatat open openat
poll prctl pread64 prlimit64 pwrite64 read readlink recvfrom rename restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn
sched_getaffinity sched_yield sendmsg sendto set_robust_list set_tid_address setpriority setsockopt shutdown
sigaltstack socket socketpair statx sysinfo uname unlink write writev
""".split()


def values(key: str) -> list[str]:
    """What the unit says of a key, in order."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.M)


class Unit(unittest.TestCase):
    def setUp(self):
        if not shutil.which("systemd-analyze"):
            skipped(self, "systemd-analyze is missing (Debian: systemd)")

    def verified(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "scorewire.service"
            # Something that is installed here, too.
            path.write_text(text.replace("/usr/local/bin/scorewire", "/bin/true"))
            done = run("systemd-analyze", "verify", "--man=no", str(path))
        return f"exit status {done.returncode}" * (done.returncode != 0) + done.stdout

    def test_systemd_takes_every_line(self):
        self.assertNotIn("scorewire.service", self.verified(UNIT.read_text()))

    def test_a_misspelt_line_is_found(self):
        self.assertIn("Unknown key", self.verified(UNIT.read_text() + "WantedBy2=multi-user.target\n"))

    def test_it_is_shut_in(self):
        # "OK" begins at 2.0 of 10; what is left is the network and looking names up.
        done = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", str(UNIT))
        self.assertEqual(done.returncode, 0, done.stdout[-400:])

    def test_the_servers_system_calls_are_let_through(self):
        groups, group = {}, ""
        for line in run("systemd-analyze", "--no-pager", "syscall-filter").stdout.splitlines():
            if line.startswith("@"):
                group = line.strip()
                groups[group] = set()
            elif (name := line.strip()) and not name.startswith("#"):
                groups[group].add(name)

        def calls(name: str) -> set[str]:
            if not name.startswith("@"):
                return {name}
            return set().union(*(calls(part) for part in groups[name]))

        allowed: set[str] = set()
        for line in values("SystemCallFilter"):
            for name in line.removeprefix("~").split():
                allowed = allowed - calls(name) if line.startswith("~") else allowed | calls(name)
        self.assertEqual(sorted(set(CALLS) - allowed), [])
        self.assertNotIn("mount", allowed)

    def test_its_user_can_be_made(self):
        if not shutil.which("systemd-sysusers"):
            skipped(self, "systemd-sysusers is missing (Debian: systemd)")
        with tempfile.TemporaryDirectory() as root:
            folder = pathlib.Path(root) / "usr/lib/sysusers.d"
            folder.mkdir(parents=True)
            (pathlib.Path(root) / "etc").mkdir()
            shutil.copy(DEPLOY / "systemd/sysusers.d/scorewire.conf", folder)
            done = run("systemd-sysusers", f"--root={root}")
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertRegex((pathlib.Path(root) / "etc/passwd").read_text(), rf"(?m)^{values('User')[0]}:.*/usr/sbin/nologin$")


class Numbers(unittest.TestCase):
    def test_a_drain_has_the_time_it_may_take(self):
        self.assertGreaterEqual(int(values("TimeoutStopSec")[0]) * 1000, setting("shutdown.drain_timeout_ms") + 5000)

    def test_descriptors_suffice_for_all_clients(self):
        self.assertGreater(int(values("LimitNOFILE")[0]), setting("server.connections_max") + 100)

    def test_the_log_lies_where_it_may_be_written(self):
        folder = re.search(r"--data-dir (\S+)", values("ExecStart")[0])[1]
        self.assertEqual(folder, f"/var/lib/{values('StateDirectory')[0]}")

    def test_onnx_runtime_calls_nobody(self):
        self.assertIn("ORT_DISABLE_TELEMETRY=1", values("Environment"))
        self.assertIn("ENV ORT_DISABLE_TELEMETRY=1", (DEPLOY / "container/Dockerfile").read_text().splitlines())

    def test_the_program_knows_its_arguments(self):
        if not program():
            skipped(self, "the program is not built (cargo build), or SCOREWIRE_BIN does not name it")
        command, *arguments = values("ExecStart")[0].split()[1:]
        said = run(program(), command, "--help").stdout
        for argument in arguments:
            if argument.startswith("--"):
                self.assertIn(argument, said)


class Sysctl(unittest.TestCase):
    def lines(self) -> list[tuple[str, str]]:
        """Settings with the line before each."""
        text = SYSCTL.read_text().splitlines()
        return [(before, line) for before, line in zip([""] + text, text) if line and not line.startswith("#")]

    def test_each_value_has_a_reason(self):
        self.assertTrue(self.lines())
        for before, line in self.lines():
            self.assertTrue(before.startswith("# "), line)

    def test_each_key_is_the_kernels(self):
        for _, line in self.lines():
            key = line.removeprefix("-").partition(" = ")[0]
            path = pathlib.Path("/proc/sys", *key.split("."))
            self.assertTrue(line.startswith("-") or path.exists(), f"{key} is not there and may not fail")

    def test_queues_are_as_long_as_the_server_asks_for(self):
        said = dict(line.split(" = ") for _, line in self.lines())
        self.assertGreaterEqual(int(said["net.core.somaxconn"]), setting("server.backlog"))
        self.assertGreater(int(said["-net.netfilter.nf_conntrack_max"]), 2 * setting("server.connections_max"))


if __name__ == "__main__":
    unittest.main()
