"""Whether a command that a page or a finding names can be typed: its words, and its options."""

import re
import shlex

import typer

from serving.cli import app


def commands_in(page: str) -> list[str]:
    """Each `finmodel …` in a page's code, a line or an inline piece."""
    pieces = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", page, re.S)
    lines = [line for block, inline in pieces for line in (block or inline).splitlines()]
    return [line.strip() for line in lines if line.strip().startswith("finmodel ")]


def misspoken(line: str) -> str:
    """What is wrong with a command; empty where it can be typed as it stands."""
    command, words = typer.main.get_command(app), shlex.split(line.partition("  #")[0])[1:]
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        if name not in command.commands:
            return f"{line}: there is no {name}"
        command = command.commands[name]
    known = {word for one in command.params for word in (*one.opts, *one.secondary_opts)}
    unknown = [word for word in words if word.startswith("--") and word not in known]
    needed = [one.name for one in command.params if one.required]
    if unknown or len(words) < len(needed):
        return f"{line}: knows {sorted(known)}, needs {needed}"
    return ""
