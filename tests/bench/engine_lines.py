"""How ``engine`` says what it measured: a line each, beside its floor."""

from __future__ import annotations


def line(what: str, measured: str, floor: str = "", ratio: str = "", note: str = "") -> None:
    print(f"  {what:46} {measured:>14} {floor:>16} {ratio:>9}   {note}".rstrip(), flush=True)


def share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def ratio(ours: float, floor: float) -> str:
    return f"{ours / floor:.1f} ×" if floor else "-"
