"""What `up` does for a newcomer once the stack runs: addresses, samples, one worked question.

None of it may end the stack: what goes wrong here is said, and the stack goes on.
"""

import click

from info_assistant.cli import samples
from info_assistant.cli.answers import show_answer
from info_assistant.cli.backend import Backend, Patience, connect
from info_assistant.cli.output import progress, say
from info_assistant.cli.sending import Result
from info_assistant.cli.stack import Stack
from info_assistant.errors import InfoAssistantError
from info_assistant.settings import Settings

_PATIENCE_S = 60.0
_MARKER = "samples-loaded"


class Welcome:
    """The first words of a running stack."""

    def __init__(self, settings: Settings, stack: Stack, *, with_samples: bool) -> None:
        """Welcome people to `stack`; samples are loaded only if asked for and on first use."""
        self._stack = stack
        self._api_key = settings.api_key
        self._may_ask = settings.auth == "none" or settings.api_key is not None
        self._marker = settings.data_dir / _MARKER
        self._data_dir = settings.data_dir
        self._with_samples = with_samples

    async def give(self) -> None:
        """Print the addresses, load the samples on first use, answer one question."""
        self._show_addresses()
        if self._may_ask:
            await self._show_it_works()
        else:
            click.echo("\nMake a key: info-assistant keys create --role operator --name …")
            click.echo("Then set API_KEY to it for `info-assistant ingest` and `ask`.")
        click.echo("\nRunning. Press Ctrl-C to stop.")

    async def _show_it_works(self) -> None:
        target = self._stack.backend_url, self._api_key
        try:
            async with connect(*target, patience=Patience(_PATIENCE_S)) as backend:
                await self._samples(backend)
                await self._worked_question(backend)
        except InfoAssistantError as error:
            say(f"{error.message} The stack goes on running.")

    def _show_addresses(self) -> None:
        click.echo(f"Web page      {self._stack.frontend_url}")
        click.echo(f"Backend       {self._stack.backend_url} (API described at /docs)")
        click.echo(f"Vector store  {self._stack.qdrant_url}{self._stack.qdrant_remark}")
        click.echo(f"Redis         {self._stack.redis}")
        click.echo(f"Data          {self._data_dir}")

    async def _samples(self, backend: Backend) -> None:
        if not self._with_samples or self._marker.exists():
            return
        files = samples.sample_files()
        if not files or not await samples.still_wanted(backend, files):
            return
        with progress("Loading the sample documents", len(files)) as done:
            outcomes = await samples.load(backend, files, done)
        failed = [outcome for outcome in outcomes if outcome.result is Result.FAILED]
        for outcome in failed:
            say(f"Sample {outcome.source} could not be loaded: {outcome.detail}")
        if not failed:
            self._marker.touch()

    async def _worked_question(self, backend: Backend) -> None:
        if not self._marker.exists():
            click.echo("\nTake in documents: info-assistant ingest FOLDER")
            click.echo('Then ask: info-assistant ask "…"')
            return
        reply = await backend.call("POST", "/v1/query", json={"question": samples.QUESTION})
        click.echo(f'\n$ info-assistant ask "{samples.QUESTION}"\n')
        show_answer({**reply, "see_also": []})
