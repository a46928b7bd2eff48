"""Runs a flow under roles that have exactly the policies of a test, against a server that enforces
them."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import yaml

from sandbox_process import FLOWRUN, ROOT


def allow(actions, resource):
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


class Judge:
    """A folder with the example flows and their connections, over some server."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="flowrun-judge-"))
        shutil.copytree(ROOT / "flows", self.folder, dirs_exist_ok=True)
        self.keys = {}

    def stop(self):
        shutil.rmtree(self.folder)

    def flowrun(self, *arguments):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        quiet = {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return subprocess.run(
            [FLOWRUN, *arguments],
            cwd=self.folder,
            env=kept | quiet | self.keys,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def needed(self, flow):
        """What each connection of the flow needs, as flowrun prints it."""
        (self.folder / "example.yaml").write_text(flow, encoding="utf-8")
        needed = {}
        for nickname in yaml.safe_load(flow)["connections"].values():
            printed = self.flowrun("policy", "example.yaml", "--for", nickname)
            needed[nickname] = json.loads(printed.stdout)
        return needed

    def run(self, policies):
        """Runs the flow anew, with roles that have exactly these policies."""
        self.prepare(policies)
        return self.flowrun("example.yaml")


class SandboxJudge(Judge):
    def prepare(self, policies):
        shutil.rmtree(self.folder / ".flowrun", ignore_errors=True)
        seed = yaml.safe_load((ROOT / "flows" / "sandbox.yaml").read_text(encoding="utf-8"))
        for account in seed["accounts"].values():
            for name, role in account.get("roles", {}).items():
                role["policy"] = policies.get(name, policy())
        (self.folder / "sandbox.yaml").write_text(yaml.safe_dump(seed), encoding="utf-8")
