"""boto3 and aws-cli against the sandbox: other people's clients are the judges of its protocol."""

import io
import json
import os
import pathlib
import subprocess
import sys
import unittest

import boto3
import botocore.config
import botocore.exceptions
import yaml

from sandbox_process import ROOT, SandboxProcess

CONFIG = botocore.config.Config(
    retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
)
PART = 5 * 1024 * 1024


def setUpModule():
    global SANDBOX
    SANDBOX = SandboxProcess()


def tearDownModule():
    SANDBOX.stop()


def client(service, credentials=None):
    variables = SANDBOX.variables
    keys = credentials or {
        "AccessKeyId": variables["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": variables["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": None,
    }
    return boto3.session.Session().client(
        service,
        endpoint_url=SANDBOX.endpoint,
        region_name=variables["AWS_REGION"],
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=CONFIG,
    )


def create_bucket(s3, name):
    s3.create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": SANDBOX.variables["AWS_REGION"]},
    )


def connection(nickname):
    with open(ROOT / "flows" / "connections.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)[nickname]


def error_code(raised):
    return raised.exception.response["Error"]["Code"]


class Boto3(unittest.TestCase):
    def test_an_object_comes_back_with_its_metadata(self):
        s3 = client("s3")
        create_bucket(s3, "clients-boto3")
        body = os.urandom(100_000)
        put = s3.put_object(
            Bucket="clients-boto3", Key="a b/ü+%2F.bin", Body=body, Metadata={"origin": "test"}
        )
        got = s3.get_object(Bucket="clients-boto3", Key="a b/ü+%2F.bin")
        self.assertEqual(got["Body"].read(), body)
        self.assertEqual(got["Metadata"], {"origin": "test"})
        self.assertEqual(got["ETag"], put["ETag"])
        listed = s3.list_objects_v2(Bucket="clients-boto3")
        self.assertEqual([o["Key"] for o in listed["Contents"]], ["a b/ü+%2F.bin"])
        ranged = s3.get_object(Bucket="clients-boto3", Key="a b/ü+%2F.bin", Range="bytes=10-19")
        self.assertEqual(ranged["Body"].read(), body[10:20])

    def test_a_multipart_upload_is_assembled(self):
        s3 = client("s3")
        create_bucket(s3, "clients-multipart")
        body = os.urandom(2 * PART + 17)
        config = boto3.s3.transfer.TransferConfig(
            multipart_threshold=PART, multipart_chunksize=PART
        )
        s3.upload_fileobj(io.BytesIO(body), "clients-multipart", "large", Config=config)
        head = s3.head_object(Bucket="clients-multipart", Key="large")
        self.assertTrue(head["ETag"].endswith('-3"'), head["ETag"])
        target = io.BytesIO()
        s3.download_fileobj("clients-multipart", "large", target, Config=config)
        self.assertEqual(target.getvalue(), body)

    def test_errors_carry_the_codes_of_aws(self):
        s3 = client("s3")
        for call, code in [
            (lambda: s3.get_object(Bucket="clients-nowhere", Key="x"), "NoSuchBucket"),
            (lambda: s3.get_object(Bucket="reports", Key="nothing"), None),
            (lambda: s3.create_bucket(Bucket="reports"), None),
        ]:
            with self.assertRaises(botocore.exceptions.ClientError) as raised:
                call()
            if code:
                self.assertEqual(error_code(raised), code)

    def test_a_wrong_secret_is_refused(self):
        keys = {
            "AccessKeyId": SANDBOX.variables["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": "x" * 40,
            "SessionToken": None,
        }
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            client("s3", keys).list_buckets()
        self.assertEqual(error_code(raised), "SignatureDoesNotMatch")


class AssumeRole(unittest.TestCase):
    def assume(self, **extra):
        demo = connection("demo-vault")
        return client("sts").assume_role(
            RoleArn=demo["role_arn"], RoleSessionName="clients", **extra
        )

    def test_the_caller_is_who_the_sandbox_says(self):
        identity = client("sts").get_caller_identity()
        self.assertRegex(identity["Arn"], r"^arn:aws:iam::\d{12}:")

    def test_the_right_external_id_opens_the_role(self):
        demo = connection("demo-vault")
        session = self.assume(ExternalId=demo["external_id"])["Credentials"]
        vault = client("s3", session)
        vault.put_object(Bucket="reports-vault", Key="clients.txt", Body=b"x")
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            vault.get_object(Bucket="reports-vault", Key="clients.txt")
        self.assertEqual(error_code(raised), "AccessDenied")

    def test_a_session_needs_its_token(self):
        demo = connection("demo-vault")
        session = self.assume(ExternalId=demo["external_id"])["Credentials"]
        with self.assertRaises(botocore.exceptions.ClientError):
            client("s3", session | {"SessionToken": None}).put_object(
                Bucket="reports-vault", Key="clients.txt", Body=b"x"
            )

    def test_a_missing_external_id_is_refused(self):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            self.assume()
        self.assertEqual(error_code(raised), "AccessDenied")

    def test_a_wrong_external_id_is_refused(self):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            self.assume(ExternalId="not-the-right-one")
        self.assertEqual(error_code(raised), "AccessDenied")


class AwsCli(unittest.TestCase):
    def aws(self, *arguments, expect=0):
        result = subprocess.run(
            [sys.executable, "-m", "awscli", *arguments],
            env=SANDBOX.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def test_the_printed_lines_are_all_it_needs(self):
        identity = json.loads(self.aws("sts", "get-caller-identity").stdout)
        self.assertRegex(identity["Arn"], r"^arn:aws:iam::")

    def test_a_folder_goes_up_and_comes_down(self):
        source = pathlib.Path(SANDBOX.folder) / "up"
        target = pathlib.Path(SANDBOX.folder) / "down"
        source.mkdir()
        (source / "a.txt").write_text("alpha")
        (source / "b.txt").write_text("beta")
        self.aws("s3", "mb", "s3://clients-cli")
        self.aws("s3", "cp", "--recursive", str(source), "s3://clients-cli/here/")
        listed = self.aws("s3", "ls", "--recursive", "s3://clients-cli").stdout
        self.assertIn("here/a.txt", listed)
        self.aws("s3", "cp", "--recursive", "s3://clients-cli/here/", str(target))
        self.assertEqual((target / "b.txt").read_text(), "beta")
        self.aws("s3", "rm", "--recursive", "s3://clients-cli")
        self.aws("s3", "rb", "s3://clients-cli")

    def test_a_wrong_external_id_is_refused(self):
        demo = connection("demo-vault")
        result = self.aws(
            "sts", "assume-role", "--role-arn", demo["role_arn"],
            "--role-session-name", "clients", "--external-id", "wrong", expect=255,
        )
        self.assertIn("AccessDenied", result.stderr)


if __name__ == "__main__":
    unittest.main()
