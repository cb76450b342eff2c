"""Fair housing and fair lending as code: which names may never become a feature, a signal or a reason to score.

The classes are those of the US Fair Housing Act and Equal Credit Opportunity Act, with their common proxies; areas are
among them, because territory and ZIP code stand for who lives there. They route; they never score.
"""

import re
import unicodedata
from itertools import pairwise

_PROTECTED = {
    "race or colour": ("race", "racial", "ethnic", "ethnicity", "skin", "hispanic", "latino", "latina", "colour", "color"),
    "religion": ("religion", "religious", "church", "mosque", "synagogue", "faith", "creed"),
    "sex": ("sex", "gender", "male", "female", "pronoun", "pronouns", "orientation", "lgbt", "lgbtq", "title"),
    "familial or marital status": (
        "familial", "family", "marital", "married", "marriage", "divorce", "divorced", "widow", "widowed", "spouse",
        "husband", "wife", "child", "children", "kids", "birth", "baby", "pregnant", "pregnancy", "household", "dependents",
    ),
    "national origin": (
        "nationality", "national", "origin", "ancestry", "citizenship", "immigrant", "immigration", "language", "accent",
        "surname", "birthplace", "visa",
    ),
    "disability": ("disability", "disabled", "handicap", "medical", "health", "wheelchair", "diagnosis"),
    "age": ("age", "birthday", "birthdate", "birthyear", "dob", "senior", "elderly", "retired", "retirement", "generation",
        "agegroup", "agerange", "ageband", "agebucket",
    ),
    "public assistance": ("welfare", "medicaid", "voucher", "section8"),
    "the area, a proxy of race and origin": (
        "zip", "zipcode", "postcode", "postal", "territory", "neighborhood", "neighbourhood", "census", "tract", "block",
        "latitude", "longitude", "lat", "lon", "lng", "geo", "city", "county", "district", "school", "street", "geohash", "fips",
    ),
    "a person's identity": ("name", "firstname", "lastname", "photo", "ssn", "ip"),
}  # fmt: skip
_CLASS_OF = {word: named for named, words in _PROTECTED.items() for word in words}
_COMPOUND = tuple(
    (word, named)
    for word, named in _CLASS_OF.items()
    if len(word) >= 6 and word not in ("orientation", "generation", "district", "national")
)
_FREE_TEXT = (
    "text",
    "note",
    "notes",
    "comment",
    "comments",
    "description",
    "remark",
    "remarks",
    "message",
    "bio",
    "free",
)
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


AREA = "the area, a proxy of race and origin"
IDENTITY = "a person's identity"
_BOTH = "Fair Housing Act and Equal Credit Opportunity Act"
REFUSED = {
    "race or colour": _BOTH,
    "religion": _BOTH,
    "sex": _BOTH,
    "familial or marital status": "Fair Housing Act (familial), Equal Credit Opportunity Act (marital)",
    "national origin": _BOTH,
    "disability": "Fair Housing Act",
    "age": "Equal Credit Opportunity Act",
    "public assistance": "Equal Credit Opportunity Act",
    AREA: "where somebody lives says who lives there: scoring by it is redlining",
    IDENTITY: "a name, photo or number tells of origin and sex, and nothing of what somebody is about to do",
}
"""What is refused, and why."""


def protected_detail(name: str) -> str | None:
    """As `protected`, for what is only kept and shown: an address or a name may be kept, it is never scored."""
    named = protected(name)
    return None if named in (AREA, IDENTITY) else named


def protected(name: str) -> str | None:
    """The protected class (or proxy of one) that a field name speaks of; None when it speaks of none."""
    words = [word.lower() for word in _WORDS.findall(_plain(name))]
    for word in words:
        for form in (word, bare := word.rstrip("0123456789"), bare.removesuffix("s")):
            if form in _CLASS_OF:
                return _CLASS_OF[form]
    for first, second in pairwise(words):
        if first + second in _CLASS_OF:
            return _CLASS_OF[first + second]
    return next((named for word in words for part, named in _COMPOUND if part in word), None)


def refusal(name: str) -> str | None:
    """Why a name may not be scored, as a sentence; None where it may."""
    if named := protected(name):
        return f"{name} speaks of {named}: fair housing and fair lending law forbid to score it"
    if free_text(name):
        return f"{name} is free text, which may speak of anything: it cannot be scored"
    return None


def _plain(name: str) -> str:
    """Full-width and accented letters as plain ones, so that they hide nothing."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))


def free_text(name: str) -> bool:
    """Whether a field name speaks of free text, where anything could be written."""
    return any(word.lower() in _FREE_TEXT for word in _WORDS.findall(name))
