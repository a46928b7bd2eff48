"""Moves a large object up and down through the release binary, compares the bytes, and prints the
peak memory of the process that moved them. The sandbox is a process of its own.

    cargo build --release && python3 benches/large_object.py [GIB]
"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLOWRUN = ROOT / "target" / "release" / "flowrun"
BOUND_MIB = 64
EXPORT = re.compile(r"^export ([A-Z_]+)=(\S+)$")

CONNECTIONS = """\
large:
  type: aws_s3
  endpoint: {endpoint}
  region: {region}
  base: environment
"""

FLOW = """\
flow: large
connections: {{ large: large }}
defaults: {{ connection: large }}
cards:
  bucket:
    card: s3.create_bucket
    with: {{ bucket: large-object }}
  {card}
"""

UP = """up:
    card: s3.upload
    after: [bucket]
    with: { bucket: large-object, key: large.bin, file: large.bin }"""

DOWN = """down:
    card: s3.download
    after: [bucket]
    with: { bucket: large-object, key: large.bin, to: back.bin }"""


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(folder, name, card, environment):
    """Runs a flow; gives its seconds and the peak of its resident memory in MiB."""
    (folder / f"{name}.yaml").write_text(FLOW.format(card=card))
    begun = time.monotonic()
    process = subprocess.Popen([FLOWRUN, folder / f"{name}.yaml", "--quiet"], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{name} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def main():
    gib = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    with tempfile.TemporaryDirectory(prefix="flowrun-large-") as folder:
        folder = pathlib.Path(folder)
        with open(folder / "large.bin", "wb") as file:
            left = int(gib * (1 << 30))
            while left > 0:
                file.write(os.urandom(min(left, 8 << 20)))
                left -= 8 << 20
        sandbox = subprocess.Popen(
            [FLOWRUN, "sandbox", "--state", folder / "state", "--seed", ROOT / "flows/sandbox.yaml"],
            stdout=subprocess.PIPE,
            text=True,
        )
        variables = dict(
            EXPORT.match(sandbox.stdout.readline().strip()).groups() for _ in range(4)
        )
        (folder / "connections.yaml").write_text(
            CONNECTIONS.format(
                endpoint=variables["AWS_ENDPOINT_URL"], region=variables["AWS_REGION"]
            )
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        environment = kept | {
            k: variables[k] for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        }
        try:
            print(f"| {gib:g} GiB | seconds | peak memory |\n|---|---:|---:|")
            peaks = []
            for name, card in [("up", UP), ("down", DOWN)]:
                seconds, peak = run(folder, name, card, environment)
                peaks.append(peak)
                print(f"| {name} | {seconds:.1f} | {peak:.1f} MiB |")
            if digest(folder / "large.bin") != digest(folder / "back.bin"):
                sys.exit("what came back is not what went up")
            if max(peaks) > BOUND_MIB:
                sys.exit(f"more than {BOUND_MIB} MiB")
        finally:
            sandbox.terminate()
            sandbox.wait(timeout=30)


if __name__ == "__main__":
    main()
