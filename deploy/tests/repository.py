"""What all checks of deploy/ read: files, the settings that there are, the program; and how a check is skipped."""

import os
import pathlib
import re
import subprocess
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def files(suffix: str = "") -> list[pathlib.Path]:
    """All files of deploy/ but the checks themselves."""
    return sorted(
        path
        for path in DEPLOY.rglob("*")
        if path.is_file() and path.name.endswith(suffix) and path.relative_to(DEPLOY).parts[0] != "tests"
    )


def defaults() -> dict:
    """config/default.toml as a table."""
    return tomllib.loads((ROOT / "config/default.toml").read_text())


def known_settings() -> set[str]:
    """Every setting as `section.key`, sections too: those with a default, and those that stand there as a comment."""
    section, known = "", set()
    for line in (ROOT / "config/default.toml").read_text().splitlines():
        if header := re.fullmatch(r"(?:# )?\[+([a-z_.]+)\]+", line):
            section = header[1]
            known.add(section)
        elif key := re.match(r"(?:# )?([a-z_]+) = ", line):
            known.add(f"{section}.{key[1]}")
    return known


def setting(name: str, *over: dict):
    """A setting's value: the default, or what the last of the tables `over` says that has it."""
    section, key = name.split(".")
    value = defaults()[section].get(key)
    for table in over:
        value = table.get(section, {}).get(key, value)
    return value


def program() -> str | None:
    """The server, where it was built."""
    binary = os.environ.get("SCOREWIRE_BIN") or str(ROOT / "target/debug/scorewire")
    return binary if os.access(binary, os.X_OK) else None


def skipped(test: unittest.TestCase, why: str) -> None:
    """Ends a check that cannot be made here; with CI=true that is a failure."""
    if os.environ.get("CI") == "true":
        test.fail(f"cannot be checked: {why}")
    print(f"skipped: {test.id()}: {why}")
    test.skipTest(why)


def run(*command: str, **options) -> subprocess.CompletedProcess:
    """Runs a program to its end; what it says stands in `stdout`, errors too."""
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False, **options
    )
