"""Redis and SQL on the command line."""

import re

from info_assistant.runbooks.shell.effects import Call, Effect, Judgement, reads, unsure
from info_assistant.runbooks.shell.options import options, parse_options

_REDIS_OPTIONS = options(
    "-e -c --tls --no-auth-warning --raw --no-raw --csv --json --insecure -2 -3 --quoted-input",
    "-h -p -a -u -n -t -s --user --pass --sni --cacert --cert --key -D -d -i",
)
_REDIS_WATCHES = {"--stat", "--latency", "--latency-history", "--latency-dist"}
_REDIS_READS = {
    "PING", "INFO", "GET", "MGET", "TTL", "PTTL", "EXISTS", "TYPE", "STRLEN", "DBSIZE", "ROLE",
    "LASTSAVE", "SCAN", "SSCAN", "HSCAN", "ZSCAN", "HGETALL", "HGET", "HLEN", "LLEN", "LRANGE",
    "SCARD", "SMEMBERS", "ZCARD", "ZRANGE", "XLEN", "XRANGE", "XINFO", "TIME", "ECHO", "COMMAND",
    "KEYS", "RANDOMKEY", "OBJECT",
}  # fmt: skip
_REDIS_READS_OF_TWO = {
    "CLUSTER INFO", "CLUSTER NODES", "CLUSTER SHARDS", "CLUSTER SLOTS", "CLUSTER MYID",
    "CLUSTER KEYSLOT", "MEMORY USAGE", "MEMORY STATS", "MEMORY DOCTOR", "SLOWLOG GET",
    "SLOWLOG LEN", "CLIENT LIST", "CLIENT INFO", "CLIENT ID", "CONFIG GET", "LATENCY LATEST",
    "LATENCY DOCTOR", "LATENCY HISTORY", "SENTINEL MASTERS", "SENTINEL MASTER",
    "SENTINEL REPLICAS", "SENTINEL SLAVES", "SENTINEL SENTINELS", "SENTINEL CKQUORUM",
    "SENTINEL GET-MASTER-ADDR-BY-NAME", "ACL WHOAMI", "ACL LIST", "FUNCTION LIST",
}  # fmt: skip
_REDIS_DESTROYS = {"FLUSHALL", "FLUSHDB", "SHUTDOWN", "CLUSTER RESET", "CLUSTER FLUSHSLOTS"}


def judge_redis(call: Call) -> Judgement:
    """Judge a call of redis-cli or valkey-cli."""
    watching = any(word.value in _REDIS_WATCHES for word in call.words)
    words = [word for word in call.words if word.value not in _REDIS_WATCHES | {"--scan"}]
    parsed = parse_options(words, _REDIS_OPTIONS, stop_at_first=True)
    if not parsed.sure or parsed.after is not None:
        return unsure("an option of redis-cli is not known here")
    if watching and not parsed.rest:
        return reads("redis-cli measures until it is stopped", endless=True)
    if "--scan" in [word.value for word in call.words] and not parsed.rest:
        return reads("redis-cli lists keys")
    if not parsed.rest:
        if call.fed:
            return unsure("redis-cli carries out what it is fed")
        return Judgement(Effect.INTERACTIVE, "redis-cli without a command opens a prompt")
    return judge_redis_command([word.value for word in parsed.rest])


def judge_redis_command(words: list[str]) -> Judgement:
    """Judge a command of Redis's own language."""
    first = words[0].upper()
    both = " ".join(word.upper() for word in words[:2])
    if first in _REDIS_READS or both in _REDIS_READS_OF_TWO:
        return reads(f"{first} of Redis reads")
    if first == "MONITOR":
        return reads("MONITOR of Redis watches", endless=True)
    if first in _REDIS_DESTROYS or both in _REDIS_DESTROYS:
        return Judgement(Effect.DESTRUCTIVE, f"{both} of Redis throws data away")
    return Judgement(Effect.MUTATING, f"{both} of Redis may change it")


_SQL_OPTIONS = options(
    "-A -t -x -q -X -w --no-psqlrc --tuples-only --csv -N -B --batch --expanded --no-align",
    "-h -p -U -d -c -e --host --port --username --user --dbname --database --command --execute -u",
)
_SQL_READS = re.compile(
    r"\s*(show\s+[\w .]+|select\s+(?!.*\binto\b)(?!.*\bfor\s+(update|share)\b)"
    r"(?:[^;()\\\n]|(?<![.\"`])\b(?:count|min|max|avg|sum|now|age)\s*\([^;()\\\n]*\))+)\s*;?\s*",
    re.IGNORECASE,
)
_SQL_DESTROYS = re.compile(r"\b(drop|truncate|delete)\b", re.IGNORECASE)


def judge_sql(call: Call) -> Judgement:
    """Judge a call of psql or mysql by the SQL that it is given."""
    parsed = parse_options(call.words, _SQL_OPTIONS)
    if call.fed or not parsed.sure or parsed.after is not None:
        return unsure("its SQL, or an option, is not known here")
    given = [
        value
        for name in ("-c", "--command", "-e", "--execute")
        for value in parsed.given.get(name, [])
    ]
    if not given:
        return Judgement(Effect.INTERACTIVE, "without SQL it opens a prompt")
    return _sql_alone(given)


def _sql_alone(given: list[str]) -> Judgement:
    if any(_SQL_DESTROYS.search(text) for text in given):
        return Judgement(Effect.DESTRUCTIVE, "its SQL removes data")
    if all(_SQL_READS.fullmatch(text) for text in given):
        return reads("its SQL only selects")
    return Judgement(Effect.MUTATING, "its SQL may change data")
