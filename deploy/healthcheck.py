"""The image's health check: exit code 0 when the URL answers 200. The standard library alone, so that it is cheap."""

import sys
import urllib.error
import urllib.request


def main() -> None:
    """Ask once; the answer's body is the explanation in `docker inspect`."""
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=4) as answer:  # noqa: S310  the URL is the image's own
            print(answer.read(300).decode(errors="replace"))
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {error.read(300).decode(errors='replace')}")
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
