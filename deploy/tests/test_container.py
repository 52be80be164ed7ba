"""deploy/container: the file is sound, what it copies is there and enough, the health check tells health."""

import http.server
import os
import pathlib
import re
import shutil
import socket
import tempfile
import threading
import unittest

from repository import DEPLOY, ROOT, run, skipped

FOLDER = DEPLOY / "container"
TEXT = (FOLDER / "Dockerfile").read_text()
# Instructions, lines that go on joined.
LINES = [line for line in re.sub(r"\\\n\s*", "", TEXT).splitlines() if line and not line.startswith("#")]


def copied() -> list[str]:
    """What comes from the build context."""
    copies = [line.split()[1:] for line in LINES if line.startswith("COPY ") and "--from=" not in line]
    return [word for words in copies for word in words[:-1] if not word.startswith("--")]


def let_in(path: str) -> bool:
    """Whether Dockerfile.dockerignore lets a file in: the last line that matches decides."""
    allowed = True
    for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        if pattern.startswith("**/"):
            matches = pattern[3:] in path.split("/")
        else:
            matches = pattern == "*" or path == pattern or path.startswith(pattern + "/")
        if matches:
            allowed = line.startswith("!")
    return allowed


def context() -> list[str]:
    """The repository's files that the build sees: those that git knows, let in and copied."""
    known = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.split()
    return [path for path in known if let_in(path) and any(path == it or path.startswith(it + "/") for it in copied())]


class File(unittest.TestCase):
    def test_the_linter_has_nothing_to_say(self):
        done = run("hadolint", "--failure-threshold", "style", str(FOLDER / "Dockerfile"))
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_what_is_copied_is_there_and_let_in(self):
        for source in copied():
            self.assertTrue((ROOT / source).exists(), source)
            self.assertTrue(let_in(source), f"{source} is kept out by Dockerfile.dockerignore")

    def test_nothing_else_is_let_in(self):
        for path in ("target/debug/scorewire", "docs/metrics.md", ".git/config", "web/node_modules/a/b.js", "training/run"):
            self.assertFalse(let_in(path), path)

    def test_it_ends_as_nobody_in_particular(self):
        last = LINES[max(index for index, line in enumerate(LINES) if line.startswith("FROM ")) :]
        self.assertRegex([line for line in last if line.startswith("USER ")][-1], r"^USER [1-9]\d*:[1-9]\d*$")
        self.assertTrue(any(line.startswith("HEALTHCHECK ") for line in last))
        for label in ("title", "description", "licenses", "version", "revision", "base.name"):
            self.assertIn(f"org.opencontainers.image.{label}=", " ".join(last))
        self.assertIn('ENTRYPOINT ["/usr/local/bin/scorewire"]', last)

    def test_versions_are_the_projects(self):
        manifest = (ROOT / "Cargo.toml").read_text()
        version = re.search(r'^version = "(.+)"', manifest, re.M)[1]
        self.assertIn(f"ARG VERSION={version}", LINES)
        least = [int(part) for part in re.search(r'^rust-version = "(.+)"', manifest, re.M)[1].split(".")]
        used = [int(part) for part in re.search(r"^FROM rust:(\d+\.\d+)-", TEXT, re.M)[1].split(".")]
        self.assertGreaterEqual(used, least)


class Context(unittest.TestCase):
    """The files that the build sees are enough for cargo and for the compiler."""

    def test_cargo_finds_every_target_of_the_manifests(self):
        if not shutil.which("cargo"):
            skipped(self, "cargo is missing")
        with tempfile.TemporaryDirectory() as folder:
            for path in context():
                (pathlib.Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, pathlib.Path(folder) / path)
            # It looks for the targets of all manifests before it looks for this one.
            done = run("cargo", "check", "--offline", "--locked", "--bin", "no-such-target", cwd=folder)
        self.assertIn("no bin target named `no-such-target`", done.stdout)

    def test_what_the_sources_include_is_among_them(self):
        seen = set(context())
        included = 0
        for source in (ROOT / "src").rglob("*.rs"):
            # `include_str!("…")` and `concat!("…/", $name)`, whose folder must be there.
            for name in re.findall(r'include_(?:str|bytes)!\((?:concat!\()?"([^"]+)"', source.read_text()):
                path = os.path.relpath(os.path.normpath(source.parent / name), ROOT)
                if "tests" in source.parts or path.startswith("docs/"):
                    continue
                included += 1
                self.assertTrue(path in seen or any(it.startswith(path + "/") for it in seen), f"{source} includes {path}")
        self.assertGreater(included, 10, "the pattern finds none any more")


class HealthCheck(unittest.TestCase):
    """It goes by the status of /readyz, and by nothing else."""

    def ask(self, status: int) -> int:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/readyz" else 404)
                self.end_headers()

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            code = self.check(server.server_port)
            thread.join()
        return code

    def check(self, port: int) -> int:
        return run(str(FOLDER / "healthcheck"), env={"HEALTHCHECK_ADDRESS": f"127.0.0.1:{port}"}).returncode

    def test_ready(self):
        self.assertEqual(self.ask(200), 0)

    def test_draining(self):
        self.assertNotEqual(self.ask(503), 0)

    def test_nobody_there_and_nobody_who_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            self.assertNotEqual(self.check(port), 0)
        self.assertNotEqual(self.check(port), 0)


if __name__ == "__main__":
    unittest.main()
