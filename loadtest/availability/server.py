"""The server's process: started on one port and one folder again and again, and looked at."""

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time

READY_TIMEOUT_S = 30
DRAIN_TIMEOUT_S = 30


class Server:
    def __init__(self, program, folder, spread_ms):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.command = [program, "serve", "--bind", self.address, "--data-dir", str(pathlib.Path(folder) / "data")]
        self.environment = dict(os.environ, SCOREWIRE__SHUTDOWN__RECONNECT_SPREAD_MS=str(spread_ms))
        self.log = pathlib.Path(folder) / "server.log"
        self.process = None

    def start(self):
        """Returns once it is ready; the seconds that took."""
        began = time.monotonic()
        with self.log.open("a") as errors:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=errors, stderr=errors)
        while time.monotonic() < began + READY_TIMEOUT_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.tail()}")
            if self.is_ready():
                return time.monotonic() - began
            time.sleep(0.005)
        raise RuntimeError(f"the server is not ready after {READY_TIMEOUT_S} s:\n{self.tail()}")

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
