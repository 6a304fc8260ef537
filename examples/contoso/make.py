"""Makes the people, groups and members of Contoso: ``python examples/contoso/make.py`` writes the three CSV files.

The same files come out every time. The people of CORE are written by hand, because each is a case that matters; the
rest is drawn, with a fixed seed, from names and places that are nobody's in particular.
"""

from __future__ import annotations

import csv
import io
import random
import unicodedata
from collections.abc import Iterable
from pathlib import Path

PEOPLE, SEED = 1000, 2019
DOMAIN = "contoso.com"
COLUMNS = (
    "userPrincipalName",
    "displayName",
    "givenName",
    "surname",
    "mail",
    "mailNickname",
    "jobTitle",
    "department",
    "city",
    "country",
    "employeeId",
    "manager",
    "accountEnabled",
    "IsSoftDeleted",
    "extensionAttribute1",
)
#: Columns: user principal name before the @, given name, surname, mail, department, city, job title, what is special.
CORE = (
    ("ada.lovelace", "Ada", "Lovelace", "=", "Data Platform", "London", "Head of Data", ""),
    ("grace.hopper", "Grace", "Hopper", "", "Data Platform", "New York", "Engineer", "no mail"),
    ("cher", "Cher", "", "=", "Marketing", "New York", "Campaign Lead", "no surname"),
    ("jose.nunez", "José", "Núñez", "=", "Data Platform", "Madrid", "Data Engineer", "not ASCII"),
    ("ken.watanabe", "健", "渡辺", "=", "Research", "Tokyo", "Researcher", "no Latin letters"),
    ("lukasz.wisniewski", "Łukasz", "Wiśniewski", "=", "Engineering", "Warsaw", "Engineer", "letters beyond Latin-1"),
    (
        "siobhan.o'brien",
        "Siobhán",
        "O'Brien",
        "=",
        "Legal",
        "Dublin",
        "Counsel",
        "an apostrophe in the name to sign in",
    ),
    ("Alan.Turing", "Alan", "Turing", "=", "Research", "London", "Fellow", "capital letters in the name to sign in"),
    ("dorothy.vaughan", "Dorothy", "Vaughan", "=", "Data Platform", "New York", "Analyst", "disabled"),
    ("edsger.dijkstra", "Edsger", "Dijkstra", "=", "Research", "Amsterdam", "Fellow", "soft-deleted"),
    ("margaret.hamilton", "Margaret", "Hamilton", "=", "Engineering", "New York", "Director", "in several groups"),
    ("katherine.johnson", "Katherine", "Johnson", "=", "Data Platform", "New York", "Analyst", "extensionAttribute1"),
    ("linus.berg", "Linus", "Berg", "linus@fabrikam.com", "Engineering", "Berlin", "Engineer", "mail elsewhere"),
    ("radia.perlman", "Radia", "Perlman", "=", "Engineering", "New York", 'Engineer, "Networks"', "a comma and quotes"),
    ("barbara.liskov", "Barbara", "Liskov", "=", "Research", "New York", "Fellow", "a manager who is disabled"),
    ("hedy.lamarr", "Hedy", "Lamarr", "=", "Data Platform", "Vienna", "Inventor", "in no group"),
)
SEVERAL = ("Data Platform", "Engineering", "Research", "Project Aurora", "Project Borealis")
GIVEN = (
    "Amara Anton Aylin Bao Beatriz Bilal Carla Chidi Daan Elif Emil Farah Femi Freya Gita Hana Ilse Imran Ines "
    "Ivo Jana Jonas Kaya Kofi Lara Leila Lena Luca Malik Maren Mateo Mei Mila Nadia Nils Noor Olga Omar Petra "
    "Priya Rafael Rania Rosa Samir Selma Sofia Stefan Tariq Thea Tomas Uma Vera Viktor Wanda Xenia Yara Yusuf "
    "Zeynep Zofia"
).split()
SURNAMES = (
    "Adeyemi Almeida Andersen Bauer Becker Bianchi Castro Chen Costa Dahl Demir Diallo Dubois Eriksen Fischer "
    "Fontaine Garcia Greco Gruber Haas Hansen Horvat Ivanova Jansen Jovanovic Kaya Keller Kim Kovacs Kowalski "
    "Kumar Larsen Lindgren Lopez Marino Meyer Moreau Mori Mwangi Nagy Nakamura Novak Okafor Oliveira Osman Park "
    "Patel Peeters Petrov Popescu Rossi Ruiz Santos Sato Schmidt Silva Singh Svoboda Tanaka Vargas Virtanen Vogel "
    "Weber Yilmaz Zhang"
).split()
DEPARTMENTS = (
    "Data Platform",
    "Engineering",
    "Research",
    "Finance",
    "Sales",
    "Marketing",
    "Support",
    "Legal",
    "People",
    "Operations",
)
CITIES = {"Berlin": "DE", "London": "GB", "Lisbon": "PT", "Toronto": "CA", "Nairobi": "KE"}
CORE_COUNTRIES = {
    **CITIES,
    "New York": "US",
    "Madrid": "ES",
    "Tokyo": "JP",
    "Warsaw": "PL",
    "Dublin": "IE",
    "Amsterdam": "NL",
    "Vienna": "AT",
}
TITLES = ("Analyst", "Engineer", "Specialist", "Manager", "Coordinator", "Lead", "Associate")
PROJECTS = (
    "Aurora Borealis Cascade Delta Ember Falcon Glacier Harbor Indigo Juniper Kestrel Lantern Meridian Nimbus "
    "Orchid Pioneer Quartz Ridge Summit Tundra"
).split()

