"""A connection with a source identity and session tags, against roles that ask for them: the trust
policy that flowrun shows is enough in the sandbox, and nothing less is."""

import json
import unittest

import yaml

from judge import SandboxJudge, allow, policy
from sandbox_process import ROOT

FLOW = """
flow: attributed
connections: { source: demo-reports }
cards:
  stored:
    card: s3.upload
    connection: source
    with: { bucket: reports, key: daily/attributed.txt, text: hello }
"""
# The role is of use to sessions of this flow alone, and of this person.
OWN = policy(
    allow("s3:PutObject", "arn:aws:s3:::reports/*")
    | {
        "Condition": {
            "StringEquals": {"aws:PrincipalTag/flow": "attributed", "aws:SourceIdentity": "ann"}
        }
    }
)


class Attribution(unittest.TestCase):
    def setUp(self):
        self.judge = SandboxJudge()
        self.addCleanup(self.judge.stop)
        (self.judge.folder / "example.yaml").write_text(FLOW, encoding="utf-8")
        self.tell(source_identity="ann", session_tags={"flow": "{flow}", "run": "{run}"})

    def tell(self, **keys):
        file = self.judge.folder / "connections.yaml"
        connections = yaml.safe_load((ROOT / "flows" / "connections.yaml").read_text("utf-8"))
        connections["demo-reports"] |= keys
        file.write_text(yaml.safe_dump(connections), encoding="utf-8")

    def run_with(self, trust, operator=("sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession")):
        self.judge.prepare({"demo-reports": OWN})
        file = self.judge.folder / "sandbox.yaml"
        seed = yaml.safe_load(file.read_text(encoding="utf-8"))
        accounts = seed["accounts"]
        accounts["222222222222"]["roles"]["demo-reports"]["trust"] = trust
        user = accounts["111111111111"]["users"]["flowrun"]
        user["policy"] = policy(allow(list(operator), "*"))
        file.write_text(yaml.safe_dump(seed), encoding="utf-8")
        return self.judge.flowrun("example.yaml")

    def shown_trust(self):
        shown = self.judge.flowrun(
            "policy", "example.yaml", "--for", "demo-reports", "--trust",
            "--account-id", "111111111111",
        )
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return shown.stdout

    def test_the_trust_policy_that_is_shown_is_enough(self):
        shown = json.loads(self.shown_trust())
        trust = next(
            value
            for value in shown.values()
            if isinstance(value, dict) and "Principal" in value["Statement"][0]
        )
        outcome = self.run_with(trust)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        for left_out in ["sts:SetSourceIdentity", "sts:TagSession"]:
            fewer = json.loads(json.dumps(trust).replace(left_out, "sts:GetCallerIdentity"))
            outcome = self.run_with(fewer)
            self.assertNotEqual(outcome.returncode, 0, left_out)
            self.assertIn(left_out, outcome.stderr)
        operator = ("sts:AssumeRole", "sts:TagSession")
        outcome = self.run_with(trust, operator)
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("sts:SetSourceIdentity", outcome.stderr)

        self.tell(source_identity="bob", session_tags={"flow": "{flow}"})
        outcome = self.run_with(trust)
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("permission_denied", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
