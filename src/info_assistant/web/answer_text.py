"""An answer as plain text with its citations, to be copied into a letter or a file."""

from collections.abc import Iterator

from info_assistant.web.languages import N_, Language, Phrase
from info_assistant.web.replies import Citation, RecordedAnswer


def plain_text(question: str, record: RecordedAnswer, language: Language) -> str:
    """Return question, sentences, sources and where the answer is from, line by line."""
    return "\n".join(_lines(question, record, language)).strip() + "\n"


def _lines(question: str, record: RecordedAnswer, language: Language) -> Iterator[str]:
    answer = record.answer
    yield question
    yield ""
    for sentence in answer.sentences:
        numbers = "".join(f" [{n}]" for n in sentence.citations if n in answer.numbers)
        doubt = "" if sentence.support == "supported" else f" ({language.say(N_('not verified'))})"
        yield f"{sentence.text}{numbers}{doubt}"
    yield ""
    for conflict in answer.conflicts:
        yield f"{language.say(N_('Where sources differ'))}:"
        for side in conflict.sides:
            name = side.title or language.say(N_("Untitled document"))
            version = Phrase(N_("version %(version)s"), {"version": str(side.version)})
            yield f"    {name}, {language.say(version)}: “{' '.join(side.quote.split())}”"
        yield ""
    for citation in answer.citations:
        yield f"[{citation.n}] {_place(citation, language)}"
        yield f"    “{' '.join(citation.quote.split())}”"
    yield ""
    if answer.documents_as_of is not None:
        said = N_("From the documents as they stood on %(moment)s.")
        yield language.say(Phrase(said, {"moment": answer.documents_as_of}))
    yield language.say(Phrase(N_("Reference of this answer: %(id)s"), {"id": record.id}))


def _place(citation: Citation, language: Language) -> str:
    """Return where a quote stands: document, headings, page, version."""
    parts = [citation.name or language.say(N_("Untitled document")), *citation.heading_path]
    if citation.page is not None:
        parts.append(language.say(Phrase(N_("page %(page)s"), {"page": str(citation.page)})))
    parts.append(
        language.say(Phrase(N_("version %(version)s"), {"version": str(citation.version)}))
    )
    return ", ".join(parts)
