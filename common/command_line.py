"""Command lines from functions and classes: the signature is the syntax, the docstring is the help."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import os
import re
import select
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pkgutil import resolve_name
from typing import Annotated, Any, NoReturn, get_type_hints

import docstring_parser
from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnknownOptionError, UnusedCliTokensError

from .command_values import metavar, read_setting, read_value, shown, word_type
from .errors import InputError, OptionError, brief_input_errors
from .fold_files import numbered_files
from .hints import did_you_mean, own_options

__all__ = ["run_commands"]

Command = Callable[..., Any]
_EMPTY = inspect.Parameter.empty
READER_GONE = 141  # exit code of a command whose output nobody reads any more: 128 + SIGPIPE, as a shell has it


def run_commands(
    commands: Command | Mapping[str, Command | str],
    words: Sequence[str] | None = None,
    *,
    method: str | None = None,
    help: str | None = None,
    show: Callable[[Any], None] | None = None,
) -> None:
    """Run a command line.

    Arguments without default are positional or ``--name value``; all others are ``--name value``, or ``--name`` alone
    for a boolean. :func:`~common.command_values.read_value` says how values are typed. Free keywords (``**settings``)
    take options of any name.

    The process ends with one line and exit code 2, before the command starts, for an unknown option, a missing or
    surplus argument or a value of another type; with one line and the error's exit code where the command raises
    :class:`~common.errors.InputError`. It ends without any line, and exit code 141, where a pipe such as ``| head``
    reads no further.

    Args:
        commands: function or class, or several by the name that comes first on the command line, each itself or as
            ``module:name``, which is imported when it is chosen.
        words: command line without the program's name; default: the process's.
        method: name of the method to run if the command is a class; its arguments join those of the constructor.
        help: first lines of the help for several commands.
        show: function that prints the result of the command; default: nothing is printed.
    """
    brief_input_errors()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    app = App(
        name=os.path.basename(sys.argv[0]),
        help=help,
        help_format="plaintext",
        version_flags=[],
        default_parameter=Parameter(negative="", name_transform=_unchanged),
        name_transform=_unchanged,
        print_error=False,
        exit_on_error=False,
        result_action="return_value",
    )
    app["--help"].group = "Parameters"
    words = list(sys.argv[1:] if words is None else words)
    chosen = None
    if isinstance(commands, Mapping):
        names = ", ".join(commands)
        if words and words[0] in commands:
            commands = {words[0]: commands[words[0]]}  # the others need not be imported
        for name, command in commands.items():
            described = _described(resolve_name(command) if isinstance(command, str) else command, method)
            app.command(described, name=name)
            chosen = described if words and words[0] == name else chosen
        if chosen is None and not {"-h", "--help"} & set(words):
            _stop(f"found {words[0] if words else 'no command'}, expected one of {names}; --help describes them")
    else:
        chosen = _described(commands, method)
        app.default(chosen)
    with _until_reader_ends(), own_options(_own_parameters(chosen) if chosen else ()):
        result = _run(app, _joined(words, chosen) if chosen else words)
        if show is not None and result is not None:
            show(result)


def _run(app: App, words: Sequence[str]) -> Any:
    """The result of the command that the words name."""
    try:
        return app(words)
    except UnusedCliTokensError as error:
        _stop(f"found {' '.join(error.unused_tokens or [])!r}, expected no further argument; --help lists the options")
    except UnknownOptionError as error:
        _stop(_unknown(error))
    except MissingArgumentError as error:
        _stop(_missing(error, words))
    except CycloptsError as error:
        _stop(" ".join(str(error).split()))
    except OptionError as error:
        _stop(str(error))


def _unknown(error: UnknownOptionError) -> str:
    """The message where a command has no such option: the nearest one, or all."""
    if "Did you mean" in (text := " ".join(str(error).split())):
        return text
    names = [name for argument in error.argument_collection if argument.parse for name in argument.names]
    known = ", ".join(name for name in names if name.startswith("--"))
    return f"found {error.token.keyword or error.token.value}, expected one of {known}; --help describes them"


def _missing(error: MissingArgumentError, words: Sequence[str]) -> str:
    """The message where an argument is missing, or the value of an option."""
    if error.keyword or not (error.argument and error.target):
        return " ".join(str(error).split())
    name, known = error.argument.name.removeprefix("--"), _own_parameters(error.target)
    for typed in (word[2:].partition("=")[0] for word in words if word.startswith("--")):
        if typed not in known and did_you_mean(typed, [name], ""):
            return f"found --{typed} and no --{name}; did you mean --{name}?"
    required = [each.upper() for each, parameter in known.items() if parameter.default is _EMPTY]
    expected = " ".join([*(error.command_chain or ()), *required])
    return f"found no {name.upper()} (--{name}), expected {expected}; --help describes them"


def _own_parameters(command: Command) -> dict[str, inspect.Parameter]:
    """Parameters of a described command without those of any name."""
    parameters = inspect.signature(command).parameters
    return {name: each for name, each in parameters.items() if each.kind is not each.VAR_KEYWORD}


@contextmanager
def _until_reader_ends() -> Iterator[None]:
    """End the process quietly where the reader of its output has ended, as Python's documentation of SIGPIPE does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _without_reader():  # another pipe
            raise
        raise SystemExit(READER_GONE) from None
    except BaseException:
        _without_reader()
        raise


