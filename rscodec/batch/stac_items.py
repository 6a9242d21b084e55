"""Finds the scenes that STAC items name. It reads plain JSON, without a library."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rscodec.bitstreams.errors import InputError
from rscodec.stream.remote import is_url

MEDIA_TYPE = "application/x-rscodec"
NO_NAME = re.compile("[\0\ud800-\udfff]")  # in JSON, but in no name of a file


def assets(path: Path, key: str | None, streams: bool = False) -> Iterator[tuple[str, str]]:
    """(id, path or URL) of one asset of each item in a file: the asset with this key, else the only asset with the role
    data that is a scene (or a stream).
    """
    content = load_json(path)
    items = content.get("features") if content.get("type") == "FeatureCollection" else [content]
    for item in items if isinstance(items, list) else []:
        if not _is_item(item):
            raise InputError(f"{path} is not a STAC item or item collection")
        name = str(item["id"]).replace("/", "_")
        if NO_NAME.search(name):
            raise InputError(
                f"{path}: the id {name!r} of an item holds a NUL or half a surrogate pair, so no file can have this "
                "name; change the id"
            )
        yield name, _href(path, item, key, streams)


def _is_item(item) -> bool:
    if not isinstance(item, dict) or item.get("type") != "Feature" or "id" not in item:
        return False
    return are_assets(item.get("assets"))


def are_assets(assets) -> bool:
    return isinstance(assets, dict) and all(isinstance(asset, dict) for asset in assets.values())


def _roles(asset: dict) -> list:
    roles = asset.get("roles")
    return roles if isinstance(roles, list) else []


def _href(path: Path, item: dict, key: str | None, streams: bool) -> str:
    found = item["assets"]
    fitting = [
        name
        for name, asset in found.items()
        if "data" in _roles(asset) and (asset.get("type") == MEDIA_TYPE) == streams
    ]
    chosen = fitting if key is None else [key] if key in found else []
    if len(chosen) != 1:
        what = f"no asset {key}" if key else f"{len(chosen)} assets with the role data"
        raise InputError(f"{path}: the item {item['id']} has {what}; choose with `asset` from {', '.join(found)}")
    href = found[chosen[0]].get("href")
    if not isinstance(href, str):
        raise InputError(f"{path}: the asset {chosen[0]} of the item {item['id']} has no href; add one")
    if NO_NAME.search(unquote(href)):
        raise InputError(
            f"{path}: the href of the asset {chosen[0]} of the item {item['id']} holds a NUL or half a surrogate pair; "
            "correct it"
        )
    if href.startswith("file://"):
        href = unquote(urlsplit(href).path)
    if is_url(href):
        return href
    here = path.absolute().parent
    return os.path.abspath(here / (href if os.path.exists(here / href) else unquote(href)))


def load_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(f"cannot read {path}: {problem}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a STAC item or item collection")
    return content
