"""The sign-in page. Its form posts straight to /session/login: a password never passes through the script."""

import streamlit as st

from app import runtime
from app.ui import parts

# Not isolated: password managers do not look into shadow roots.
_form = parts.component("sign_in", isolated=False)


def page() -> None:
    """Show the form; a successful sign-in loads the page again, at the address it was asked for."""
    st.set_page_config(page_title="Sign in · Doorbell", page_icon=parts.ICON, layout="centered")
    _form(key="sign_in", data={"help": _help()})


def _help() -> str:
    settings = runtime.current().settings
    if settings.demo != "off":
        return "Demo: admin@doorbell.test, manager@doorbell.test or agent@doorbell.test. The password was printed where Doorbell was started."
    return "No account yet, or the password is lost? Ask your administrator."
