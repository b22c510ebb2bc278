"""Rules about shells, curl, Redis and clouds: exit codes that lie, prompts, files, secrets."""

import re

from info_assistant.runbooks.linting.cases import Case, Draft, curl_of, settings_of
from info_assistant.runbooks.linting.findings import Remark, error, note, warning
from info_assistant.runbooks.model import Form
from info_assistant.runbooks.shell.classify import look_alikes
from info_assistant.runbooks.shell.effects import Effect

_REDIS = {"redis-cli", "valkey-cli"}
_SECRET = re.compile(
    r"\b(authorization|token|password|passwd|secret|api[-_]?key|oauth|bearer)\b", re.IGNORECASE
)
_FILE = re.compile(r"(?:file://|@)(?P<name>[\w./-]+\.\w+)$")


def unclear(case: Case, _draft: Draft) -> Remark | None:
    """What our grammar does not follow is not run piece by piece."""
    statement = case.command.statement
    if statement is None or not statement.unclear:
        return None
    return warning(
        "unclear-shell",
        f"It is not followed in every part ({statement.unclear[0]}), so it counts as mutating.",
    )


def misleading(case: Case, _draft: Draft) -> Remark | None:
    """Dashes of word processors and invisible characters are not what they look like."""
    odd = look_alikes(case.command.text)
    if not odd:
        return None
    names = ", ".join(f"U+{ord(char):04X}" for char in dict.fromkeys(odd))
    return error("misleading-character", f"It has characters that only look right ({names}).")


def typed_at_a_prompt(case: Case, draft: Draft) -> Remark | None:
    """A line for a prompt, pasted into a shell, writes a file."""
    command = case.command
    if command.form is not Form.INPUT:
        return None
    first = command.text.split()[0]
    opener = re.sub(r"\s-(it|ti|i|t)\b", "", command.typed_into)
    flag = " -e" if re.search(r"\b(redis|valkey)-cli\s*$", opener) else ""
    draft.replace(f"{opener}{flag} {command.text.lower() if flag else command.text}")
    extra = (
        " And on a server that is no cluster it is an error, with exit code 0: ask only where "
        "`cluster_enabled` is 1."
        if first.upper() == "CLUSTER"
        else ""
    )
    return error(
        "typed-at-prompt",
        f"This is typed at a prompt. In a shell `>` makes a file called {first}." + extra,
    )


def interactive(case: Case, draft: Draft) -> Remark | None:
    """A prompt waits for a person."""
    if case.command.effect is not Effect.INTERACTIVE:
        return None
    following = [each.command for each in case.after if each.command.form is Form.INPUT]
    own = [each for each in following if each.typed_into == case.command.text]
    if own:
        flag = " -e" if case.inner[:1] and case.inner[0] in _REDIS else ""
        draft.replace(f"{draft.text}{flag} {own[0].text.lower() if flag else own[0].text}")
    return error(
        "interactive",
        "It opens a prompt and waits. Without a terminal nothing is asked; give each command by "
        "itself.",
    )


def redis_exit_code(case: Case, draft: Draft) -> Remark | None:
    """redis-cli prints an error and exits with 0."""
    words = case.inner or tuple(word.value for word in case.words)
    if not words or words[0] not in _REDIS or len(words) == 1 or "-e" in words:
        return None
    at = next((n for n, word in enumerate(draft.words) if word in _REDIS), None)
    if at is not None:
        draft.words.insert(at + 1, "-e")
    return warning(
        "redis-exit-code",
        "redis-cli prints an error such as NOAUTH and exits with 0. With -e it exits with 1; the "
        "password goes into REDISCLI_AUTH. Judge what it answers, such as PONG.",
    )


def two_masters(case: Case, _draft: Draft) -> Remark | None:
    """Promoting a replica demotes nobody."""
    if not re.search(r"\b(REPLICAOF|SLAVEOF)\s+NO\s+ONE\b", " ".join(case.inner), re.IGNORECASE):
        return None
    if any("replication" in each.inner or "role" in each.inner for each in case.before):
        return None  # Somebody looked who is master.
    return warning(
        "two-masters",
        "If the old master lives there are two. Under Sentinel it is turned back within seconds "
        "(use SENTINEL FAILOVER); in a cluster it is an error with exit code 0 (use CLUSTER "
        "FAILOVER). Else fence the old master, promote, CONFIG REWRITE, point the Service or "
        "REDIS_URL to it, and attach the old one again. It is not kept over a restart.",
    )


