"""Programs of a machine: readers, filters, services, containers, and those that run others."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from info_assistant.runbooks.shell.effects import Call, Effect, Judge, Judgement, reads, unsure
from info_assistant.runbooks.shell.options import Options, options, parse_options
from info_assistant.runbooks.shell.programs.network import is_probe


@dataclass(frozen=True, slots=True)
class Reader:
    """A program that only reads when called with these options and at most so many words."""

    options: Options
    most: int = 99
    fits: Callable[[list[str]], bool] = lambda _words: True
    endless: frozenset[str] = frozenset()
    needs: str = ""
    """An option without which it does more than read."""


def _reader(switches: str = "", values: str = "", **more: object) -> Reader:
    return Reader(options(switches, values), **more)  # type: ignore[arg-type]


_SED = re.compile(
    r"(\d+|\$)?(,(\d+|\$))?[pq]|/[^/\n]*/[pd]"
    r"|s/[^/\n]*/[^/\n]*/[gip\d]*|s\|[^|\n]*\|[^|\n]*\|[gip\d]*|s#[^#\n]*#[^#\n]*#[gip\d]*"
)
_AWK_DANGER = re.compile(r"system|getline|[>|@]")
_JQ = "-r --raw-output -c --compact-output -e --exit-status -s --slurp -S -n -M -C -a -j --tab"
_GREP = (
    "-i -v -c -n -l -L -o -q -s -w -x -E -F -P -G -r -R -a -h -H -z --color --color=auto"
    " --ignore-case --invert-match --count --line-number --quiet --extended-regexp"
    " --fixed-strings --line-buffered"
)
READERS = {
    "echo": _reader("-n -e -E"),
    "printf": _reader(),
    "true": _reader(),
    "false": _reader(),
    "test": _reader("-f -d -e -s -n -z -x -r -w -eq -ne -lt -gt -le -ge -a -o"),
    "[": _reader("-f -d -e -s -n -z -x -r -w -eq -ne -lt -gt -le -ge -a -o"),
    "cat": _reader("-n -A -v -e -t -b -s -E -T"),
    "head": _reader("-q -v -#", "-n -c"),
    "tail": _reader("-q -v -f -F -#", "-n -c", endless=frozenset({"-f", "-F"})),
    "grep": _reader(_GREP, "-e -A -B -C -m --include --exclude -f --max-count"),
    "egrep": _reader(_GREP, "-e -A -B -C -m"),
    "fgrep": _reader(_GREP, "-e -A -B -C -m"),
    "zgrep": _reader(_GREP, "-e -A -B -C -m"),
    "wc": _reader("-l -c -w -m"),
    "sort": _reader("-n -r -u -h -V -f -b -s -g", "-k -t"),
    "uniq": _reader("-c -d -u -i", "-f -s -w", most=0),
    "cut": _reader("-s", "-d -f -c -b"),
    "tr": _reader("-d -s -c"),
    "column": _reader("-t", "-s -n"),
    "jq": _reader(_JQ, "--indent"),
    "sed": _reader(
        "-n -E -r", fits=lambda words: bool(words) and bool(_SED.fullmatch(words[0]))
    ),
    "awk": _reader("", "-F", fits=lambda words: bool(words) and not _AWK_DANGER.search(words[0])),
    "ls": _reader("-l -a -h -A -t -r -R -S -d -1 -i -s"),
    "stat": _reader("-f -L", "-c"),
    "du": _reader("-s -h -a -c -x -k -m", "-d --max-depth"),
    "df": _reader("-h -i -T -k -m -a -P"),
    "free": _reader("-h -m -g -k -t -w"),
    "uptime": _reader("-p -s"),
    "ps": _reader("-e -f -a -u -x -A -L -w -H --forest", "-o -p -C --sort"),
    "pgrep": _reader("-f -l -a -x", "-u"),
    "pidof": _reader(),
    "id": _reader("-u -g -n"),
    "whoami": _reader(),
    "hostname": _reader("-f -s -i -I", most=0),
    "uname": _reader("-a -r -m -s -n"),
    "date": _reader("-u", "-d", fits=lambda words: all(word.startswith("+") for word in words)),
    "which": _reader("-a"),
    "type": _reader("-a"),
    "pwd": _reader(),
    "printenv": _reader(),
    "sleep": _reader(),
    "vmstat": _reader("-s -w -a"),
    "iostat": _reader("-x -m -k -z -d"),
    "lsof": _reader("-i -n -P -t", "-p -u"),
    "ss": _reader("-t -u -l -n -p -a -s -x -4 -6 -o -i -m -e"),
    "netstat": _reader("-t -u -l -n -p -a -s -r -i"),
    "dig": _reader("-4 -6 -x", "-t -p"),
    "host": _reader("-a -v", "-t"),
    "nslookup": _reader(),
    "ping": _reader("-4 -6 -n -q", "-c -W -w -i -s"),
    "traceroute": _reader("-n -4 -6 -T -I", "-m -w -p"),
    "nc": _reader("-z -v -u -4 -6", "-w", most=2, needs="-z"),
    "lsblk": _reader("-f -a -o"),
    "nproc": _reader(),
    "journalctl": _reader(
        "-x -e -r -k -f --no-pager --utc --follow",
        "-u --unit -n --lines --since --until -S -U -p --priority -o --output -b -g --grep",
        most=0,
        endless=frozenset({"-f", "--follow"}),
    ),
    "promtool": _reader(fits=lambda words: words[:1] in (["check"], ["query"])),
}  # fmt: skip


def judge_reader(call: Call) -> Judgement:
    """Judge a call of a program of the table above."""
    reader = READERS[call.program]
    parsed = parse_options(call.words, reader.options)
    rest = [word.value for word in [*parsed.rest, *(parsed.after or [])]]
    if not parsed.sure or (parsed.after and call.program not in {"grep", "echo"}):
        odd = parsed.strange[0] if parsed.strange else "--"
        return unsure(f"the option {odd} of {call.program} is not known here")
    lacks = bool(reader.needs) and not parsed.has(reader.needs)
    if len(rest) > reader.most or not reader.fits(rest) or lacks:
        return unsure(f"{call.program} may write when it is called like this")
    endless = any(parsed.has(name) for name in reader.endless)
    endless = endless or (call.program == "ping" and "-c" not in parsed.given)
    return reads(f"{call.program} reads", endless=endless)


_SUBCOMMANDS = {
    "systemctl": ("status is-active is-enabled is-failed list-units list-timers show cat", ""),
    "service": ("", ""),
    "docker": ("ps logs inspect images top port version info history", "rm rmi prune kill"),
    "podman": ("ps logs inspect images top port version info history", "rm rmi prune kill"),
    "helm": ("list ls status history version", "uninstall delete"),
    "git": ("status rev-parse", "clean reset"),
    "gh": ("", ""),
    "terraform": ("version", "destroy"),
    "rabbitmqctl": ("status cluster_status list_queues list_connections list_consumers", "reset"),
    "etcdctl": ("get version", "del"),
    "ip": ("", ""),
}  # fmt: skip
_SUB_OPTIONS = options(
    "-a --all -f --follow --no-pager -q --quiet --no-trunc --full -l --no-stream -A --failed"
    " --all-namespaces -t --timestamps --short -s",
    "-n --namespace --tail --since --until --format --filter -o --output --type --state --max"
    " --kube-context --lines -p --property --endpoints --prefix --vhost",
)


def judge_subcommand(call: Call) -> Judgement:
    """Judge a program whose first word says what it does."""
    reading, destroying = (set(words.split()) for words in _SUBCOMMANDS[call.program])
    parsed = parse_options(call.words, _SUB_OPTIONS)
    words = [word.value for word in parsed.rest]
    if any(word in destroying for word in words[:2]):
        return Judgement(Effect.DESTRUCTIVE, f"{call.program} takes something away")
    if call.program in {"docker", "podman"} and words[:1] == ["exec"]:
        return _judge_container(call)
    plain = parsed.rest and parsed.rest[0].plain and parsed.sure and parsed.after is None
    if plain and words[0] in reading:
        follows = parsed.has("-f", "--follow") and words[0] == "logs"
        return reads(f"{call.program} {words[0]} reads", endless=follows)
    return unsure(f"{call.program} {' '.join(words[:1])} may change something")


def _judge_container(call: Call) -> Judgement:
    known = options("-i -t --interactive --tty", "-u --user -w --workdir")
    parsed = parse_options(call.words[1:], known, stop_at_first=True)
    if call.words[0].value != "exec" or not parsed.sure or len(parsed.rest) < 2:
        return unsure("it does not say what to run in the container")
    inner = call.judge_words(parsed.rest[1:], call.fed)
    return inner.at_least(Effect.MUTATING, inner.why) if inner.effect is Effect.LOCAL else inner


DESTROYERS = {"rm", "dd", "mkfs", "shred", "truncate", "reboot", "shutdown", "halt", "poweroff",
              "dropdb", "wipefs", "fdisk"}  # fmt: skip
LOCALS = {"cd", "export", "mkdir", "touch", "tee", "set", "unset", "alias", "pushd", "popd", "exit"}
PROMPTS = {"vi", "vim", "nano", "less", "more", "top", "htop", "emacs", "mongo", "mongosh", "k9s"}
_SHELLS = {"sh", "bash", "zsh", "ash", "dash"}
_SHELL_OPTIONS = options("-e -u -x -l -i", "-c -o")


def judge_shell(call: Call) -> Judgement:
    """Judge `bash -c '…'`, a script, or a shell that waits for what is typed."""
    parsed = parse_options(call.words, _SHELL_OPTIONS, stop_at_first=True)
    script = parsed.value("-c")
    if not parsed.sure or parsed.after is not None or parsed.has("-i", "-l"):
        return unsure("an option of the shell is not known here")
    if script is not None:
        return reads("it asks an address") if is_probe(script) else call.judge_script(script)
    if parsed.rest or call.fed:
        return unsure("it runs a script that is not shown here")
    return Judgement(Effect.INTERACTIVE, "a shell waits for what is typed")


_WRAPPERS = {
    "sudo": options("-n -E -H", "-u"),
    "env": options("", ""),
    "command": options(),
    "nice": options("", "-n"),
    "timeout": options("--foreground", "-k -s"),
    "time": options("-p"),
    "stdbuf": options("", "-o -i -e"),
    "watch": options("-d -t -e -g", "-n"),
    "xargs": options("-r -0 -t", "-n -I -P -L -d"),
    "ssh": options("-t -T -q -4 -6", "-p -l -i"),
}


def judge_wrapper(call: Call) -> Judgement:
    """Judge a program that runs the command behind it."""
    parsed = parse_options(call.words, _WRAPPERS[call.program], stop_at_first=True)
    if not parsed.sure or parsed.after is not None:
        return unsure(f"an option of {call.program} is not known here")
    rest = parsed.rest
    if call.program in {"timeout", "ssh"}:
        rest = rest[1:]
    if call.program == "env" and not rest:
        return reads("it shows the environment")
    if not rest:
        return Judgement(Effect.INTERACTIVE, f"{call.program} alone waits for what is typed")
    if call.program in {"watch", "ssh"}:
        # These put their words together again and give them to a shell.
        inner = call.judge_script(" ".join(word.value for word in rest))
        if call.program == "ssh":
            return (
                inner.at_least(Effect.MUTATING, inner.why)
                if inner.effect is Effect.LOCAL
                else inner
            )
        return Judgement(inner.effect, f"watch repeats: {inner.why}", endless=True)
    inner = call.judge_words(rest, call.fed)
    if call.program == "xargs":
        return inner.at_least(Effect.MUTATING, "what it is given is only known when it runs")
    return inner


JUDGES: dict[str, Judge] = {
    **dict.fromkeys(READERS, judge_reader),
    **dict.fromkeys(_SUBCOMMANDS, judge_subcommand),
    **dict.fromkeys(_SHELLS, judge_shell),
    **dict.fromkeys(_WRAPPERS, judge_wrapper),
}
