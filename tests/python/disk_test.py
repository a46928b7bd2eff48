"""Disks that are full or read-only: a clear error, nothing half-written, and success after room is
made. A small tmpfs in a mount namespace of its own is the disk; where this machine allows none, a
limit on the size of files stands in for the full one, and the rest is skipped and says so."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from sandbox_process import FLOWRUN, ROOT

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
SIZE = 4 << 20

UP = """\
flow: up
connections: { admin: demo-admin }
cards:
  bucket: { card: s3.create_bucket, connection: admin, with: { bucket: disk-test } }
  up:
    card: s3.upload
    connection: admin
    after: [bucket]
    with: { bucket: disk-test, key: big, file: big.bin }
"""

DOWN = """\
flow: down
connections: { admin: demo-admin }
cards:
  down:
    card: s3.download
    connection: admin
    with: { bucket: disk-test, key: big, folder: out, to: big.bin }
"""

LIST = """\
flow: list
connections: { admin: demo-admin }
cards:
  found: { card: s3.list_objects, connection: admin, with: { bucket: disk-test } }
outputs:
  keys: "{{ list.map cards.found.objects it.key }}"
"""


def can_mount():
    if shutil.which("unshare") is None:
        return False
    mount = [*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(mount, capture_output=True).returncode == 0


class Disk(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-disk-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in ("connections.yaml", "sandbox.yaml"):
            shutil.copy(ROOT / "flows" / name, self.folder)
        for name, text in {"up": UP, "down": DOWN, "list": LIST}.items():
            (self.folder / f"{name}.yaml").write_text(text)
        self.content = os.urandom(SIZE)
        (self.folder / "big.bin").write_bytes(self.content)
        (self.folder / "out").mkdir()

    def shell(self, script, wrapper=()):
        """Runs a script in which `flowrun NAME` leaves `NAME.out`, `NAME.err` and its exit code."""
        functions = f"""
            flowrun() {{
                code=0
                '{FLOWRUN}' "$2.yaml" --quiet >"$1.out" 2>"$1.err" || code=$?
                echo $code >"$1.code"
            }}
        """
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        subprocess.run(
            [*wrapper, "sh", "-euc", functions + script],
            cwd=self.folder, env=environment, check=True, timeout=300,
        )

    def ended(self, name, code, message="^"):
        error = (self.folder / f"{name}.err").read_text()
        self.assertEqual((self.folder / f"{name}.code").read_text().strip(), str(code), error)
        self.assertRegex(error, message)
        self.assertNotIn("os error", error)
        self.assertNotIn("panicked", error)
        return (self.folder / f"{name}.out").read_text()

    def downloaded(self):
        return {
            str(path.relative_to(self.folder / "out")): path.read_bytes()
            for path in (self.folder / "out").rglob("*") if path.is_file()
        }

    @unittest.skipUnless(can_mount(), "this machine allows no mount namespace")
    def test_a_full_disk_below_the_sandbox(self):
        self.shell(
            """
            mkdir .flowrun
            mount -t tmpfs -o size=2m none .flowrun
            flowrun full up
            flowrun after list
            find .flowrun -type f -size +1000k >left.out
            mount -o remount,size=64m .flowrun
            flowrun room up
            flowrun down down
            """,
            NAMESPACE,
        )
        self.ended("full", 1, r"(?s)\(the disk is full\).*bucket: disk-test.*key: big")
        self.assertEqual(self.ended("after", 0), "keys: []\n")
        self.assertEqual((self.folder / "left.out").read_text(), "")
        self.ended("room", 0)
        self.ended("down", 0)
        self.assertEqual(self.downloaded(), {"big.bin": self.content})

    @unittest.skipUnless(can_mount(), "this machine allows no mount namespace")
    def test_a_full_disk_below_a_download(self):
        self.shell(
            """
            flowrun up up
            mount -t tmpfs -o size=2m none out
            flowrun full down
            find out -type f >left.out
            umount out
            flowrun down down
            """,
            NAMESPACE,
        )
        self.ended("up", 0)
        self.ended("full", 1, r"(?s)no space left.*path: .*out/big.bin.*bucket: disk-test.*key: big")
        self.assertEqual((self.folder / "left.out").read_text(), "")
        self.ended("down", 0)
        self.assertEqual(self.downloaded(), {"big.bin": self.content})

    @unittest.skipUnless(can_mount(), "this machine allows no mount namespace")
    def test_a_disk_that_is_read_only(self):
        self.shell(
            """
            flowrun up up
            mount -t tmpfs -o ro none out
            flowrun down down
            umount out
            mount --bind .flowrun .flowrun
            mount -o remount,bind,ro .flowrun
            flowrun sandbox up
            """,
            NAMESPACE,
        )
        self.ended("up", 0)
        self.ended("down", 1, r"(?s)read-only file system.*path: .*out/big.bin")
        self.ended("sandbox", 4, r"the sandbox of .* does not start: .*read-only")

    def test_files_that_may_not_grow(self):
        # What a full disk is to a program, on any machine: a write that fails halfway.
        limited = ["sh", "-euc", 'trap "" XFSZ; ulimit -f 2048; exec "$@"', "sh"]
        self.shell("flowrun up up; flowrun after list", limited)
        self.ended("up", 1, r"(?s)file too large.*bucket: disk-test.*key: big")
        self.assertEqual(self.ended("after", 0), "keys: []\n")
        self.shell("flowrun up up")
        self.ended("up", 0)
        self.shell("flowrun full down", limited)
        self.ended("full", 1, r"(?s)file too large.*path: .*out/big.bin.*bucket: disk-test.*key: big")
        self.assertEqual(self.downloaded(), {})
        self.shell("flowrun down down")
        self.ended("down", 0)
        self.assertEqual(self.downloaded(), {"big.bin": self.content})


if __name__ == "__main__":
    unittest.main()
