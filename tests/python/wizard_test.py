"""`flowrun connections new` as a person sees it: on a terminal, from an empty folder to a connection
that is proven."""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from sandbox_process import FLOWRUN, ROOT

PATIENCE = 30
# A role that trusts the sandbox's own account under an External ID.
ROLE = """\
      wizard:
        trust: {trust}
        policy:
          Version: "2012-10-17"
          Statement: [{{ Effect: Allow, Action: "s3:*", Resource: "*" }}]
"""


class Terminal:
    """flowrun on a terminal of its own."""

    def __init__(self, folder, *arguments):
        self.text = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "TERM": "xterm"}
            os.execve(FLOWRUN, ["flowrun", *arguments], environment)

    def expect(self, text):
        """What is shown up to a text and with it, without colours."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.text:
            if time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} in {self.text!r}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    new = os.read(self.terminal, 65536).decode()
                except OSError:
                    raise AssertionError(f"ended without {text!r}: {self.text!r}") from None
                self.text += re.sub(r"\x1b\[[0-9;]*m", "", new).replace("\r\n", "\n")
        seen, self.text = self.text.split(text, 1)
        return seen + text

    def answer(self, text):
        os.write(self.terminal, text.encode() + b"\n")

    def end(self):
        """The exit code."""
        while True:
            try:
                if not os.read(self.terminal, 65536):
                    break
            except OSError:
                break
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Wizard(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-wizard-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        shutil.copy(ROOT / "flows" / "sandbox.yaml", self.folder)

    def add_role(self, trust):
        with open(self.folder / "sandbox.yaml", "a") as seed:
            seed.write(ROLE.format(trust=trust))

    def new(self):
        return Terminal(self.folder, "connections", "new", "--endpoint", "sandbox")

    def test_a_connection_is_made_and_proven(self):
        wizard = self.new()
        wizard.expect("? nickname: ")
        wizard.answer("my vault")
        wizard.expect("`my vault` is not a nickname")
        wizard.expect("? nickname: ")
        wizard.answer("vault")
        shown = wizard.expect("? role ARN (Enter: later): ")
        self.assertIn("Account ID        111111111111", shown)
        external_id = re.search(r"External ID +(flowrun-[0-9a-f]{32})\n", shown).group(1)
        trust = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
        condition = trust["Statement"][0]["Condition"]
        self.assertEqual(condition, {"StringEquals": {"sts:ExternalId": external_id}})

        wizard.answer("vault")
        wizard.expect("`vault` is not the ARN of a role")
        # The role is not there yet: the connection waits, and can be finished later.
        wizard.expect("? role ARN (Enter: later): ")
        wizard.answer("arn:aws:iam::444444444444:role/wizard")
        wizard.expect("the role may not be assumed by")
        wizard.expect("? role ARN (Enter: later): ")
        wizard.answer("")
        wizard.expect("flowrun connections finish vault --role-arn ARN")
        self.assertEqual(wizard.end(), 0)

        # What was shown is what the role is made with.
        self.add_role(json.dumps(trust))
        finish = Terminal(self.folder, "connections", "finish", "vault")
        finish.expect("? role ARN (Enter: later): ")
        finish.answer("arn:aws:iam::444444444444:role/wizard")
        finish.expect("verified: the role lets nobody in without the External ID")
        finish.expect("saved in")
        self.assertEqual(finish.end(), 0)
        test = [FLOWRUN, "connections", "test", "vault"]
        self.assertEqual(subprocess.run(test, cwd=self.folder, capture_output=True).returncode, 0)

    def test_the_end_of_the_input_cancels(self):
        wizard = self.new()
        wizard.expect("? nickname: ")
        os.write(wizard.terminal, b"\x04")
        wizard.expect("cancelled")
        self.assertEqual(wizard.end(), 3)
        self.assertFalse((self.folder / "connections.yaml").exists())


if __name__ == "__main__":
    unittest.main()
