"""Templates to pages: everything that comes from documents or people is escaped."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from info_assistant.web import standing, words
from info_assistant.web.brand import Brand
from info_assistant.web.condition import ConditionWatch
from info_assistant.web.languages import LANGUAGES, N_, Language, Languages
from info_assistant.web.visits import NOBODY, Visit

STATIC = Path(__file__).parent / "static"
"""The folder of the stylesheet, the module and the icon."""

ASSETS = ("style.css", "icon.svg", "page.js")
"""The files in it."""

BRAND_SHEET = "brand.css"
"""The stylesheet with the operator's colours, made when the process starts."""

DOCUMENT_LANGUAGE = "en"
"""The language of passages whose document names none."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the operator presents the service, and in which languages."""

    brand: Brand = field(default_factory=Brand)
    languages: Sequence[Language] = LANGUAGES


class Renderer:
    """Turns templates into responses, in the language of each visit."""

    def __init__(self, brand: Brand, languages: Languages, condition: ConditionWatch) -> None:
        """Load the templates for `languages`, and name the assets by their content.

        Every page says what `condition` knows of the service.
        """
        self._condition = condition
        self.brand = brand
        self.languages = languages
        self.brand_sheet = brand.stylesheet
        assets = {name: f"/static/{name}?v={_digest(name)}" for name in ASSETS}
        if self.brand_sheet:
            mark = hashlib.sha256(self.brand_sheet.encode()).hexdigest()[:12]
            assets[BRAND_SHEET] = f"/static/{BRAND_SHEET}?v={mark}"
        self._environments = {
            each.code: self._environment(each, assets) for each in self.languages.offered
        }

    def _environment(self, language: Language, assets: Mapping[str, str]) -> Environment:
        """Return what makes pages in one language."""
        environment = Environment(
            loader=PackageLoader("info_assistant.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        environment.install_gettext_translations(  # type: ignore[attr-defined]
            language.translations, newstyle=True
        )
        environment.filters["say"] = language.say
        environment.filters["titled"] = lambda name: name or language.say(N_("Untitled document"))
        environment.filters["moment"] = language.moment
        environment.filters["day"] = language.day
        environment.filters["dollars"] = language.dollars
        environment.globals |= {
            "language": language,
            "languages": self.languages.offered,
            "words": words,
            "standings": standing,
            "brand": self.brand,
            "assets": assets,
            "document_language": DOCUMENT_LANGUAGE,
        }
        return environment

    def page(
        self,
        template: str,
        context: Mapping[str, object],
        *,
        visit: Visit = NOBODY,
        status: int = 200,
        retry_after_s: float | None = None,
    ) -> HTMLResponse:
        """Return `template` filled with `context`, asking to come back after `retry_after_s`.

        The page names whoever has signed in for `visit`, and lets them sign out.
        """
        environment = self._environments[visit.language.code]
        html = environment.get_template(template).render(
            visit=visit, banners=self._condition.banners, **context
        )
        headers = {"Content-Language": visit.language.code, "Vary": "Accept-Language, Cookie"}
        if retry_after_s is not None:
            headers["Retry-After"] = str(max(round(retry_after_s), 1))
        return HTMLResponse(html, status_code=status, headers=headers)


def _digest(name: str) -> str:
    """Return a mark of a file's content: with it in the address, browsers may keep it for good."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
