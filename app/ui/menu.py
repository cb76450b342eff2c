"""The pages of the menu, and where their files are: links between pages name them by these."""

from pathlib import Path

from core.words import Role

_FOLDER = Path(__file__).resolve().parents[2] / "pages"

MENU = (
    ("overview", "Overview", ":material/home:"),
    ("feed", "Feed", ":material/notifications_active:"),
    ("inbox", "Inbox", ":material/inbox:"),
    ("assignments", "Assignments", ":material/assignment_ind:"),
    ("analytics", "Analytics", ":material/insights:"),
)
"""File name and address, title, icon. Another page is one line here and one file in pages/. Without sections: Streamlit
puts their headings into the list itself, which a screen reader then reads wrong."""
_STEERING = (
    ("agents", "Agents", ":material/groups:"),
    ("rules", "Rules", ":material/alt_route:"),
    ("models", "Models", ":material/model_training:"),
    ("experiments", "Experiments", ":material/science:"),
    ("alert_types", "Alert types", ":material/category:"),
    ("deliveries", "Deliveries", ":material/outbox:"),
    ("preferences", "Preferences", ":material/tune:"),
)
"""For those who answer for others: managers look, admins change."""


_OWN = (
    ("agents", "My profile", ":material/account_circle:"),
    ("deliveries", "My messages", ":material/outbox:"),
    ("preferences", "Preferences", ":material/tune:"),
)
"""The same pages as agents see them."""


def of(role: Role) -> tuple[tuple[str, str, str], ...]:
    """The menu of a role: pages whose files are there."""
    pages = MENU + (_OWN if role is Role.AGENT else _STEERING)
    return tuple(page for page in pages if (_FOLDER / f"{page[0]}.py").exists())


def file(name: str) -> str:
    """The file of a page, as `st.page_link` and `st.switch_page` take it."""
    return str(_FOLDER / f"{name}.py")
