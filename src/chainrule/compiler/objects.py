"""Object files made side by side, while the next texts are being written.

NOTE [LLVM's lock] llvmlite lets one thread at a time into LLVM. LLVM itself works in several threads, each
with its own context and target machine; so the one call that takes long goes past that lock. Where llvmlite
does not show the function behind the lock, the call waits for it, and only writing goes on meanwhile.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue

from .cache import cached_object
from .target import Target
from .threads import processors


class Objects:
    """Texts of modules in, their object files out, in the same order."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.texts: list[str] = []
        self._made: dict[int, bytes] = {}
        self._failed: list[BaseException] = []
        self._queue: SimpleQueue[int | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def add(self, text: str) -> None:
        """One more module; a thread may take it at once."""
        self.texts.append(text)
        self._queue.put(len(self.texts) - 1)
        if len(self._threads) < processors() - 1:
            thread = threading.Thread(target=self._work, name="chainrule-llvm", daemon=True)
            thread.start()
            self._threads.append(thread)

    def finish(self) -> list[bytes]:
        """All object files; this thread makes its share of those that are left."""
        for _ in range(len(self._threads) + 1):
            self._queue.put(None)
        self._work()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]
        return [self._made[i] for i in range(len(self.texts))]

    def _work(self) -> None:
        while (i := self._queue.get()) is not None:
            try:
                self._made[i] = cached_object(self.texts[i], self.target)
            except BaseException as error:
                self._failed.append(error)
