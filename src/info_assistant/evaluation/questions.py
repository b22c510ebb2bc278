"""Question sets with gold evidence, as JSON lines or in XQuAD's JSON."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from info_assistant.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Gold:
    """A verbatim quote that answers the question, in a document (and on a page, where known)."""

    document: str
    quote: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question with what a good answer rests on and says; no gold means it has no answer."""

    id: str
    question: str
    answerable: bool
    gold: tuple[Gold, ...]
    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()


class _GoldLine(BaseModel):
    model_config = ConfigDict(extra="ignore")
    document: str
    quote: str
    page: int | None = None


class _QuestionLine(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str = ""
    question: str
    answerable: bool = True
    gold: list[_GoldLine] = []
    answer_must_contain: list[str] = []
    answer_must_not_contain: list[str] = []


def load_questions(path: Path) -> tuple[GoldQuestion, ...]:
    """Read a question set, one JSON object a line.

    Raises:
        InvalidRequest: a line is not a question; the message names it.
    """
    questions = []
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path.name} is not UTF-8 text. Save it in that encoding.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            parsed = _QuestionLine.model_validate_json(line)
        except ValidationError as error:
            raise InvalidRequest(
                f"{path.name}, line {number} is not a question: {error.errors()[0]['msg']}. "
                'Each line needs at least {"question": …, "answerable": …, "gold": […]}.'
            ) from error
        questions.append(
            GoldQuestion(
                id=parsed.id or str(number),
                question=parsed.question,
                answerable=parsed.answerable,
                gold=tuple(Gold(g.document, g.quote, g.page) for g in parsed.gold),
                must_contain=tuple(parsed.answer_must_contain),
                must_not_contain=tuple(parsed.answer_must_not_contain),
            )
        )
    return tuple(questions)


class _XquadAnswer(BaseModel):
    answer_start: int
    text: str


class _XquadQuestion(BaseModel):
    id: str
    question: str
    answers: list[_XquadAnswer] = Field(min_length=1)


class _XquadParagraph(BaseModel):
    context: str
    qas: list[_XquadQuestion]


class _XquadArticle(BaseModel):
    paragraphs: list[_XquadParagraph]


class _Xquad(BaseModel):
    data: list[_XquadArticle]


@dataclass(frozen=True, slots=True)
class XquadSet:
    """XQuAD's paragraphs as documents by name, and its questions with the answers as gold."""

    documents: dict[str, str]
    questions: tuple[GoldQuestion, ...]


def load_xquad(path: Path) -> XquadSet:
    """Read XQuAD: each paragraph becomes a document, each question's gold the answer in context.

    Raises:
        InvalidRequest: the file is not in XQuAD's shape.
    """
    try:
        parsed = TypeAdapter(_Xquad).validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidRequest(f"{path.name} is not in the shape of XQuAD.") from error
    documents: dict[str, str] = {}
    questions: list[GoldQuestion] = []
    for article_number, article in enumerate(parsed.data):
        for number, paragraph in enumerate(article.paragraphs):
            name = f"xquad/{article_number:02d}-{number:02d}.txt"
            documents[name] = paragraph.context
            questions.extend(
                GoldQuestion(
                    id=asked.id,
                    question=asked.question,
                    answerable=True,
                    gold=(Gold(name, asked.answers[0].text),),
                    must_contain=(asked.answers[0].text,),
                )
                for asked in paragraph.qas
            )
    return XquadSet(documents, tuple(questions))
