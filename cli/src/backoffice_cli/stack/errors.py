"""What the embedded stack says when it cannot go on."""


class StackError(Exception):
    """The stack cannot do what was asked. what: the fact. remedy: what the person can do about it."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}\n{remedy}".strip())
        self.what = what
        self.remedy = remedy
