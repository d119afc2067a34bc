"""From `smn_config` of a request to what is remembered of it (OMS table 5-45)."""

from api.tasks.schemas import SmnBody
from engine.notices import Language
from engine.spec import TaskSpec
from ledger.notifications import Wish


def wish_of(body: SmnBody, spec: TaskSpec, name: str) -> Wish:
    """The wish of the owner of `name`, a task or a group."""
    listed = spec.source.list_file
    return Wish(
        topic_urn=body.topic_urn,
        triggers=tuple(sorted({trigger.value for trigger in body.trigger_conditions})),
        language=(body.language or Language.EN_US).value,
        template=body.message_template_name or "",
        name=name,
        source_bucket=spec.source.bucket,
        destination_bucket=spec.destination.bucket,
        list_bucket=listed.bucket if listed else "",
        list_key=listed.key if listed else "",
    )
