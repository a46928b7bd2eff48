"""The JSON Schema of connection files takes what flowrun reads, and no value that it refuses."""

import copy
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import jsonschema
import yaml

from sandbox_process import FLOWRUN, ROOT
from schema_test import Loader as OfFlows


class Loader(OfFlows):
    """YAML 1.2 as connection files have it: `off` is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in OfFlows.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))

# Every key of every kind, each value one that is fine by itself.
WHOLE = """
role:
  type: aws_s3
  description: where backups go
  role_arn: arn:aws:iam::111122223333:role/path/backup
  external_id: 0123456789
  next_external_id: flowrun-7d793037a0760186574b0282f2f435e7
  accept_unsafe: its owner mends it in May
  session_policy: off
  source_identity: { env: CI_USER }
  session_tags: { project: backups, flow: "{flow}", year: 2026 }
  region: eu-central-1
  fips: true
  dual_stack: true
  base: { profile: backup }
own: { type: aws_s3, role_arn: "arn:aws:iam::111122223333:role/own", trust: principal, source_identity: ada }
keys:
  type: aws_s3
  endpoint: https://[::1]:9000/s3
  ca: ca.pem
  allow: [minio.internal, 10.1.0.0/16, "::1"]
  access_key_id: 123456
  secret_access_key: { file: secret.txt }
  session_token: { sealed: YWdlLWVuY3J5cHRpb24= }
sandbox: { type: aws_s3, endpoint: sandbox, base: sandbox }
members:
  type: aws_s3
  description: all of them
  role_arn: arn:aws:iam::{account}:role/Backup-{account}
  base: environment
  region: eu-central-1
  members:
    - { account: "012345678901", external_id: id-one, next_external_id: id-two, region: us-east-1 }
    - { account: "111122223333", description: the second, external_id: 12, accept_unsafe: it is only a test }
plain: { type: http, url: "https://api.example.com:8443/v1", auth: none, test_path: /health }
basic: { type: http, url: "https://a.example.com", auth: { basic: { username: ada, password: { env: A } } } }
bearer:
  type: http
  description:
  url: https://a.example.com
  auth: { bearer: { token: { file: token.txt } } }
  certificate: ours.pem
  private_key: { env: KEY }
  ca: ca.pem
  allow: [10.0.0.1]
header: { type: http, url: "https://a.example.com", auth: { api_key: { header: X-Api-Key, value: { env: A } } } }
query: { type: http, url: "https://a.example.com", auth: { api_key: { query: key, value: { env: A } } } }
oauth:
  type: http
  url: https://a.example.com
  auth:
    oauth2_client_credentials:
      token_url: https://login.example.com/token
      client_id: 12345
      client_secret: { env: A }
      scope: read write
      audience: https://a.example.com
"""

# What few values are. No boolean: flowrun takes a plain `true` for the text where a text may stand, and an
# editor may well tell.
WRONG = [[], {}, ["x", []], {"x": "y"}, {"env": "not a name"}, {"env": "A", "file": "b"}, 1.5, "", "\u0007", "a\nb"]


def paths(value, path=()):
    """The place of every value in a document, of those in maps and lists too."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from paths(inner, (*path, step))


def changed(document, path, change):
    """A copy with one place changed."""
    document = copy.deepcopy(document)
    place = document
    for step in path[:-1]:
        place = place[step]
    change(place, path[-1])
    return document


def texts():
    """Connection files, and texts of tests that may be some."""
    for path in sorted(ROOT.glob("**/connections*.yaml")):
        if not {"target", ".venv"} & set(path.relative_to(ROOT).parts):
            yield path.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("docs/**/*.md")):
        yield from re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
    for path in sorted([*ROOT.glob("tests/**/*.rs"), *ROOT.glob("crates/connections/src/**/*.rs")]):
        for text in re.findall(r'"((?:[^"\\]|\\.)*)"', path.read_text(encoding="utf-8"), re.S):
            if "type: aws_s3" in text or "type: http" in text:
                text = re.sub(r"\\\n\s*", "", text)
                yield text.replace("\\n", "\n").replace('\\"', '"')


class ConnectionsSchema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        printed = subprocess.run([FLOWRUN, "schema", "connections"], capture_output=True, check=True).stdout
        cls.schema = json.loads(printed)
        jsonschema.Draft202012Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def is_taken(self, document):
        return not list(self.validator.iter_errors(document))

    def read(self, texts):
        """Whether flowrun reads each of these files."""
        files = []
        for index, text in enumerate(texts):
            files.append(self.folder / str(index) / "connections.yaml")
            files[-1].parent.mkdir(exist_ok=True)
            files[-1].write_text(text, encoding="utf-8")
        validated = subprocess.run([FLOWRUN, "validate", *files], capture_output=True, text=True)
        self.assertIn(validated.returncode, (0, 2, 4))
        good = set(validated.stdout.splitlines())
        return [f"{file}: ok" in good for file in files]

    def test_what_flowrun_reads_is_taken(self):
        files = [WHOLE, "", "# nothing yet\n", *texts()]
        read = [text for text, is_read in zip(files, self.read(files)) if is_read]
        self.assertGreater(len(read), 40)
        for text in read:
            with self.subTest(text):
                self.assertTrue(self.is_taken(yaml.load(text, Loader)))

    def test_the_whole_file_has_every_key(self):
        whole = yaml.load(WHOLE, Loader)
        self.assertEqual(self.read([WHOLE]), [True])
        for name in ["aws_s3", "http", "set"]:
            keys = set(self.schema["$defs"][name]["properties"])
            used = {
                key for entry in whole.values() for key in entry
                if ("set" if "members" in entry else entry["type"]) == name
            }
            own_of_others = {"trust", "source_identity", "session_tags", "session_policy", "endpoint", "ca",
                             "allow", "fips", "dual_stack", "access_key_id", "secret_access_key", "session_token"}
            self.assertEqual(keys - used - (own_of_others if name == "set" else set()), set())

    def test_what_is_not_taken_is_not_read(self):
        whole = yaml.load(WHOLE, Loader)
        refused = []
        for path in [path for path in paths(whole) if path]:
            others = [changed(whole, path, lambda place, key, wrong=wrong: place.__setitem__(key, wrong)) for wrong in WRONG]
            others.append(changed(whole, path, lambda place, key: place.__delitem__(key)))
            if isinstance(path[-1], str):
                others.append(changed(whole, path, lambda place, key: place.__setitem__(f"{key}x", place.pop(key))))
            for other in others:
                name = path[0] if path[0] in other else f"{path[0]}x"
                entry = {name: other[name]} if name in other else {}
                if not self.is_taken(entry):
                    refused.append(json.dumps(entry))
        self.assertGreater(len(refused), 900)
        for text, is_read in zip(refused, self.read(refused)):
            with self.subTest(text):
                self.assertFalse(is_read)


if __name__ == "__main__":
    unittest.main()
