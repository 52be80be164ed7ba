"""The server's process: started on one port and one folder again and again, and looked at. Which port, the kernel
says at the first start: nobody else can have it by then.
"""

import http.client
import os
import pathlib
import re
import signal
import subprocess
import time

READY_TIMEOUT_S = 30
DRAIN_TIMEOUT_S = 30


class Server:
    def __init__(self, program, folder, spread_ms):
        self.port = None
        self.command = [program, "serve", "--data-dir", str(pathlib.Path(folder) / "data")]
        self.environment = dict(os.environ, SCOREWIRE__SHUTDOWN__RECONNECT_SPREAD_MS=str(spread_ms))
        self.log = pathlib.Path(folder) / "server.log"
        self.process = None

    def start(self):
        """Returns once it is ready; the seconds that took."""
        began = time.monotonic()
        with self.log.open("a") as errors:
            bind = ["--bind", f"127.0.0.1:{self.port or 0}"]
            self.process = subprocess.Popen(self.command + bind, env=self.environment, stdout=errors, stderr=errors)
        while time.monotonic() < began + READY_TIMEOUT_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.tail()}")
            self.port = self.port or self.port_told()
            if self.port and self.is_ready():
                return time.monotonic() - began
            time.sleep(0.005)
        raise RuntimeError(f"the server is not ready after {READY_TIMEOUT_S} s:\n{self.tail()}")

    def port_told(self):
        """The port that it listens on, by its log in text or JSON; nothing where it does not listen yet."""
        for line in self.log.read_text(errors="replace").split("\n")[:-1]:
            if "listening" in line and (told := re.search(r'\baddress[=":]+[\d.]+:(\d+)', line)):
                return int(told[1])
        return None

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def drain(self):
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DRAIN_TIMEOUT_S)

    def look(self):
        """Its resident memory in KiB and its descriptors; nothing where it is gone."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            descriptors = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except OSError:
            return None
        memory = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
        return (memory[0], descriptors) if memory else None

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def panics(self):
        return self.log.read_text(errors="replace").count("panicked at")
