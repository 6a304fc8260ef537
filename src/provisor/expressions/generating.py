"""Functions whose value nobody can foretell: ``Guid``, ``RandomString``. Chance comes from the caller."""

from __future__ import annotations

import string
from typing import Final
from uuid import UUID

from provisor.expressions.errors import ExpressionError
from provisor.expressions.function import Function, informed
from provisor.expressions.values import Chance, Inputs, Value, text, whole

_LONGEST: Final = 256
_SPECIAL: Final = "!#$%&()*+,-./:;<=>?@[]^_{|}~"


def _chance(inputs: Inputs, what: str) -> Chance:
    if inputs.chance is None:
        raise ExpressionError(f"{what} needs chance, which there is none of here.")
    return inputs.chance


def _guid(inputs: Inputs) -> str:
    return str(UUID(int=_chance(inputs, "Guid").getrandbits(128), version=4))


def _random_string(
    inputs: Inputs, length: Value, digits: Value, special: Value, capital: Value, small: Value, avoided: Value = None
) -> str:
    chance, avoid = _chance(inputs, "RandomString"), text(avoided)
    wanted = whole(length, "RandomString")
    least = [whole(item, "RandomString") for item in (digits, special, capital, small)]
    if not 1 <= wanted <= _LONGEST or min(least) < 0 or sum(least) > wanted:
        raise ExpressionError(
            f"RandomString makes 1 to {_LONGEST} characters, as many as its minima together at least, not {wanted}."
        )
    kinds = (string.digits, _SPECIAL, string.ascii_uppercase, string.ascii_lowercase)
    sets = ["".join(char for char in kind if char not in avoid) for kind in kinds]
    for count, kind in zip(least, sets, strict=True):
        if count and not kind:
            raise ExpressionError("RandomString is to avoid every character of a kind that it needs.")
    # What is left to fill comes from the kinds that are asked for.
    rest = "".join(kind for count, kind in zip(least, sets, strict=True) if count) or sets[3] + sets[0]
    if not rest:
        raise ExpressionError("RandomString is to avoid every character.")
    found = [chance.choice(kind) for count, kind in zip(least, sets, strict=True) for _ in range(count)]
    found += [chance.choice(rest) for _ in range(wanted - len(found))]
    chance.shuffle(found)
    return "".join(found)


FUNCTIONS: Final = (
    Function("Guid", (), 0, informed(_guid), "A new random GUID.", ()),
    Function(
        "RandomString",
        ("Length", "MinimumNumbers", "MinimumSpecialCharacters", "MinimumCapital", "MinimumLowerCase",
         "[CharactersToAvoid]"),
        5, informed(_random_string),
        "Random characters, at least so many digits, special characters, capital and small letters.", (),
    ),
)  # fmt: skip
