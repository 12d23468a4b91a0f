"""``mlops-assets completion``: what a shell needs to complete commands and options, written from their own parsers."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlops_assets.commands.command import Command

_BASH = """\
# Completion of mlops-assets for bash: eval "$(mlops-assets completion bash)"
_mlops_assets() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{names}"
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
        # Elsewhere, what is typed is a model, a value or a file.
        case "$word" in -*) ;; *) [ "${{COMP_WORDS[1]}}" = completion ] || words="" ;; esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _mlops_assets mlops-assets
"""
_ZSH = """\
# Completion of mlops-assets for zsh: eval "$(mlops-assets completion zsh)"
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
"""


class _Recorder(argparse.ArgumentParser):
    """A parser that knows which options were added to it, and with which help; choices of arguments too."""

    def __init__(self) -> None:
        super().__init__(add_help=False)
        self.words: dict[str, str] = {}

    def add_argument(self, *names: str, **settings: Any) -> argparse.Action:
        action = super().add_argument(*names, **settings)
        words = action.option_strings or [str(choice) for choice in action.choices or ()]
        self.words |= dict.fromkeys(words, str(action.help or ""))
        return action

    def add_argument_group(self, *titles: Any, **settings: Any) -> Any:
        """Itself, once it is made: a command's groups are for readers of the help."""
        return self if hasattr(self, "words") else super().add_argument_group(*titles, **settings)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(_SHELLS), help="the shell in which to complete")
    parser.epilog = 'For bash, add this line to ~/.bashrc: eval "$(mlops-assets completion bash)"'


def _run(chosen: argparse.Namespace) -> int:
    commands: Iterable[Command] = chosen.commands
    print(_SHELLS[chosen.shell]({command: words_of(command) for command in commands}), end="")
    return 0


def words_of(command: Command) -> dict[str, str]:
    """A command's options, and the choices of its arguments, with their help."""
    recorder = _Recorder()
    command.add_arguments(recorder)
    return recorder.words


def _for_bash(words: Mapping[Command, Mapping[str, str]]) -> str:
    cases = "\n".join(
        f'            {command.name}) words="{" ".join([*options, "--help"])}" ;;' for command, options in words.items()
    )
    return _BASH.format(names=" ".join([*(command.name for command in words), "--help", "--version"]), cases=cases)


def _for_zsh(words: Mapping[Command, Mapping[str, str]]) -> str:
    return _ZSH + _for_bash(words).partition("\n")[2]


def _for_fish(words: Mapping[Command, Mapping[str, str]]) -> str:
    lines = ["# Completion of mlops-assets for fish: mlops-assets completion fish | source"]
    for command, options in words.items():
        lines.append(
            f"complete -c mlops-assets -n __fish_use_subcommand -f -a {command.name} -d {_quoted(command.help)}"
        )
        within = f"-n '__fish_seen_subcommand_from {command.name}'"
        for option, text in options.items():
            what = f"-l {option[2:]}" if option.startswith("--") else f"-f -a {option}"
            lines.append(f"complete -c mlops-assets {within} {what} -d {_quoted(text)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SHELLS: Mapping[str, Callable[[Mapping[Command, Mapping[str, str]]], str]] = {
    "bash": _for_bash,
    "zsh": _for_zsh,
    "fish": _for_fish,
}
COMPLETION = Command(
    "completion", "print a script that completes commands and options in your shell", _add_arguments, _run
)
