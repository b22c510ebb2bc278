"""Choosing the language of the pages."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from info_assistant.errors import NotFound
from info_assistant.web.attempts import own_path
from info_assistant.web.languages import Languages
from info_assistant.web.preferences import keep_language

_SEE_OTHER = 303


class LanguagePage:
    """A link for each language leads here, and back to where one was."""

    def __init__(self, languages: Languages) -> None:
        """Offer `languages`."""
        self._languages = languages

    async def choose(self, request: Request) -> Response:
        """Remember the language in the path, and lead back. Raises NotFound."""
        language = self._languages.find(request.path_params["code"])
        if language is None:
            raise NotFound("The pages are not there in this language.")
        return_to = own_path(request.query_params.get("return_to", "/"))
        response = RedirectResponse(return_to, _SEE_OTHER)
        keep_language(request, response, language.code)
        return response
