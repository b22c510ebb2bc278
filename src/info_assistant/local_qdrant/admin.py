"""Handlers for collections, aliases, payload indexes and snapshots."""

from dataclasses import asdict
from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse

from info_assistant.errors import InvalidRequest, NotFound
from info_assistant.local_qdrant.calls import Call
from info_assistant.local_qdrant.engine import translated
from info_assistant.local_qdrant.indexes import to_index
from info_assistant.local_qdrant.schema import Schema
from info_assistant.local_qdrant.service import Server
from info_assistant.local_qdrant.subset import only


async def list_collections(server: Server, call: Call) -> object:
    """Name every collection."""
    _ = call
    return {"collections": [{"name": name} for name in server.directory.names]}


async def get_collection(server: Server, call: Call) -> object:
    """Describe a collection."""
    return server.directory.collection(call.name).describe()


async def collection_exists(server: Server, call: Call) -> object:
    """Say whether there is a collection or alias of this name."""
    try:
        server.directory.resolve(call.name)
    except NotFound:
        return {"exists": False}
    return {"exists": True}


async def create_collection(server: Server, call: Call) -> object:
    """Make a collection."""
    request = await call.body(models.CreateCollection)
    await server.directory.create(call.name, Schema.of(request))
    return True


async def delete_collection(server: Server, call: Call) -> object:
    """Remove a collection and its aliases."""
    return await server.directory.delete(call.name)


async def list_aliases(server: Server, call: Call) -> object:
    """Name every alias."""
    _ = call
    return _aliases(server.directory.aliases)


async def list_collection_aliases(server: Server, call: Call) -> object:
    """Name the aliases of one collection."""
    own = server.directory.resolve(call.name)
    return _aliases({k: v for k, v in server.directory.aliases.items() if v == own})


async def update_aliases(server: Server, call: Call) -> object:
    """Apply all actions in their order, or none."""
    request = await call.body(models.ChangeAliasesOperation)
    aliases = server.directory.aliases
    for action in request.actions:
        match action:
            case models.CreateAliasOperation(create_alias=made):
                aliases[made.alias_name] = made.collection_name
            case models.DeleteAliasOperation(delete_alias=gone):
                aliases.pop(gone.alias_name, None)
            case models.RenameAliasOperation(rename_alias=renamed):
                if renamed.old_alias_name not in aliases:
                    raise NotFound(f"Not found: Alias {renamed.old_alias_name} does not exists!")
                aliases[renamed.new_alias_name] = aliases.pop(renamed.old_alias_name)
    server.directory.set_aliases(aliases)
    return True


async def create_index(server: Server, call: Call) -> object:
    """Index a payload field."""
    request = await call.body(models.CreateFieldIndex)
    if request.field_schema is None:
        raise InvalidRequest("Wrong input: name the field's schema; it is not guessed here")
    params = to_index(request.field_schema)
    with translated():
        operation = edge.UpdateOperation.create_field_index(request.field_name, params)
    return await server.change(call, operation)


async def delete_index(server: Server, call: Call) -> object:
    """Drop the index of a payload field."""
    with translated():
        operation = edge.UpdateOperation.delete_field_index(call.part("field"))
    return await server.change(call, operation)


async def create_snapshot(server: Server, call: Call) -> object:
    """Write a snapshot of a collection."""
    return asdict(await server.snapshots.create(call.name))


async def list_snapshots(server: Server, call: Call) -> object:
    """List the snapshots of a collection."""
    return [asdict(each) for each in server.snapshots.list(call.name)]


async def download_snapshot(server: Server, call: Call) -> object:
    """Send a snapshot's bytes."""
    path = server.snapshots.path(call.name, call.part("snapshot"))
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


async def delete_snapshot(server: Server, call: Call) -> object:
    """Remove a snapshot."""
    server.snapshots.delete(call.name, call.part("snapshot"))
    return True


async def recover_snapshot(server: Server, call: Call) -> object:
    """Replace a collection by one of this server's snapshots."""
    request = await call.body(models.SnapshotRecover)
    # One node has one copy, so that every priority means the same.
    only(request, "location", "priority", "checksum")
    await server.snapshots.recover_from(call.name, request.location, request.checksum)
    return True


async def upload_snapshot(server: Server, call: Call) -> object:
    """Replace a collection by an uploaded snapshot."""
    async with call.request.form(max_files=1, max_fields=0) as form:
        upload = form.get("snapshot")
        if not isinstance(upload, UploadFile):
            raise InvalidRequest("Wrong input: send the file in the form field `snapshot`")
        checksum = call.request.query_params.get("checksum")
        await server.snapshots.recover_upload(call.name, upload.file, checksum)
    return True


def _aliases(aliases: dict[str, str]) -> dict[str, Any]:
    return {
        "aliases": [
            {"alias_name": alias, "collection_name": name}
            for alias, name in sorted(aliases.items())
        ]
    }
