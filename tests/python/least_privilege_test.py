"""For each S3 card, the policy that `flowrun policy` prints for its examples is enough, and none of
its actions is there for nothing: asked of the sandbox, and of moto as a second opinion."""

import json
import logging
import subprocess
import unittest
import urllib.request

import boto3
import yaml
from moto.server import ThreadedMotoServer

from judge import Judge, SandboxJudge, allow, policy
from sandbox_process import FLOWRUN

# What the cards need for times that the examples do not have. Whoever adds an action to a card adds
# an example or a flow to `MORE` that needs it, or says here why there is none.
UNUSED = {
    # What an upload needs that fails half-way: see `REFUSED`.
    "s3:AbortMultipartUpload",
}
# What moto lets pass beside: it asks for the action of the method and of a part of the query, and
# for no other.
NOT_IN_MOTO = {
    # `PUT ?legal-hold` is s3:PutObject to it.
    "s3:PutObjectLegalHold",
}
# Flows for what the examples of a card leave out.
MORE = {
    # The example names a version, which is null in a bucket that keeps none.
    "s3.delete_object": """
flow: delete_current
connections: { vault: demo-vault }
cards:
  gone:
    card: s3.delete_object
    connection: vault
    with: { bucket: reports-vault, key: gone.txt }
""",
}
# An upload in parts that S3 refuses at the end.
REFUSED = """
flow: refused
connections: { vault: demo-vault }
cards:
  first:
    card: s3.upload
    connection: vault
    with: { bucket: reports-vault, key: a.bin, text: "x" }
  second:
    after: first
    card: s3.upload
    connection: vault
    with: { bucket: reports-vault, key: a.bin, file: big.bin, if_none_match: true }
"""
REGION = "eu-central-1"
MOTO_ACCOUNT = "123456789012"


def flows():
    """Name of the card, and flow, of all that is to be judged."""
    cards = json.loads(subprocess.check_output([FLOWRUN, "cards", "--json"]))
    for card in cards:
        if card["name"].startswith("s3."):
            for example in card["examples"]:
                yield card["name"], example["flow"]
    yield from MORE.items()


def without(whole, action):
    """The policy without one action."""
    statements = []
    for statement in whole["Statement"]:
        actions = statement["Action"]
        actions = [actions] if isinstance(actions, str) else actions
        if left := [one for one in actions if one != action]:
            statements.append(statement | {"Action": left})
    return policy(*statements)


def actions_of(whole):
    found = [statement["Action"] for statement in whole["Statement"]]
    return sorted({one for item in found for one in ([item] if isinstance(item, str) else item)})


class MotoJudge(Judge):
    """moto with authorization. It judges signatures, principals, actions and resources; no session
    policy, no bucket policy, no condition but `StringEquals` in the trust of a role, and there it
    takes a missing External ID for a right one."""

    def __init__(self):
        super().__init__()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        file = self.folder / "connections.yaml"
        connections = yaml.safe_load(file.read_text(encoding="utf-8"))
        self.external_ids = {}
        for nickname, connection in connections.items():
            if "role_arn" in connection:
                connection["role_arn"] = f"arn:aws:iam::{MOTO_ACCOUNT}:role/{nickname}"
                connection["endpoint"] = self.url
                connection["base"] = "environment"
                # flowrun finds that out, and uses no such role unless a person says why.
                connection["accept_unsafe"] = "moto takes a missing External ID for a right one"
                self.external_ids[nickname] = connection["external_id"]
        file.write_text(yaml.safe_dump(connections), encoding="utf-8")

    def stop(self):
        self.server.stop()
        super().stop()

    def post(self, path, text=""):
        request = urllib.request.Request(
            self.url + path,
            data=text.encode(),
            headers={"Content-Type": "text/plain"},
            method="POST",
        )
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="setup",
            aws_secret_access_key="setup",
        )

    def prepare(self, policies):
        self.post("/moto-api/reset")
        self.post("/moto-api/reset-auth", "inf")
        iam, s3 = self.client("iam"), self.client("s3")
        iam.create_user(UserName="flowrun")
        iam.put_user_policy(
            UserName="flowrun",
            PolicyName="own",
            PolicyDocument=json.dumps(policy(allow("sts:AssumeRole", "*"))),
        )
        key = iam.create_access_key(UserName="flowrun")["AccessKey"]
        self.keys = {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
        for nickname, own in policies.items():
            trust = {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{MOTO_ACCOUNT}:user/flowrun"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": self.external_ids[nickname]}},
            }
            iam.create_role(
                RoleName=nickname, AssumeRolePolicyDocument=json.dumps(policy(trust))
            )
            if own["Statement"]:
                iam.put_role_policy(
                    RoleName=nickname, PolicyName="own", PolicyDocument=json.dumps(own)
                )
        place = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration=place)
        s3.create_bucket(
            Bucket="reports-vault",
            CreateBucketConfiguration=place,
            ObjectLockEnabledForBucket=True,
        )
        self.post("/moto-api/reset-auth", "0")


class LeastPrivilege(unittest.TestCase):
    def judged(self, judge):
        """The actions that no flow of their card misses, with the cards."""
        self.addCleanup(judge.stop)
        listed, missed = set(), set()
        for card, flow in flows():
            needed = judge.needed(flow)
            outcome = judge.run(needed)
            self.assertEqual(outcome.returncode, 0, f"{card}: {outcome.stderr}")
            for nickname, whole in needed.items():
                for action in actions_of(whole):
                    with self.subTest(card=card, nickname=nickname, action=action):
                        outcome = judge.run(needed | {nickname: without(whole, action)})
                        listed.add((action, card))
                        if outcome.returncode != 0:
                            self.assertIn("permission_denied", outcome.stderr)
                            missed.add((action, card))
        unused = {}
        for action, card in sorted(listed - missed):
            unused.setdefault(action, []).append(card)
        return unused

    def test_in_the_sandbox(self):
        unused = self.judged(SandboxJudge())
        self.assertEqual(set(unused), UNUSED, unused)

    def test_a_refused_upload_in_the_sandbox(self):
        judge = SandboxJudge()
        self.addCleanup(judge.stop)
        (judge.folder / "big.bin").write_bytes(bytes(17 << 20))
        needed = judge.needed(REFUSED)
        action = "s3:AbortMultipartUpload"
        fewer = {name: without(whole, action) for name, whole in needed.items()}
        for policies, is_denied in [(needed, False), (fewer, True)]:
            outcome = judge.run(policies)
            self.assertIn("precondition_failed", outcome.stderr)
            self.assertEqual(f"not allowed {action}" in outcome.stderr, is_denied, outcome.stderr)

    def test_in_moto(self):
        unused = self.judged(MotoJudge())
        for action, cards in unused.items():
            print(f"moto does not ask for {action}: {', '.join(cards)}")
        self.assertEqual(set(unused), UNUSED | NOT_IN_MOTO, unused)

    def test_moto_refuses_another_external_id(self):
        judge = MotoJudge()
        self.addCleanup(judge.stop)
        judge.external_ids["demo-reports"] = "another-id"
        _, flow = next(one for one in flows() if one[0] == "s3.head_object")
        outcome = judge.run(judge.needed(flow))
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("demo-reports", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