def _without_reader() -> bool:
    """Whether nobody reads the standard output or error, which then go nowhere: Python flushes them at its end."""
    found = False
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # no file, closed, or no poll, as on Windows
            poll = select.poll()
            poll.register(stream.fileno(), 0)
            if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
                found = True
    return found


def _described(command: Command, method: str | None) -> Command:
    """The command with its syntax as signature and its help as docstring."""
    doer = getattr(command, method) if inspect.isclass(command) and method else None
    later = dict(list(_parameters(doer).items())[1:]) if doer else {}  # without self
    parameters = _parameters(command) | later
    signature = inspect.Signature(sorted(parameters.values(), key=lambda each: each.kind))

    def described(*args: Any, **kwargs: Any) -> Any:
        """The command, or the method of what it makes, with the arguments that were typed."""
        bound = signature.bind(*args, **kwargs)
        _check_output(bound.arguments)
        of_method = {name: bound.arguments.pop(name) for name in later if name in bound.arguments}
        result = command(*bound.args, **bound.kwargs)
        return doer(result, **of_method) if doer else result

    vars(described)["__signature__"] = signature
    described.__annotations__ = {name: each.annotation for name, each in parameters.items()}
    text = docstring_parser.parse(_plain(command)).description or ""
    described.__doc__ = re.sub(r"(?<!\n)\n(?!\n)", " ", text)
    return described


def _check_output(arguments: Mapping[str, Any]) -> None:
    """Refuse an output that is one of the inputs, under any name: the user's own file would be overwritten."""
    output = arguments.get("output")
    if not (isinstance(output, str) and os.path.isfile(output)):
        return
    for name, value in arguments.items():
        values = value.values() if isinstance(value, Mapping) else value
        values = [values] if isinstance(values, str) or not isinstance(values, Iterable) else values
        texts = [each for each in values if name != "output" and isinstance(each, str)]
        paths = [path for text in texts for path in _numbered(text)]
        if found := [path for path in paths if os.path.samefile(path, output)]:
            raise OptionError(
                f"output: found {output}, the file that is read ({name} {found[0]}), expected another file, as it "
                "would be overwritten; set --output to another name"
            )


def _numbered(path: str) -> Iterable[str | os.PathLike[str]]:
    """Files that a path stands for, also by ``{fold}`` or ``{seed}``; where there are none, the command says so."""
    with suppress(InputError):
        return numbered_files(path).values()
    return ()


def _parameters(command: Command) -> dict[str, inspect.Parameter]:
    """Parameters of the command line: required ones may be positional, all others have a name."""
    hints = get_type_hints(command.__init__ if inspect.isclass(command) else command)
    documented = docstring_parser.parse(_plain(command)).params
    helps = {each.arg_name.lstrip("*"): " ".join((each.description or "").split()) for each in documented}
    factories = {each.name: each.default_factory for each in getattr(command, "__dataclass_fields__", {}).values()}
    found = {}
    for name, parameter in inspect.signature(command).parameters.items():
        hint, kind, default = hints.get(name, str), parameter.kind, parameter.default
        if factories.get(name, dataclasses.MISSING) is not dataclasses.MISSING:
            default = factories[name]()
        if kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and default is not _EMPTY:
            kind = inspect.Parameter.KEYWORD_ONLY
        options: dict[str, Any] = {"help": helps.get(name, ""), "metavar": metavar(hint)}
        if kind is inspect.Parameter.VAR_KEYWORD:
            options |= {"n_tokens": 1, "converter": lambda _, tokens: read_setting(tokens[0].value)}
        elif word_type(hint) is not bool:
            options |= {"n_tokens": 1, "converter": lambda _, tokens, hint=hint: read_value(hint, tokens[0].value)}
        if default is not _EMPTY:
            options["show_default"] = shown if default not in (None, (), "") else False
        annotation: Any = Annotated[word_type(hint), Parameter(**options)]
        found[name] = parameter.replace(kind=kind, default=default, annotation=annotation)
    return found


def _joined(words: Iterable[str], command: Command) -> list[str]:
    """Words in which a name and its value are one where that is not clear: ``--amp true`` becomes ``--amp=true``."""
    switches = {f"--{name}" for name, hint in command.__annotations__.items() if hint.__origin__ is bool}
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in switches and word.lower() in ("true", "false"):
            joined[-1] += f"={word.lower()}"
        elif joined and re.fullmatch(r"--\w[^=]*", joined[-1]) and re.match(r"-[\d.]", word):
            joined[-1] += f"={word}"  # a value such as -5m, which would be taken for an option
        else:
            joined.append(word)
    return joined


def _plain(command: Command) -> str:
    """A docstring without reST markup."""
    text = inspect.getdoc(command) or ""
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?([\w]+)`", r"\1", text).replace("``", "").replace("    **", "    ")


def _unchanged(name: str) -> str:
    return name


def _stop(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)
