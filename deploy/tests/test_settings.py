"""Whatever deploy/ sets is a setting, and the program takes it."""

import pathlib
import re
import tempfile
import tomllib
import unittest

import kubernetes
import compose
from repository import DEPLOY, ROOT, defaults, files, known_settings, program, run, skipped

# A mention such as `server.backlog`; not a file's name, an address or a field of something else.
MENTION = re.compile(r"(?<![\w./@-])(%s)\.([a-z][a-z0-9_]+)\b(?![./(:-]\w)" % "|".join(sorted(defaults())))
# A file of such a name.
ENDINGS = {"md", "pem", "py", "rs", "service", "toml", "yaml", "yml"}


class Names(unittest.TestCase):
    def known(self, setting: str, path: pathlib.Path) -> None:
        self.assertTrue(setting in known_settings(), f"{path.relative_to(ROOT)}: config/default.toml has no {setting}")

    def test_every_variable_is_a_setting(self):
        found = set()
        for path in files():
            for name in re.findall(r"SCOREWIRE__([A-Z_]+?)__([A-Z][A-Z_]*[A-Z])\b", path.read_text()):
                setting = ".".join(name).lower()
                if setting == "section.key":
                    continue
                found.add(setting)
                self.known(setting, path)
        self.assertIn("server.admin_bind", found, "the pattern finds none any more")

    def test_every_key_of_a_settings_file_is_a_setting(self):
        tables = files(".toml")
        self.assertTrue(tables)
        for path in tables:
            for section, keys in tomllib.loads(path.read_text()).items():
                for key in keys:
                    self.known(f"{section}.{key}", path)

    def test_every_setting_that_is_spoken_of_is_there(self):
        found = set()
        for path in [*files(), ROOT / "docs/sizing.md"]:
            for section, key in MENTION.findall(path.read_text()):
                if key not in ENDINGS:
                    found.add(f"{section}.{key}")
                    self.known(f"{section}.{key}", path)
        self.assertIn("shutdown.drain_timeout_ms", found, "the pattern finds none any more")


class Program(unittest.TestCase):
    """`scorewire check-config` says of each way to start it that the settings are good."""

    def setUp(self):
        if not program():
            skipped(self, "the program is not built (cargo build), or SCOREWIRE_BIN does not name it")

    def check(self, settings: pathlib.Path | None, variables: dict[str, str]) -> None:
        # The folders of the image.
        with tempfile.TemporaryDirectory() as root:
            command = [program(), "check-config"]
            if settings:
                text = settings.read_text().replace("/etc/scorewire/rulesets", str(ROOT / "config/rulesets"))
                here = pathlib.Path(root) / "scorewire.toml"
                here.write_text(text)
                command += ["--config", str(here)]
            done = run(*command, cwd=root, env=variables)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_of_the_image(self):
        self.check(DEPLOY / "container/scorewire.toml", {})

    def test_of_compose(self):
        for name, service in compose.scorewires().items():
            with self.subTest(service=name):
                self.check(DEPLOY / "container/scorewire.toml", service["environment"])

    def test_of_kubernetes(self):
        for overlay in kubernetes.OVERLAYS:
            for workload in kubernetes.workloads(overlay):
                with self.subTest(overlay=overlay, workload=workload["metadata"]["name"]):
                    self.check(DEPLOY / "kubernetes/base/scorewire.toml", kubernetes.variables(workload))

    def test_a_wrong_one_is_found(self):
        with self.assertRaises(AssertionError):
            self.check(None, {"SCOREWIRE__SERVER__SHARD": "2"})


if __name__ == "__main__":
    unittest.main()
