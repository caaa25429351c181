"""SARIF 2.1.0: the objects that the linter writes.

`OPTAX_LR_SARIF_SCHEMA=sarif-schema-2.1.0.json` names a copy of the schema (OASIS publishes it), by which all objects are
validated too; that needs `jsonschema` and `rfc3986-validator`.
"""

import json
import os
from pathlib import Path

import pytest

import optax_lr as olr
from optax_lr.linting.formats import as_sarif
from tests.linting.mistakes import MISTAKES

FOUND = [finding for _, values, options, _ in MISTAKES for finding in olr.lint(values, **options)]


def written(*found):
    return json.loads(as_sarif(found, "1.0"))


def test_a_finding_is_a_result_with_its_rule():
    finding = olr.Finding(olr.Rule("LR999", "a title", "note", "Because."), "it happens", "change it", "key", 7)
    rule = {
        "id": "LR999",
        "shortDescription": {"text": "a title"},
        "fullDescription": {"text": "Because."},
        "defaultConfiguration": {"level": "note"},
    }
    place = {"physicalLocation": {"artifactLocation": {"uri": "a.yaml"}, "region": {"startLine": 7}}}
    result = {
        "ruleId": "LR999",
        "level": "note",
        "message": {"text": "it happens; change it"},
        "locations": [place],
    }
    run = {"tool": {"driver": {"name": "optax-lr", "version": "1.0", "rules": [rule]}}, "results": [result]}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    assert written(("a.yaml", finding)) == {"$schema": schema, "version": "2.1.0", "runs": [run]}
    assert written()["runs"][0]["results"] == []


def test_every_finding_is_a_result():
    (run,) = written(*(("a.yaml", finding) for finding in FOUND))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert sorted(rules) == sorted({code for code, *_ in MISTAKES} | {finding.code for finding in FOUND})
    assert [result["ruleId"] for result in run["results"]] == [finding.code for finding in FOUND]
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"note", "warning", "error"}
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1


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
    (result,) = written((path, finding))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


@pytest.mark.skipif("OPTAX_LR_SARIF_SCHEMA" not in os.environ, reason="no copy of the schema is named")
def test_validation_by_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(Path(os.environ["OPTAX_LR_SARIF_SCHEMA"]).read_text())
    validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    paths = ["a.yaml", "configs/b c.yaml", "größe.yaml", "a%20b#2.yaml", "a:b?.yaml", "/home/x y/é.yaml", "win\\c.yaml"]
    for log in (written(*((path, finding) for path in paths for finding in FOUND)), written()):
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(log)] == []
