"""What running jobs may use, shared out among them: bytes a second, connections to one host."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .schedule import Services, jobs_by_service, services_of
from .spec import Job
from .timetable import Limit, rate_at, shares


@dataclass(frozen=True)
class Allowance:
    """What one job may use now; None is no limit."""

    bandwidth: int | None = None
    connections: int | None = None


NO_LIMITS = Allowance()


@dataclass(frozen=True)
class Allowances:
    """What all jobs together may use.

    Parameters
    ----------
    bandwidth: bytes a second, or a timetable of them.
    connections: to one host (of services that are no host: to the service).
    """

    bandwidth: Limit = None
    connections: int | None = None

    def has_room(self, services: Services, running: Collection[Job]) -> bool:
        """Whether a job that calls `services` may run beside those that are `running`."""
        if not self.connections:
            return True
        busy = jobs_by_service(running)
        return all(busy[service] < self.connections for service in services)

    def shared(self, running: Sequence[Job]) -> dict[str, Allowance]:
        """What each of the jobs that are `running` may use now, by their ids."""
        own = {job.id: rate_at(job.options.get("bandwidth")) for job in running}
        rates = shares(rate_at(self.bandwidth), own)
        busy = jobs_by_service(running)
        return {job.id: Allowance(rates[job.id], self._connections(job, busy)) for job in running}

    def _connections(self, job: Job, busy: dict[str, int]) -> int | None:
        if not self.connections:
            return None
        each = [self.connections // busy[service] for service in services_of(job)]
        return max(1, min(each)) if each else None

    def follows_clock(self, running: Collection[Job]) -> bool:
        """Whether it may become another by the time of day alone."""
        limits = [self.bandwidth, *(job.options.get("bandwidth") for job in running)]
        return any(isinstance(limit, str) for limit in limits)
