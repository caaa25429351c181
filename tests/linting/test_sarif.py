"""SARIF 2.1.0: the objects that the linter writes, by the rules of its schema.

The schema itself is not here. `OPTAX_LR_SARIF_SCHEMA=sarif-schema-2.1.0.json` names a copy of it (OASIS publishes it), by
which everything is validated too; that needs `jsonschema` and `rfc3986-validator`.
"""

import json
import os
import re
from pathlib import Path

import pytest

import optax_lr as olr
from optax_lr.linting.formats import as_sarif
from tests.linting.mistakes import MISTAKES

# What each object must hold and what it may: the schema allows no other key, and we write no more than these.
OBJECTS = {
    "log": ({"version", "runs"}, {"$schema"}),
    "run": ({"tool", "results"}, set()),
    "tool": ({"driver"}, set()),
    "driver": ({"name"}, {"version", "rules", "informationUri", "semanticVersion"}),
    "rule": ({"id"}, {"name", "shortDescription", "fullDescription", "help", "helpUri", "defaultConfiguration"}),
    "configuration": (set(), {"level", "enabled"}),
    "result": ({"message"}, {"ruleId", "ruleIndex", "level", "locations"}),
    "location": ({"physicalLocation"}, {"id"}),
    "physical location": ({"artifactLocation"}, {"region"}),
    "artifact location": ({"uri"}, {"uriBaseId"}),
    "region": ({"startLine"}, {"startColumn", "endLine", "endColumn"}),
    "message": ({"text"}, {"markdown"}),
}
LEVELS = {"none", "note", "warning", "error"}
URI = re.compile(r"(file:///)?([A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})+")


def check(name, value):
    must, may = OBJECTS[name]
    assert isinstance(value, dict)
    assert must <= value.keys() <= must | may, name
    return value


def text_of(value):
    text = check("message", value)["text"]
    assert isinstance(text, str)
    assert text
    return text


def check_log(log):
    """Every object of a log, and what binds them together."""
    assert check("log", log)["version"] == "2.1.0"
    for run in log["runs"]:
        driver = check("driver", check("tool", check("run", run)["tool"])["driver"])
        rules = [check("rule", rule)["id"] for rule in driver["rules"]]
        assert len(set(rules)) == len(rules)
        for rule in driver["rules"]:
            text_of(rule["shortDescription"])
            text_of(rule["fullDescription"])
            assert check("configuration", rule["defaultConfiguration"])["level"] in LEVELS
        for result in run["results"]:
            text_of(check("result", result)["message"])
            assert result["ruleId"] in rules
            assert result["level"] in LEVELS
            (location,) = result["locations"]
            place = check("physical location", check("location", location)["physicalLocation"])
            assert URI.fullmatch(check("artifact location", place["artifactLocation"])["uri"])
            line = check("region", place["region"])["startLine"]
            assert type(line) is int
            assert line >= 1


def log_of(paths):
    """One log of every mistake that the linter knows, each under one of these paths."""
    found = [
        (paths[number % len(paths)], finding)
        for number, (_, values, options, _) in enumerate(MISTAKES)
        for finding in olr.lint(values, **options)
    ]
    return json.loads(as_sarif(found, "1.0")), {finding.code for _, finding in found}


PATHS = ["a.yaml", "configs/b c.yaml", "größe.yaml", "a%20b#2.yaml", "a:b?.yaml", "/home/x y/é.yaml", "win\\c.yaml"]


def test_every_finding_is_a_result():
    log, codes = log_of(PATHS)
    check_log(log)
    (run,) = log["runs"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == codes >= {code for code, *_ in MISTAKES}
    assert len(run["results"]) >= len(MISTAKES)


def test_a_log_without_findings_is_valid():
    log = json.loads(as_sarif([], "1.0"))
    check_log(log)
    assert log["runs"][0]["results"] == []


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a.yaml", "a.yaml"),
        ("configs/b c.yaml", "configs/b%20c.yaml"),
        ("größe.yaml", "gr%C3%B6%C3%9Fe.yaml"),
        ("a%20b#2.yaml", "a%2520b%232.yaml"),
        ("a:b?.yaml", "a%3Ab%3F.yaml"),
        ("/home/x y/é.yaml", "file:///home/x%20y/%C3%A9.yaml"),
        (os.fsdecode(b"\xff.yaml"), "%FF.yaml"),
    ],
)
def test_paths_as_uris(path, uri):
    finding = olr.lint({"learning_rate": "fast", "max_steps": 9})[0]
    (result,) = json.loads(as_sarif([(path, finding)], "1.0"))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


@pytest.mark.skipif("OPTAX_LR_SARIF_SCHEMA" not in os.environ, reason="no copy of the schema is named")
def test_validation_by_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(Path(os.environ["OPTAX_LR_SARIF_SCHEMA"]).read_text())
    validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    for log in (log_of(PATHS)[0], json.loads(as_sarif([], "1.0"))):
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(log)] == []
    broken = log_of(["a b.yaml"])[0]
    first, second, *_ = broken["runs"][0]["results"]
    first["level"] = "fatal"
    second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = "a b.yaml"
    assert len(list(validator.iter_errors(broken))) == 2
