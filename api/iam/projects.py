"""Projects by name; the name of a region stands for the account's project there."""

import re
from collections.abc import Sequence

from api.context import Services
from ledger import iam
from ledger.iam import Domain, Project

_REGION = re.compile(r"[a-z]{2}-[a-z]+(-[a-z]+)?-[0-9]{1,2}")


async def find_projects(
    parts: Services, domain: Domain, *, project_id: str | None = None, name: str | None = None
) -> Sequence[Project]:
    """Projects of an account. Clients without a project id ask for the region's name and want exactly one.

    So where no project has that name, the only project of the account answers to it (oms-behaviour 7.3).
    """
    exact = await parts.database.read(
        lambda connection: iam.find_projects(connection, domain.id, project_id=project_id, name=name)
    )
    if exact or project_id is not None or name is None or not _is_own_region(parts, name):
        return exact
    everything = await parts.database.read(lambda connection: iam.find_projects(connection, domain.id))
    return everything if len(everything) == 1 else []


def _is_own_region(parts: Services, name: str) -> bool:
    own = parts.settings.region
    return name == own if own is not None else _REGION.fullmatch(name) is not None