def curl_exit_code(case: Case, draft: Draft) -> Remark | None:
    """Curl succeeds when the server answers 503."""
    found = curl_of(case)
    if found is None or case.kubectl is not None:
        return None
    if {"-f", "--fail", "--fail-with-body", "-w", "--write-out"} & found[1].keys():
        return None
    sends = case.command.effect is not Effect.READ_ONLY
    # A second try of a request that changes something might do it twice.
    draft.words[1:1] = ["-fsS", "--max-time", "10", *([] if sends else ["--retry", "3"])]
    return error(
        "curl-exit-code",
        "HTTP 503 still ends with exit code 0, so this proves nothing. With -f it is 22; look at "
        "the body too.",
    )


def curl_glob(case: Case, draft: Draft) -> Remark | None:
    """Curl takes brackets in an address for a range."""
    found = curl_of(case)
    if found is None or not any("[" in url or "{" in url for url in found[0]):
        return None
    if not {"-g", "--globoff"} & found[1].keys() and case.kubectl is None:
        draft.words.insert(1, "-g")
    return error(
        "curl-glob", "curl takes the brackets for a range and ends with exit code 3 before it asks."
    )


def content_type(case: Case, draft: Draft) -> Remark | None:
    """`-d` says that a form is sent."""
    found = curl_of(case)
    if found is None:
        return None
    bodies = [value for name in ("-d", "--data", "--data-raw") for value in found[1].get(name, [])]
    headers = " ".join(found[1].get("-H", []) + found[1].get("--header", [])).lower()
    if (
        not any(body.lstrip().startswith(("{", "[")) for body in bodies)
        or "content-type" in headers
    ):
        return None
    draft.add("-H", '"Content-Type: application/json"')
    return error("content-type", "-d sends JSON as a form; the other side wants application/json.")


def secret_in_arguments(_case: Case, draft: Draft) -> Remark | None:
    """What is on a command line is seen by everybody on the machine."""
    spots = [
        at
        for at, word in enumerate(draft.words)
        if _SECRET.search(word) and re.search(r"\[[A-Z_-]+\]|<[\w-]+>", word)
    ]
    for at in spots:
        draft.words[at] = re.sub(
            r"\[([A-Z_-]+)\]|<([\w-]+)>",
            lambda found: "$" + (found[1] or found[2]).upper().replace("-", "_"),
            draft.words[at],
        ).replace("'", '"')
    if not spots:
        return None
    return warning(
        "secret-in-arguments",
        "A secret on the command line is in the history and in the list of processes. Take it from "
        "the environment.",
    )


def missing_file(case: Case, _draft: Draft) -> Remark | None:
    """A file that nobody made."""
    for word in case.words[1:]:
        found = _FILE.match(word.value)
        if found and not any(found["name"] in each.command.text for each in case.before):
            return error(
                "missing-file",
                f"{found['name']} comes with no runbook. Make it beforehand, keep the records that "
                "it replaces as the way back, and wait until the change is in force.",
            )
    return None


def filter_exit_code(case: Case, draft: Draft) -> Remark | None:
    """Grep ends with 1 when it finds nothing."""
    last = case.simples[-1].words if len(case.simples) > 1 else ()
    if not last or last[0].value not in {"grep", "egrep"} or "|| true" in draft.tail:
        return None
    return note(
        "grep-exit-code", "grep ends with 1 when nothing matches: that is an answer, no failure."
    )


_NEEDS = {
    ("LLM_PROVIDER", "anthropic"): "an Anthropic key in the Secret; ask the provider once with it",
    ("LLM_PROVIDER", "openai"): "an OpenAI key in the Secret; ask the provider once with it",
    ("CACHE_ONLY_MODE", "true"): "a cache that answers and holds entries. With Redis down, or with "
    "REDIS_ENABLED=false, nothing at all is served",
}


def switch_needs(case: Case, _draft: Draft) -> Remark | None:
    """Some switches work only when something else is there."""
    for setting in settings_of(case).items():
        looked = any(each.command.effect is Effect.READ_ONLY for each in case.before)
        if setting in _NEEDS and not looked:
            return warning("switch-needs", f"{'='.join(setting)} needs {_NEEDS[setting]}.")
    return None


def placeholder(case: Case, draft: Draft) -> Remark | None:
    """What stands for a value is replaced before anything runs."""
    left = [each for each in case.command.placeholders if each in draft.text]
    if not left or all(each.startswith("$") for each in left):
        return None
    return error(
        "placeholder",
        f"{', '.join(left)} stands for a value. It never runs like this: name the value, or let "
        "the engine look it up.",
    )


RULES = (
    unclear,
    misleading,
    typed_at_a_prompt,
    interactive,
    redis_exit_code,
    two_masters,
    curl_exit_code,
    curl_glob,
    content_type,
    secret_in_arguments,
    missing_file,
    filter_exit_code,
    switch_needs,
    placeholder,
)
