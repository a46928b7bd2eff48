"""`flowrun connections new` as a person sees it: on a terminal, from an empty folder to a connection
that is proven."""

import base64
import http.server
import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import threading
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
            environment |= {"KEY": os.environ["KEY"]} if "KEY" in os.environ else {}
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


class Known(http.server.ThreadingHTTPServer):
    """A server that lets everybody in, gives tokens, and remembers by what it was asked to know us."""

    def __init__(self):
        self.authorizations = []
        super().__init__(("127.0.0.1", 0), Answer)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.authorizations.append(self.headers["authorization"])
        self.tell(b"")

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        # As many servers have it: the seconds as text.
        self.tell(b'{"access_token": "canary-token", "token_type": "Bearer", "expires_in": "3600"}')

    def tell(self, body):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


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
        for seconds in 3, 5, 8:
            wizard.expect(f"once more in {seconds} s (Ctrl-C stops; the connection stays pending)")
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

    def flow(self, connections="shelf: shop"):
        (self.folder / "first.yaml").write_text(
            "flow: first\n"
            f"connections: {{ {connections} }}\n"
            "cards:\n"
            "  made:\n"
            "    card: s3.upload\n"
            "    connection: shelf\n"
            "    with: { bucket: shop-files, key: hello.txt, text: hello }\n"
            "outputs: { etag: '{{ cards.made.etag }}' }\n"
        )
        return Terminal(self.folder, "first.yaml")

    def test_a_flow_asks_for_the_connection_that_it_names(self):
        (self.folder / "sandbox.yaml").unlink()
        run = self.flow()
        run.expect("the flow names the connection `shop`, and there is none\n")
        run.expect("? where (Enter: AWS; `sandbox`; or the URL of another server that speaks S3): ")
        run.answer("sandbox")
        run.expect("(Enter: yes; n: no): ")
        run.answer("perhaps")
        run.expect("answer `y` or `n`")
        run.answer("")
        run.expect("verified: the role lets nobody in without the External ID")
        run.expect("saved in")
        run.expect("succeeded in")
        run.expect("etag: 5d41402abc4b2a76b9719d911017c592")
        self.assertEqual(run.end(), 0)
        # It is there for every later run, and allows no more than this flow needs.
        again = subprocess.run([FLOWRUN, "first.yaml", "-q"], cwd=self.folder, capture_output=True)
        self.assertEqual(again.returncode, 0, again.stderr)
        seed = (self.folder / "sandbox.yaml").read_text()
        self.assertIn("Resource: arn:aws:s3:::shop-files/hello.txt", seed)
        check = [FLOWRUN, "connections", "test", "shop"]
        self.assertEqual(subprocess.run(check, cwd=self.folder, capture_output=True).returncode, 0)

        # Another flow may use it under the name that it has for it; what is no S3 is not offered.
        with open(self.folder / "connections.yaml", "a") as connections:
            connections.write("api: { type: http, url: 'http://127.0.0.1:1' }\n")
        run = self.flow("shelf: store")
        run.expect("the flow names the connection `store`, and there is none\nthere are:\n  shop")
        run.expect("? which shall stand for it (Enter: make `store`): ")
        run.answer("api")
        run.expect("`api` is none of these")
        run.answer("shop")
        run.expect("write `shelf: shop` under `connections:` in first.yaml")
        run.expect("succeeded in")
        self.assertEqual(run.end(), 0)

    def test_a_role_that_takes_days_is_told_in_every_form(self):
        run = self.flow()
        run.expect("the flow names the connection `shop`")
        run.answer("sandbox")
        shown = run.expect("? role ARN (Enter: later): ")
        # What is pasted is what the flow needs.
        documents = shown[shown.index("{") : shown.rindex("}") + 1]
        decoder = json.JSONDecoder()
        trust, end = decoder.raw_decode(documents)
        policy, _ = decoder.raw_decode(documents[documents.index("{", end) :])
        self.assertIn("sts:ExternalId", trust["Statement"][0]["Condition"]["StringEquals"])
        self.assertEqual(policy["Statement"][0]["Resource"], "arn:aws:s3:::shop-files/hello.txt")
        for form, word in [
            ("terraform", 'resource "aws_iam_role" "flowrun-shop"'),
            ("cloudformation", "AWS::IAM::Role"),
            ("cli", "aws iam create-role --role-name 'flowrun-shop'"),
        ]:
            run.answer(form)
            shown = run.expect("? role ARN (Enter: later): ")
            self.assertIn(word, shown)
            self.assertIn("arn:aws:s3:::shop-files/hello.txt", shown)
        run.answer("")
        run.expect("flowrun connections finish shop --role-arn ARN\nthen run the flow again")
        self.assertEqual(run.end(), 4)

    def test_a_server_that_speaks_http_is_made_by_its_answers(self):
        with Known() as known:
            url = f"http://127.0.0.1:{known.server_port}/v1"
            wizard = Terminal(self.folder, "connections", "new", "--kind", "http")
            wizard.expect("? nickname: ")
            wizard.answer("api")
            wizard.expect("? URL, such as https://api.example.com/v1: ")
            wizard.answer("example")
            wizard.expect("a URL is such as")
            wizard.answer(url)
            wizard.expect("(Enter: it need not): ")
            wizard.answer("token")
            wizard.expect("`token` is none of these")
            wizard.answer("basic")
            wizard.expect("? user name: ")
            wizard.answer("ada")
            question = "? where the password is: `env:NAME` or `file:PATH` (Enter: type it, and it is sealed in the file): "
            wizard.expect(question)
            wizard.answer("canary")
            wizard.expect("a secret is given by where it is")
            wizard.expect(question)
            wizard.answer("")
            wizard.expect("? the password (not shown): ")
            wizard.answer("")
            wizard.expect("nothing was typed")
            wizard.expect("? the password (not shown): ")
            wizard.answer("canary-password")
            wizard.expect("your certificate, a PEM file, for mutual TLS (Enter: none): ")
            wizard.answer("")
            # The store of one's own is made, for the first secret that is sealed.
            shown = wizard.expect("can read it")
            self.assertIn("works: the server answers, and takes what it knows us by", shown)
            self.assertNotIn("canary", shown)
            self.assertEqual(wizard.end(), 0)
            made = (self.folder / "connections.yaml").read_text()
            self.assertRegex(made, r"auth: \{ basic: \{ username: ada, password: \{ sealed: \S{100,} \} \} \}")
            environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"]}
            test = [FLOWRUN, "connections", "test", "api"]
            tested = subprocess.run(test, cwd=self.folder, env=environment, capture_output=True)
            self.assertEqual(tested.returncode, 0, tested.stderr)
            expected = "Basic " + base64.b64encode(b"ada:canary-password").decode()
            self.assertEqual(known.authorizations, [expected] * 2)

    def test_each_way_to_be_known_asks_for_its_keys(self):
        for way, answers, expect in [
            ("api_key", [("carries the key", "?key"), ("where the key is", "env:KEY")],
             "{ api_key: { query: key, value: { env: KEY } } }"),
            ("bearer", [("where the token is", "file:token.txt")], "{ bearer: { token: { file: token.txt } } }"),
            ("oauth2_client_credentials",
             [("URL that gives tokens", "TOKENS"), ("client id", "me"), ("where the client secret is", "env:KEY"),
              ("scope (Enter: none)", "read"), ("audience (Enter: none)", "")],
             "{ oauth2_client_credentials: { token_url: TOKENS, client_id: me, client_secret: { env: KEY }, scope: read } }"),
        ]:
            with self.subTest(way), Known() as known:
                url = f"http://127.0.0.1:{known.server_port}"
                os.environ["KEY"] = "canary-key"
                (self.folder / "token.txt").write_text("canary-token")
                wizard = Terminal(self.folder, "connections", "new", way, "--kind", "http", "--url", url)
                wizard.expect("(Enter: it need not): ")
                wizard.answer(way)
                for question, answer in answers:
                    wizard.expect(question)
                    wizard.answer(answer.replace("TOKENS", f"{url}/tokens"))
                wizard.expect("for mutual TLS (Enter: none): ")
                wizard.answer("")
                wizard.expect("saved in")
                self.assertEqual(wizard.end(), 0)
                made = (self.folder / "connections.yaml").read_text()
                self.assertIn(f"auth: {expect}".replace("TOKENS", f"{url}/tokens"), made)

    def test_a_certificate_is_asked_for_with_its_key(self):
        wizard = Terminal(self.folder, "connections", "new", "api", "--kind", "http", "--url", "https://127.0.0.1:1")
        wizard.expect("(Enter: it need not): ")
        wizard.answer("")
        wizard.expect("for mutual TLS (Enter: none): ")
        wizard.answer("ours.pem")
        wizard.expect("where its key is: `env:NAME` or `file:PATH`: ")
        wizard.answer("file:missing.pem")
        wizard.expect("missing.pem` of `private_key` cannot be read")
        self.assertEqual(wizard.end(), 4)
        self.assertFalse((self.folder / "connections.yaml").exists())

    def test_the_end_of_the_input_cancels(self):
        wizard = self.new()
        wizard.expect("? nickname: ")
        os.write(wizard.terminal, b"\x04")
        wizard.expect("cancelled")
        self.assertEqual(wizard.end(), 3)
        self.assertFalse((self.folder / "connections.yaml").exists())


if __name__ == "__main__":
    unittest.main()
