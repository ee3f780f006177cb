"""The server extension: its settings, and the wiring of the parts it is made of."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from itertools import count
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from jupyter_core.utils import ensure_async
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.services.contents.filemanager import FileContentsManager
from tornado.ioloop import IOLoop
from traitlets import Bool, Dict, Enum, Int, List, Unicode, Union, default

from . import events, signin
from .abandoned import Abandoned
from .admission import JobAdmission
from .allowances import Allowances
from .ambient import Ambient
from .archives.extractlimits import ExtractCaps
from .archives.manager import Archives
from .backends import find
from .datacube import Reference
from .errors import TransferError
from .handlers import routes
from .history import History
from .jobfiles import JobFiles
from .jobs import JobTable
from .leftovers import LEFT_AFTER, Leftovers
from .net import Policy
from .paths import DIRECT_FROM, Root
from .queue import Queue, QueueSettings
from .secrets import SERVICE_ACCOUNT, Held
from .spec import JobSpec
from .store import Store
from .streams import Streams
from .timetable import parse_limit
from .uploads.admission import UploadSettings
from .uploads.manager import Uploads
from .uploads.rows import Upload
from .workers import WorkerPool, secrets_message

LOOK_TIMEOUT = 60.0
"""Seconds that a look at an address may take."""

PLAN_TIMEOUT = 600.0
"""Seconds that a plan may take, for which everything on both sides is listed."""


class TransferApp(ExtensionApp):
    """Moves files between the person's computer, this server and where data lives."""

    name = "jupyter_transfer"
    load_other_extensions = True

    state_dir = Unicode(
        help="Folder for the list of transfers (default: in the Jupyter data folder)."
    ).tag(config=True)
    max_workers = Int(4, min=1, max=64, help="Jobs that run at the same time.").tag(config=True)
    warm_worker = Bool(
        True,
        help="Whether one worker process is started with the server, so that the first job need "
        "not wait for it. False saves its memory until a job comes.",
    ).tag(config=True)
    max_retries = Int(
        8, min=0, help="Attempts in a row that move no byte before a job is left as failed."
    ).tag(config=True)
    bandwidth = Union(
        [Int(), Unicode()],
        default_value=0,
        help="Bytes a second for all jobs together, such as 5000000 or '5M', or a timetable such "
        "as '08:00,512k 19:00,10M 23:00,off'; 0 is no limit.",
    ).tag(config=True)
    max_connections_per_host = Int(
        0,
        min=0,
        help="Connections to one host for all jobs together; 0 leaves it to each job.",
    ).tag(config=True)
    history_days = Int(
        30, min=0, help="Days that finished jobs stay in the list; 0 keeps them for ever."
    ).tag(config=True)
    enabled_backends = List(
        Unicode(), help="Names of the backends that may be used; empty means all."
    ).tag(config=True)
    allow_networks = List(
        Unicode(), help="Networks (CIDR) that may be called though they are refused by default."
    ).tag(config=True)
    deny_networks = List(Unicode(), help="Networks (CIDR) that may not be called.").tag(config=True)
    ca_file = Unicode(
        help="File with further certificate authorities (PEM), on top of the system's."
    ).tag(config=True)

    secret_dirs = List(
        Unicode(),
        help="Folders whose files jobs may name as credentials (file:PATH), beside files with mode "
        "0600 in the home folder: mounted Kubernetes secrets, for example.",
    ).tag(config=True)
    secret_variables = List(
        Unicode(),
        ["*"],
        help="Patterns of the variables of this server's environment that jobs may name as "
        "credentials (env:NAME). Narrow them where kernels run elsewhere and their users are not "
        "meant to know what this server knows.",
    ).tag(config=True)

    service_account_dir = Unicode(
        SERVICE_ACCOUNT,
        help="Folder of the service account (token, namespace, ca.crt) with which secrets and "
        "config maps that files of transfers name are asked of the Kubernetes cluster, where they "
        "are not in `secret_dirs`; empty: never.",
    ).tag(config=True)
    pvc_map = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="Which folder below the root folder a persistent volume claim is, by the claim's "
        "name: for DataCube files. An empty text is the root folder itself.",
    ).tag(config=True)

    shared_credentials = Enum(
        ["owner-only", "all"],
        "owner-only",
        help="Whose jobs may use the credentials of this server's own account (.netrc, keys of "
        "~/.ssh and ssh-agent, AWS profiles and roles, git's credential helpers, the "
        "logins of the clients of Hugging Face and ModelScope, remotes of rclone.conf): those of "
        "people who may run code here ('execute' on 'kernels') and so could read them anyway "
        "('owner-only'), or those of everybody who may start a transfer ('all').",
    ).tag(config=True)

    uploads_enabled = Bool(True, help="Whether files may be uploaded.").tag(config=True)
    max_upload_size = Int(
        None, allow_none=True, help="Bytes in one uploaded file at most; None is no limit."
    ).tag(config=True)
    max_open_uploads = Int(
        1000, min=1, help="Unfinished uploads that one user may have at a time."
    ).tag(config=True)
    max_upload_metadata = Int(
        4096, min=256, help="Bytes in what a client says about an uploaded file."
    ).tag(config=True)
    upload_expiry = Int(
        7 * 24 * 3600, min=60, help="Seconds after which an abandoned upload is removed."
    ).tag(config=True)
    durability = Enum(
        ["ack", "publish"],
        "ack",
        help="When uploaded bytes survive a power cut: as soon as they are acknowledged ('ack') or "
        "when their file is whole ('publish'). The end of the server they survive in any case.",
    ).tag(config=True)
    upload_fast_path = Bool(
        True, help="Whether the kernel moves uploads from plain HTTP connections to the disk."
    ).tag(config=True)
    direct_io_from = Int(
        DIRECT_FROM,
        allow_none=True,
        min=0,
        help="Bytes from which on a file goes around the page cache (O_DIRECT) where the file "
        "system can: that costs less processor time and leaves memory to others. None: never.",
    ).tag(config=True)
    trust_forwarded = Bool(
        False, help="Whether X-Forwarded-Proto and X-Forwarded-Host name this server's address."
    ).tag(config=True)

    archives_enabled = Bool(True, help="Whether selections may be downloaded as an archive.").tag(
        config=True
    )
    max_archive_size = Int(
        None, allow_none=True, help="Bytes in one archive at most; None is no limit."
    ).tag(config=True)

    max_extract_files = Int(
        None,
        allow_none=True,
        min=1,
        help="Entries of an archive that is extracted at most, whatever a job's own options say; "
        "None leaves it to them, whose default is 1,000,000.",
    ).tag(config=True)
    max_extract_size = Int(
        None,
        allow_none=True,
        min=1,
        help="Bytes that the files of an archive may have together at most; None is no limit but "
        "the room on the disk.",
    ).tag(config=True)
    max_extract_ratio = Int(
        None,
        allow_none=True,
        min=1,
        help="How many times as large as their archive its files may be at most, from 256 MiB on; "
        "None leaves it to the options of the job, whose default is 250.",
    ).tag(config=True)

    @default("state_dir")
    def _default_state_dir(self) -> str:
        return os.path.join(jupyter_data_dir(), "jupyter_transfer")

    # -- what handlers use --

    queue: Queue
    archives: Archives
    store: Store
    policy: Policy

    @property
    def root(self) -> Root:
        """The gate to the user's files. Raises ``not_local`` where they are not on this disk."""
        if self._root is None:
            raise TransferError(
                "not_local", "The files of this server are not kept on its own disk."
            )
        return self._root

    def require_local(self) -> None:
        """Raise ``not_local`` unless the contents of this server are files on its disk."""
        _ = self.root

    @property
    def uploads(self) -> Uploads:
        """The uploads. Raises ``not_local``."""
        self.require_local()
        assert self._uploads is not None
        return self._uploads

    def backend_enabled(self, name: str) -> bool:
        """Whether the administrator lets people use the backend `name`."""
        return not self.enabled_backends or name in self.enabled_backends

    @property
    def admission(self) -> JobAdmission:
        """What may be asked for. Raises ``not_local``."""
        caps = ExtractCaps(self.max_extract_files, self.max_extract_size, self.max_extract_ratio)
        return JobAdmission(
            self.root, self.policy, self.ca_file or None, self.backend_enabled, caps
        )

    @property
    def job_files(self) -> JobFiles:
        """Files of transfers. Raises ``not_local``."""
        return JobFiles(self.admission, self.pvc_map, self.values)

    @property
    def leftovers(self) -> Leftovers:
        """What interrupted transfers have left on the disk. Raises ``not_local``."""
        return Leftovers(self.root, self.store)

    @property
    def abandoned(self) -> Abandoned:
        """What sends have left at services."""
        return Abandoned(os.path.dirname(self.store.path), self.store, self.queue.ask, LEFT_AFTER)

    async def look(
        self, operation: str, url: str, options: dict[str, Any], held: Held, ambient: Ambient
    ) -> dict[str, Any]:
        """Have a worker look at `url`: ``probe`` it, ``browse`` what lies below it, or see for whom
        its service takes us (``login``).

        Raises what the worker finds wrong.
        """
        message = {
            **self._context,
            **secrets_message(held),
            "url": url,
            "options": options,
            "ambient": ambient != "none",
        }
        return await self._pool.ask(operation, message, LOOK_TIMEOUT)

    async def keep_login(self, url: str, whoami: dict[str, Any], held: Held) -> bool:
        """See `signin.keep`."""
        return await asyncio.to_thread(signin.keep, find(url).name, whoami, held)

    async def plan(self, spec: JobSpec, held: Held, ambient: Ambient) -> dict[str, Any]:
        """What the job `spec` would do; nothing is moved. Raises what the worker finds wrong."""
        job = {name: getattr(spec, name) for name in ("kind", "source", "destination", "options")}
        message = {
            **self._context,
            **secrets_message(held),
            "job": {"id": "plan", **job},
            "ambient": ambient != "none",
        }
        return await self._pool.ask(
            "plan",
            message,
            PLAN_TIMEOUT,
            lambda worker: self.queue.tell_delivered(worker, spec.source),
        )

    async def clone(self, path: str, ambient: Ambient) -> dict[str, Any]:
        """What the clone at `path` shows. Raises what the worker finds wrong."""
        message = {**self._context, "path": path, "ambient": ambient != "none"}
        return await self._pool.ask("clone", message, LOOK_TIMEOUT)

    async def forms(self, backend: str) -> dict[str, Any]:
        """The forms of `backend` that a worker has to make. Raises ``tool_missing``."""
        return await self._pool.ask("forms", {**self._context, "backend": backend}, LOOK_TIMEOUT)

    async def values(self, wanted: list[Reference]) -> dict[str, Any]:
        """What secrets and config maps of Kubernetes hold: ``{"value"}`` or ``{"error"}`` by
        reference (`secrets.kubernetes_reference`)."""
        return await self._pool.ask("values", {**self._context, "wanted": wanted}, LOOK_TIMEOUT)

    def keep_alive(self) -> None:
        """Bytes are moving: tell idle cullers that this server is in use."""
        times = self.settings_of_server["last_activity_times"]
        times["jupyter_transfer"] = datetime.now(timezone.utc)

    async def announce_saved(self, path: str) -> None:
        """Tell the rest of the server that the file at `path` is new: post-save hooks and the
        contents event, which file ids, collaboration and audit rely on. Failures are logged."""
        manager = self._contents_manager
        try:
            model = await ensure_async(manager.get(path, content=False))
            hooks = manager.run_post_save_hooks(model, manager._get_os_path(path))
            if hooks is not None:
                await ensure_async(hooks)
            manager.emit({"action": "save", "path": path})
        except Exception:
            self.log.warning("The hooks for the new file %s failed", path, exc_info=True)

    @property
    def settings_of_server(self) -> dict[str, Any]:
        """The settings of the whole web application (`settings` are this extension's)."""
        assert self.serverapp is not None
        return self.serverapp.web_app.settings

    # -- wiring --

    def initialize_settings(self) -> None:
        """Open the gate to the disk and the database; start nothing yet."""
        assert self.serverapp is not None
        self._contents_manager: Any = self.serverapp.contents_manager
        self._root = self._open_root()
        self._tasks: set[asyncio.Task[None]] = set()
        self.policy = Policy.of(self.allow_networks, self.deny_networks)
        self._context = {
            "root": self._root_folder,
            "allow_hidden": self._contents_manager.allow_hidden,
            "direct_from": self.direct_io_from,
            "policy": self.policy.as_dict(),
            "ca_file": self.ca_file or None,
            "secret_dirs": list(self.secret_dirs),
            "secret_variables": list(self.secret_variables),
            "service_account_dir": self.service_account_dir,
        }
        self.store = self._open_store()
        self._context["state_dir"] = os.path.dirname(self.store.path)
        self._wire()
        # The loop is not running yet; what an earlier process left is taken over as soon as it is.
        IOLoop.current().add_callback(self._start)
        self._startup: asyncio.Task[None] | None = None

    @property
    def _root_folder(self) -> str:
        return os.path.realpath(str(self._contents_manager.root_dir))

    def _open_root(self) -> Root | None:
        if not isinstance(self._contents_manager, FileContentsManager):
            self.log.warning("The contents are not local files: transfers to them are refused.")
            return None
        return Root(
            self._root_folder,
            allow_hidden=self._contents_manager.allow_hidden,
            direct_from=self.direct_io_from,
        )

    def _open_store(self) -> Store:
        """The database of this root folder; a second live server on it takes one of its own."""
        name = hashlib.sha256(self._root_folder.encode()).hexdigest()[:16]
        for number in count():
            folder = os.path.join(self.state_dir, name if number == 0 else f"{name}-{number}")
            try:
                store = Store(folder)
                self._report_damage(store)
                return store
            except BlockingIOError:
                self.log.warning("Another server has the transfers of this folder.")
        raise AssertionError("count() never ends")

    def _report_damage(self, store: Store) -> None:
        if store.damaged is not None:
            self.log.error(
                "The list of transfers %s was damaged (%s). It was kept as %s and an empty one "
                "begun; no file was touched. Unfinished uploads are found again by what lies on "
                "disk; start unfinished fetches again.",
                store.path,
                store.damage,
                store.damaged,
            )

    def _wire(self) -> None:
        assert self.serverapp is not None
        logger: Any = self.serverapp.event_logger
        logger.register_event_schema(events.SCHEMA)

        def emit(data: dict[str, Any]) -> None:
            logger.emit(schema_id=events.SCHEMA_ID, data=data)

        jobs = JobTable(self.store, events.Publisher(emit, self.store.revision))
        streams = Streams(jobs, self.keep_alive)
        self._pool = WorkerPool(os.path.dirname(self.store.path), self.log)
        self.queue = Queue(
            jobs,
            streams,
            self._pool,
            QueueSettings(
                max_workers=self.max_workers,
                max_retries=self.max_retries,
                allowances=Allowances(
                    parse_limit(self.bandwidth), self.max_connections_per_host or None
                ),
                context=self._context,
                shared_credentials=self.shared_credentials == "all",
            ),
            on_published=self._announce_later,
            keep_alive=self.keep_alive,
            log=self.log,
        )
        self._history = History(self.queue.forget_finished, self.history_days, self.log)
        self.archives = Archives(streams, max_size=self.max_archive_size)
        self._uploads = self._make_uploads()

    def _make_uploads(self) -> Uploads | None:
        if self._root is None:
            return None
        settings = UploadSettings(
            max_size=self.max_upload_size,
            max_open=self.max_open_uploads,
            max_metadata=self.max_upload_metadata,
            durability=self.durability,
            expiry=self.upload_expiry,
        )
        return Uploads(
            self._root,
            self.store,
            settings,
            on_saved=self.announce_saved,
            on_archive=self._extract_upload,
            log=self.log,
        )

    async def _extract_upload(self, upload: Upload) -> None:
        """Extract an uploaded archive, by a job with the id of the upload."""
        assert upload.path is not None
        options = {"conflict": upload.spec.conflict} if upload.spec.conflict != "rename" else {}
        spec, _ = self.admission.job(JobSpec("extract", upload.path, "", options))
        await self.queue.submit_once(upload.id, spec, upload.owner)

    def _announce_later(self, path: str) -> None:
        task = asyncio.ensure_future(self.announce_saved(path))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start(self) -> None:
        self._startup = asyncio.ensure_future(self._take_over())

    async def _take_over(self) -> None:
        """What an earlier server left. Why its jobs cannot be taken over is what everybody who
        asks for jobs is told, too (`Queue.ready`)."""
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("The jobs of an earlier server were not taken over", self.queue.ready),
            ("What expired of uploads was not cleared away", self._start_uploads),
        ]
        if self.warm_worker:
            steps.append(("No worker process could be started", self._pool.warm_up))
        for failure, step in steps:
            try:
                await step()
            except Exception:
                self.log.exception(failure)
        self._history.start()

    async def _start_uploads(self) -> None:
        if self._uploads is not None:
            await self._uploads.start(lost=self.store.lost)

    def initialize_handlers(self) -> None:
        """Add our addresses."""
        self.handlers.extend(routes())

    async def stop_extension(self) -> None:
        """Stop workers and close the database; unfinished jobs go on with the next server."""
        if self._startup is not None:
            await asyncio.gather(self._startup, return_exceptions=True)
        await self._history.stop()
        self.archives.close()
        if self._uploads is not None:
            await self._uploads.stop()
        await self.queue.stop()
        if self._root is not None:
            self._root.close()
