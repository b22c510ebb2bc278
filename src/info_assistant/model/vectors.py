"""The arrays that questions and passages are compared by.

Apart from what holds them, because loading numpy costs a process 12 MB, and the web page knows
passages without ever computing with one.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.int8]
TermIds = npt.NDArray[np.uint32]
