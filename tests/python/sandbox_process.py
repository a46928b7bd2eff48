"""The sandbox as a process, started the way its users start it."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOWRUN = ROOT / "target" / "debug" / "flowrun"
EXPORT = re.compile(r"^export ([A-Z_]+)=(\S+)$")


class SandboxProcess:
    """`flowrun sandbox` on a free port, with the seed of the example flows."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="flowrun-clients-")
        self.process = subprocess.Popen(
            [
                FLOWRUN, "sandbox",
                "--listen", "127.0.0.1:0",
                "--state", os.path.join(self.folder, "state"),
                "--seed", ROOT / "flows" / "sandbox.yaml",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.variables = {}
        while len(self.variables) < 4:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the sandbox ended with {self.process.wait()}")
            if match := EXPORT.match(line.strip()):
                self.variables[match[1]] = match[2]

    @property
    def endpoint(self):
        return self.variables["AWS_ENDPOINT_URL"]

    def environment(self):
        """What a shell has that evaluated the printed lines, and nothing else of AWS."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return kept | self.variables | {
            "AWS_DEFAULT_REGION": self.variables["AWS_REGION"],
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        shutil.rmtree(self.folder)
