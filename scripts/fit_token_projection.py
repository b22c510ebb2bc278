"""Fit the matrix that shortens token vectors from 384 to 128 numbers.

The leading right singular vectors of the token vectors of the sample library's text (no centring,
so that cosines keep their meaning). Run once; the result is kept in git, because singular vectors
differ in the last digits from machine to machine and stored vectors must not.
"""

import re
import sys
from pathlib import Path

import numpy as np

from info_assistant.providers import minilm

SAMPLES = Path(__file__).parents[1] / "samples"
WORDS_A_TEXT = 120
_MARKUP = re.compile(r"<[^>]+>|[#*|`]+")


def main() -> int:
    """Fit, report the kept share of the variance, and write the matrix."""
    files = [*SAMPLES.glob("sources/**/*.md"), *SAMPLES.glob("documents/**/*.*")]
    plain = [path for path in files if path.suffix in {".md", ".html", ".csv"}]
    words = [
        word
        for path in sorted(plain)
        for word in _MARKUP.sub(" ", path.read_text(encoding="utf-8")).split()
    ]
    texts = [" ".join(words[at : at + WORDS_A_TEXT]) for at in range(0, len(words), WORDS_A_TEXT)]
    model = minilm.MiniLmModel(minilm.DEFAULT_FOLDER)
    hidden = np.concatenate([model.run(encoding).hidden for encoding in model.tokenize(texts)])
    unit = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    _, strengths, directions = np.linalg.svd(unit, full_matrices=False)
    kept = (strengths[: minilm.TOKEN_DIMENSION] ** 2).sum() / (strengths**2).sum()
    print(f"{len(unit)} token vectors; {kept:.1%} of their length is kept.")
    np.save(minilm.PROJECTION, directions[: minilm.TOKEN_DIMENSION].T.astype(np.float16))
    return 0


if __name__ == "__main__":
    sys.exit(main())
