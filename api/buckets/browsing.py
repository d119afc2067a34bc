"""What lies in a bucket (OMS 5.5.1, 5.5.5)."""

from api.buckets.opening import answered, source_bucket
from api.buckets.schemas import MAX_PAGE, BucketPage, BucketRecord, ObjectsBody, PrefixBody, PrefixFound
from api.context import Services
from api.errors import ApiError
from connectors.objects import FolderPage
from engine.sizes import shown_size

NO_SIZE = "--"


async def list_objects(parts: Services, body: ObjectsBody) -> BucketPage:
    """One level below `file_path`, after `behind_filename`; a page size of 0 is the largest. Raises ApiError."""
    if body.file_path and not body.file_path.endswith("/"):
        raise ApiError("OMS.0001", "file_path: must end with a slash")
    store = source_bucket(parts, body, body.data_center, body.bucket_name)
    prefix, after = body.file_path.encode(), body.behind_filename.encode()
    async with answered():
        return _shown(await store.list_folder(prefix, after, body.page_size or MAX_PAGE))


async def find_prefix(parts: Services, body: PrefixBody) -> PrefixFound:
    """Whether any key begins with `file_name`. Raises ApiError."""
    store = source_bucket(parts, body, body.data_center, body.bucket_name)
    async with answered():
        page = await store.list_page(body.file_name.encode(), b"", 1)
    return PrefixFound(exist=bool(page.objects))


def _shown(page: FolderPage) -> BucketPage:
    sizes = dict.fromkeys(page.folders, NO_SIZE)
    sizes |= {
        info.key: NO_SIZE if info.key.endswith(b"/") and not info.size else shown_size(info.size)
        for info in page.objects
    }
    return BucketPage(
        next_page=page.after is not None,
        next_marker=None if page.after is None else key_text(page.after),
        records=[BucketRecord(name=key_text(name), size=sizes[name]) for name in sorted(sizes)],
    )


def key_text(key: bytes) -> str:
    """A key as JSON can carry it; bytes that are no UTF-8 show as `\\xNN`."""
    return key.decode(errors="backslashreplace")
