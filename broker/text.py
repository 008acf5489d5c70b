"""Texts from elsewhere, as a terminal may show them."""


def printable(text: str) -> str:
    """A text without what moves the cursor, changes colours, or is no letter at all."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
