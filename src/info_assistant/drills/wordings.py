"""Questions that are new to every cache, and the same to whatever looks for passages."""

_GRAVE, _ACUTE = "\u0300", "\u0301"


def worded(question: str, number: int) -> str:
    """Return a question with accents of its own behind it, so that no cache knows it.

    Whatever finds and ranks passages drops accents, so that each wording is answered as the
    question is. A number or a word behind it now and then made one that no passage answers.
    """
    return question + f" {number:b}".replace("0", _GRAVE).replace("1", _ACUTE)