Row = dict[str, str]


def core() -> list[Row]:
    """The people who are written by hand."""
    rows = []
    for number, (local, given, surname, mail, department, city, title, special) in enumerate(CORE, 1):
        row = dict.fromkeys(COLUMNS, "")
        row |= {
            "userPrincipalName": f"{local}@{DOMAIN}",
            "displayName": f"{given} {surname}".strip(),
            "givenName": given,
            "surname": surname,
            "mail": f"{local}@{DOMAIN}" if mail == "=" else mail,
            "mailNickname": local.replace("'", ""),
            "jobTitle": title,
            "department": department,
            "city": city,
            "country": CORE_COUNTRIES[city],
            "employeeId": f"C{number:04}",
            "manager": f"ada.lovelace@{DOMAIN}" if department == "Data Platform" and number > 1 else "",
            "accountEnabled": str(special != "disabled"),
            "IsSoftDeleted": str(special == "soft-deleted"),
        }
        if special == "extensionAttribute1":
            row["extensionAttribute1"] = "4711"
        if special == "a manager who is disabled":
            row["manager"] = f"dorothy.vaughan@{DOMAIN}"
        rows.append(row)
    return rows


def drawn(count: int, chance: random.Random, managers: list[str]) -> list[Row]:
    """As many others, no two of the same name."""
    names = [(given, surname) for given in GIVEN for surname in SURNAMES]
    rows = []
    for number, (given, surname) in enumerate(chance.sample(names, count), 1):
        city = chance.choice(list(CITIES))
        upn = f"{_plain(given)}.{_plain(surname)}@{DOMAIN}"
        row = dict.fromkeys(COLUMNS, "")
        row |= {
            "userPrincipalName": upn,
            "displayName": f"{given} {surname}",
            "givenName": given,
            "surname": surname,
            "mail": upn,
            "mailNickname": f"{_plain(given)}.{_plain(surname)}",
            "jobTitle": chance.choice(TITLES),
            "department": chance.choice(DEPARTMENTS),
            "city": city,
            "country": CITIES[city],
            "employeeId": f"E{number:05}",
            "manager": chance.choice(managers),
            "accountEnabled": "True",
            "IsSoftDeleted": "False",
        }
        rows.append(row)
        if row["jobTitle"] == "Manager":
            managers.append(upn)
    return rows


def groups() -> list[Row]:
    """Departments, departments by city, and projects: 60 in all."""
    names = [(name, f"Everybody in {name}") for name in DEPARTMENTS]
    names += [
        (f"{name} {city}", f"{name} in {city}") for name in DEPARTMENTS for city in ("Berlin", "London", "Lisbon")
    ]
    names += [(f"Project {name}", f"Who works on {name}") for name in PROJECTS]
    return [
        {
            "displayName": name,
            "mailNickname": name.replace(" ", "-").lower(),
            "description": text,
            "securityEnabled": "True",
            "mailEnabled": "False",
        }
        for name, text in names
    ]


def members(people: list[Row], teams: list[Row], chance: random.Random) -> list[Row]:
    """Who is in which group; the core's last person is in none."""
    by_name = {team["displayName"] for team in teams}
    lonely = CORE[-1][0]
    rows = []
    for person in people:
        upn = person["userPrincipalName"]
        if upn.partition("@")[0] == lonely:
            continue
        mine = [person["department"], f"{person['department']} {person['city']}"]
        if upn.startswith("margaret.hamilton@"):
            mine = list(SEVERAL)
        elif chance.random() < 0.5:
            mine.append(f"Project {chance.choice(PROJECTS)}")
        rows += [{"group": name, "member": upn} for name in mine if name in by_name]
    return rows


def write(folder: Path) -> None:
    """Write users.csv, groups.csv and members.csv into ``folder``."""
    chance = random.Random(SEED)
    people = core()
    people += drawn(PEOPLE - len(people), chance, [f"margaret.hamilton@{DOMAIN}", f"ada.lovelace@{DOMAIN}"])
    teams = groups()
    for name, rows in {"users": people, "groups": teams, "members": members(people, teams, chance)}.items():
        (folder / f"{name}.csv").write_bytes(_csv(rows))


def _csv(rows: Iterable[Row]) -> bytes:
    rows = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _plain(name: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char)).lower()


if __name__ == "__main__":
    write(Path(__file__).parent)
