"""PubSec Info Assistant: answers over an organisation's own documents, with checked citations."""

import os

__version__ = "0.1.0"

# numpy's linear algebra starts a thread for each core; they spin beside our own threads and take
# time from questions. It reads this once, when it is loaded, so it stands before every import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 - Set for a library, not read.
# The tokenizers would spread each call over all cores, and so push aside the thread that embeds,
# which everything else waits for.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # noqa: TID251 - As above.
