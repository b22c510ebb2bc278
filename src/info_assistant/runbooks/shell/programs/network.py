"""curl, wget, and the command lines of cloud providers."""

import itertools
import re
from urllib.parse import urlsplit

from info_assistant.runbooks.shell.effects import Call, Effect, Judgement, reads, unsure
from info_assistant.runbooks.shell.options import Parsed, options, parse_options

CURL_OPTIONS = options(
    "-s --silent -S --show-error -f --fail --fail-with-body -i --include -I --head -v --verbose -k"
    " --insecure -L --location -g --globoff --compressed -4 -6 -G --get --http1.1 --http2"
    " --retry-connrefused --retry-all-errors -N --no-buffer -q --no-progress-meter",
    "-X --request -H --header -u --user -A --user-agent -m --max-time --connect-timeout --retry"
    " --retry-delay --retry-max-time -w --write-out -o --output -d --data --data-raw --data-binary"
    " --data-urlencode --json -F --form -T --upload-file --url --cacert --cert --key -e --resolve"
    " --oauth2-bearer -x --proxy -b --cookie --unix-socket",
)
_SENDS = (
    "-d", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--json", "-F", "--form",
    "-T", "--upload-file",
)  # fmt: skip
_INSIDE = re.compile(
    r"(localhost|127\.[\d.]+|\[?::1\]?|[\w-]+|.*\.svc(\.cluster\.local)?)", re.ASCII
)
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

_PROBE = (
    'exec 3<>/dev/tcp/{host}/{port}; printf "GET {path} HTTP/1.0\\r\\n\\r\\n" >&3; '
    "head -n 1 <&3 | grep 200"
)
_PROBE_SHAPE = re.compile(
    re.escape(_PROBE.format(host="HOST", port="PORT", path="PATH"))
    .replace("HOST", r"[\w.-]+")
    .replace("PORT", r"\d+")
    .replace("PATH", r"/[\w./-]*")
)


def probe_script(host: str, port: int, path: str) -> str:
    """Return a script that asks for `path` with bash alone and fails unless the answer is 200."""
    return _PROBE.format(host=host, port=port, path=path)


def is_probe(script: str) -> bool:
    """Return whether a script is exactly one of `probe_script`, which only reads."""
    return _PROBE_SHAPE.fullmatch(script) is not None


def curl_urls(parsed: Parsed) -> list[str]:
    """Return the addresses that a call of curl names."""
    return [word.value for word in parsed.rest] + parsed.given.get("--url", [])


def is_inside(url: str) -> bool:
    """Return whether an address is on this machine or within the cluster."""
    try:
        host = urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    except ValueError:
        return False
    return _INSIDE.fullmatch(host) is not None


def judge_curl(call: Call) -> Judgement:
    """Judge a call of curl by its method, its body and its address."""
    parsed = parse_options(call.words, CURL_OPTIONS)
    urls = curl_urls(parsed)
    if not parsed.sure or parsed.after is not None or not urls:
        return unsure("an option of curl is not known here, or its address is missing")
    if any("://" in url and not url.lower().startswith(("http://", "https://")) for url in urls):
        return unsure("only HTTP is known to change nothing by reading")
    method = (parsed.value("-X", "--request") or "GET").upper()
    sends = any(name in parsed.given for name in _SENDS) and not parsed.has("-G", "--get")
    if method not in _SAFE_METHODS or sends:
        if all(is_inside(url) for url in urls):
            if method == "DELETE":
                return Judgement(Effect.DESTRUCTIVE, "an HTTP DELETE removes something")
            return Judgement(Effect.MUTATING, "an HTTP request that may change something")
        return Judgement(Effect.EXTERNAL, "an HTTP request that changes something elsewhere")
    if any(text.startswith("@") for name in _SENDS for text in parsed.given.get(name, [])):
        return unsure("it sends a file")
    shown = parsed.given.get("-w", []) + parsed.given.get("--write-out", [])
    if any("%output" in text for text in shown):
        return unsure("it may write a file")
    written = set(parsed.given.get("-o", []) + parsed.given.get("--output", [])) - {
        "/dev/null",
        "-",
    }
    if written:
        return Judgement(Effect.LOCAL, f"it writes the file {written.pop()}")
    return reads("an HTTP request that only reads")


_WGET = options(
    "-q --quiet --spider -S --server-response --no-check-certificate -nv",
    "-O --output-document -T --timeout -t --tries --header",
)


def judge_wget(call: Call) -> Judgement:
    """Judge a call of wget: reading, or writing a file here."""
    parsed = parse_options(call.words, _WGET)
    if not parsed.sure or parsed.after is not None:
        return unsure("an option of wget is not known here")
    if parsed.has("--spider") or parsed.value("-O", "--output-document") in {"-", "/dev/null"}:
        return reads("it reads an address")
    return Judgement(Effect.LOCAL, "it writes a file")


_AWS_GLOBAL = options(
    "--no-cli-pager --debug --no-paginate --no-verify-ssl --no-sign-request",
    "--profile --region --output --query --endpoint-url --color --cli-read-timeout"
    " --cli-connect-timeout --ca-bundle",
)
_AWS_READS = re.compile(
    r"(describe|list)-[a-z0-9-]+|wait|ls|get-caller-identity|get-(metric|change|health)[a-z-]*"
)
_AWS_DESTROYS = re.compile(r"(delete|terminate|purge|deregister|remove|stop|rm|rb|destroy)\b.*")


def judge_aws(call: Call) -> Judgement:
    """Judge a call of aws by the verb of its operation."""
    parsed = parse_options(call.words, _AWS_GLOBAL, stop_at_first=True)
    if not parsed.sure or len(parsed.rest) < 2 or not all(w.plain for w in parsed.rest[:2]):
        return unsure("its operation is not certain")
    operation = parsed.rest[1].value
    if _AWS_DESTROYS.fullmatch(operation):
        return Judgement(Effect.DESTRUCTIVE, f"aws {operation} takes something away")
    if _AWS_READS.fullmatch(operation):
        return reads(f"aws {operation} reads")
    return Judgement(Effect.EXTERNAL, f"aws {operation} may change what is outside the cluster")


_CLOUD_READS = {"list", "describe", "show", "get-value", "read"}
_CLOUD_NOUNS = {
    "compute", "instances", "disks", "networks", "firewall-rules", "sql", "backups", "operations",
    "container", "clusters", "node-pools", "projects", "services", "revisions", "logging", "logs",
    "storage", "buckets", "dns", "managed-zones", "record-sets", "pubsub", "topics", "iam",
    "subscriptions", "service-accounts", "vm", "aks", "webapp", "redis", "postgres", "server",
    "monitor", "network", "group", "account", "resource", "config",
}  # fmt: skip
_CLOUD_DESTROYS = {"delete", "remove", "purge", "destroy", "stop"}


def judge_cloud(call: Call) -> Judgement:
    """Judge a call of gcloud or az: nouns that are known, a verb that reads, at most one name."""
    command = []
    for word in call.words:
        if not word.plain or word.value.startswith("-"):
            break
        command.append(word.value)
    if set(command) & _CLOUD_DESTROYS:
        return Judgement(Effect.DESTRUCTIVE, "it takes something away")
    nouns = list(itertools.takewhile(_CLOUD_NOUNS.__contains__, command))
    verb, names = command[len(nouns) : len(nouns) + 1], command[len(nouns) + 1 :]
    if nouns and _CLOUD_READS.issuperset(verb) and verb and len(names) <= 1:
        return reads(f"{call.program} {' '.join(command)} reads")
    return Judgement(Effect.EXTERNAL, "it may change what is outside the cluster")
