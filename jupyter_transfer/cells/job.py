"""What a magic returns: the job that it has begun."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from ..cli.follow import HERE, Driven
from ..cli.show import Display, Lines
from ..cli.words import heading
from ..client import AT_REST
from ..errors import TransferError
from ..secrets import redact
from .bundle import bundle_of

Json = dict[str, Any]


class Transfer:
    """A job on the server or in this kernel. It shows itself, live, in the output of its cell.

    Parameters
    ----------
    job: the job, which begins when `begin` is called.
    """

    def __init__(self, job: Driven) -> None:
        self._job = job
        self._live = _display(job.where)
        self._cell = _cell()
        self._rests: threading.Event | None = None
        self._error: Exception | None = None

    # -- how it looks --

    def __repr__(self) -> str:
        return redact(f"<Transfer {self.state}: {heading(self.data)}>")

    def _repr_html_(self) -> str:
        return str(self.bundle()["text/html"])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Json:
        return self.bundle()

    def _ipython_display_(self) -> None:
        if self._cell != _cell():  # its own cell shows it already
            display(self.bundle(), raw=True)  # type: ignore[no-untyped-call]

    def bundle(self) -> Json:
        """It as a MIME bundle."""
        return bundle_of(self.data, self._job.where)

    # -- how it is --

    @property
    def here(self) -> bool:
        """Whether this kernel runs it, and no server."""
        return self._job.where == HERE

    @property
    def data(self) -> Json:
        """The job as the contract's JSON, as it was when it was last looked at."""
        return self._job.data

    @property
    def id(self) -> str:
        """The job's id: 32 hexadecimal digits."""
        return str(self.data["id"])

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``paused``, ``waiting``, ``done``, ``failed``, ``cancelled``."""
        return str(self.data["state"])

    @property
    def at_rest(self) -> bool:
        """Whether it leaves its state only when somebody acts."""
        return self.state in AT_REST

    @property
    def progress(self) -> Json:
        """Bytes and files done, and their totals (None while unknown); rate in bytes a second."""
        return dict(self.data["progress"])

    @property
    def path(self) -> str | None:
        """Where it landed, below the root of the server, or here: of the only file, else the folder
        that all lie in. None while nothing has landed."""
        paths = [file["path"] for file in self.files() if file["state"] in ("done", "present")]
        if len(paths) == 1:
            return str(paths[0])
        return self.data["destination"] or paths[0].partition("/")[0] if paths else None

    def files(self) -> list[Json]:
        """The report, file by file: path, size, state, digest, verified, error."""
        return list(self._job.files())

    def report(self) -> Json:
        """How it stands, in one dictionary: what ``data`` says of its end, and its ``files``."""
        names = ("id", "kind", "source", "destination", "state", "reason", "progress")
        proof = ("verified", "unverified", "started", "finished")
        data = self.data
        return {**{name: data[name] for name in (*names, *proof)}, "files": self.files()}

    # -- what can be done --

    def wait(self, timeout: float | None = None) -> Transfer:
        """Wait until it rests. Raises TimeoutError after `timeout` seconds, and the error
        (`TransferError`) that it failed of."""
        if not self._followed:
            self._job.refresh()
            if not self.at_rest:
                self.go_on()
        if self._rests is not None and not self._rests.wait(timeout):
            raise TimeoutError(f"The transfer is {self.state} after {timeout} seconds.")
        if self._error is not None:
            raise self._error
        if self.state == "failed" and self.data["reason"] is not None:
            raise TransferError.from_dict(self.data["reason"])
        return self

    def __await__(self) -> Generator[Any, None, Transfer]:
        return asyncio.to_thread(self.wait).__await__()

    def pause(self) -> Transfer:
        """Stop moving bytes and keep what is there; `resume` goes on."""
        self._job.halt()
        return self._shown()

    def resume(self) -> Transfer:
        """Go on, without keeping the cell busy."""
        self._job.resume()
        self.go_on()
        return self

    def cancel(self) -> Transfer:
        """Stop, and throw away what is not whole."""
        self._job.cancel()
        return self._shown()

    # -- for the cell --

    def begin(self) -> None:
        """Begin it, where a server runs it, and show it. Raises what is wrong with it."""
        self._live.show(self.data)

    def follow(self) -> None:
        """Show it until it rests."""
        for data in self._job.updates():
            self._live.show(data)

    def go_on(self, *others: Transfer) -> None:
        """Follow it, and then `others`, while other cells run."""
        for one in (self, *others):
            one._rests, one._error = threading.Event(), None
        threading.Thread(
            target=_follow_all, args=((self, *others),), name="transfer", daemon=True
        ).start()

    @property
    def driven(self) -> Driven:
        """What drives it."""
        return self._job

    def _shown(self) -> Transfer:
        if not self._followed:
            self._live.show(self.data)
        return self

    @property
    def _followed(self) -> bool:
        return self._rests is not None and not self._rests.is_set()


def _follow_all(transfers: tuple[Transfer, ...]) -> None:
    for one in transfers:
        try:
            one.follow()
        except Exception as error:  # such as a server that does not come back
            one._error = error
        finally:
            if one._rests is not None:
                one._rests.set()


class _Live(Display):
    """An output that is brought up to date in its place."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._handle: Any = None

    def show(self, job: Json) -> None:
        """See `Display`."""
        bundle = bundle_of(job, self._where)
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


def _display(where: str) -> Display:
    """A terminal cannot change what it has shown."""
    return _Live(where) if hasattr(get_ipython(), "kernel") else Lines()


def _cell() -> int:
    """The number of the cell that runs."""
    shell = get_ipython()
    return int(shell.execution_count) if shell else 0
