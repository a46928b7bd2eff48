"""The JSON Schema that editors use accepts every example flow, and refuses what is no flow."""

import json
import subprocess
import unittest

import jsonschema
import yaml

from sandbox_process import FLOWRUN, ROOT


class Loader(yaml.SafeLoader):
    """YAML 1.2 as flows have it: dates and `on` are text, not values of YAML 1.1."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def flows():
    other = {"connections.yaml", "sandbox.yaml"}
    found = [path for path in sorted((ROOT / "flows").glob("*.yaml")) if path.name not in other]
    assert found, "there are no example flows"
    return found


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        printed = subprocess.run([FLOWRUN, "schema"], capture_output=True, check=True).stdout
        cls.schema = json.loads(printed)
        jsonschema.Draft202012Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)

    def errors(self, flow):
        return [error.message for error in self.validator.iter_errors(flow)]

    def test_every_example_flow_is_accepted(self):
        for path in flows():
            with self.subTest(path.name):
                flow = yaml.load(path.read_text(encoding="utf-8"), Loader)
                self.assertEqual(self.errors(flow), [])

    def test_what_is_no_flow_is_refused(self):
        good = {"flow": "a", "cards": {"x": {"card": "text.upper", "with": {"text": "a"}}}}
        self.assertEqual(self.errors(good), [])
        for name, wrong in [
            ("no flow id", {"cards": good["cards"]}),
            ("unknown key", good | {"card": {}}),
            ("unknown card", {"flow": "a", "cards": {"x": {"card": "text.uper"}}}),
            ("unknown input", {"flow": "a", "cards": {"x": {"card": "text.upper", "with": {"txt": "a"}}}}),
            ("two actions", {"flow": "a", "cards": {"x": {"card": "text.upper", "cards": {}}}}),
        ]:
            with self.subTest(name):
                self.assertNotEqual(self.errors(wrong), [])


if __name__ == "__main__":
    unittest.main()
