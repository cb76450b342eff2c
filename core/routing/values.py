"""What may stand as a value in a rule, and which operator takes which."""

from core.errors import Invalid

LONGEST_TEXT = 1_000
LONGEST_LIST = 1_000
LONGEST_PATTERN = 500


def check_value(value: object, *, at: str, depth: int = 0) -> None:
    """Refuse what no rule needs: nested or huge values.

    Raises:
        Invalid: naming `at`.
    """
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise refusal(at, f"at most {LONGEST_TEXT} characters")
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise refusal(at, "the text has characters that cannot be stored")
    elif isinstance(value, list) and depth == 0:
        if len(value) > LONGEST_LIST:
            raise refusal(at, f"at most {LONGEST_LIST} items")
        for item in value:
            check_value(item, at=at, depth=1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not -1e15 < value < 1e15:
            raise refusal(at, "the number is too large")
    elif value is not None and not isinstance(value, bool):
        raise refusal(at, "use text, a number, true, false, null or a list of them")


def check_fit(operator: str, value: object, *, at: str) -> None:
    """Refuse a value the operator can do nothing with.

    Raises:
        Invalid: naming `at`.
    """
    is_template = isinstance(value, str) and "${" in value
    if operator in ("in", "not_in") and not isinstance(value, list) and not is_template:
        raise refusal(at, "give a list")
    if operator in ("greater_than", "less_than") and not _is_ordered(value):
        raise refusal(at, "give a number (or a date as text)")
    if operator == "contains" and (value is None or isinstance(value, list)):
        raise refusal(at, "give one value to look for")
    if operator == "starts_with" and (not isinstance(value, str) or not value):
        raise refusal(at, "give the text it starts with")
    if operator == "exists" and not isinstance(value, bool):
        raise refusal(at, "true (it is there) or false (it is missing)")
    if operator == "between" and not is_template:
        _check_span(value, at=at)


def _check_span(value: object, *, at: str) -> None:
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_ordered, value)):
        raise refusal(at, "give two numbers (or two dates as text), the smaller one first")
    low, high = value
    if any(isinstance(end, str) and "${" in end for end in value):
        return
    if isinstance(low, str) is not isinstance(high, str):
        raise refusal(at, "give two numbers or two texts, not one of each")
    if low > high:
        raise refusal(at, "give the smaller one first")


def _is_ordered(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def refusal(field: str, why: str) -> Invalid:
    return Invalid("The rule is not valid.", fields={field: why})
