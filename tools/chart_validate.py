"""Hold rendered documents against Kubernetes' schemas and those of the custom resources; runs in the environment of the
chart's tools.

Standard input: a JSON list of documents. Standard output: a JSON list of what is wrong, in words. A field that a schema
does not name is wrong, and so is a kind that has no schema.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate

KUBERNETES = "1.37"
OURS = ("apps/", "autoscaling/", "batch/", "networking.k8s.io/", "policy/")


def problems(document: dict[str, Any], schemas: Path) -> Iterator[str]:
    """Yield what is wrong with a document."""
    name = f"{document['kind']} {document['metadata']['name']}"
    api = str(document["apiVersion"])
    if api == "v1" or api.startswith(OURS):
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            yield f"{name}: {error.message}"
        return
    schema = schemas / f"{document['kind']}.json"
    if not schema.exists():
        yield f"{name}: no schema in {schemas.name}/"
        return
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
    yield from (f"{name}: {error.json_path} {error.message}" for error in validator.iter_errors(document))


def main(schemas: str) -> None:
    """Validate against Kubernetes' schemas and those in a folder."""
    documents = json.load(sys.stdin)
    json.dump([problem for each in documents for problem in problems(each, Path(schemas))], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
