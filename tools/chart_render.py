"""Render the chart as a release would be installed or upgraded; runs in the environment of the chart's tools.

Standard input: {"values": {...}, "upgrade": true}. Standard output: the documents as a JSON list. Exit code 1, with
Helm's word on standard error, when the schema or a template refuses the values.
"""

import json
import sys

import helm_python as helm
import yaml


def main(folder: str) -> None:
    """Render the chart in a folder."""
    asked = json.load(sys.stdin)
    upgrade = asked["upgrade"]
    if found := helm.lint(folder, asked["values"], strict=True)["errors"]:
        sys.exit("\n".join(found))
    with helm.Chart.load(folder) as chart:
        try:
            chart.validate_schema(asked["values"])
            rendered = chart.render(
                asked["values"],
                name="backoffice",
                namespace="backoffice",
                is_install=not upgrade,
                is_upgrade=upgrade,
            )
        except helm.HelmError as error:
            sys.exit(str(error))
    notes = [text for path, text in rendered.items() if path.endswith("NOTES.txt")]
    texts = [text for path, text in sorted(rendered.items()) if path.endswith(".yaml")]
    documents = [document for text in texts for document in yaml.safe_load_all(text) if document]
    json.dump({"documents": documents, "notes": "\n".join(notes)}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
