"""The small pages behind links in messages, in words: what would happen, what happened, and why nothing does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.delivery.acting import Acted, Problem, Standing
from core.delivery.links import Action
from core.delivery.speaking import Voice, mark
from core.delivery.unsubscribing import Wish
from core.words import DeclineReason

REASONS = {
    DeclineReason.TOO_BUSY: mark("I have too much to do"),
    DeclineReason.NOT_MY_AREA: mark("Not my area"),
    DeclineReason.NOT_MY_KIND: mark("Not my kind of business"),
    DeclineReason.CONFLICT_OF_INTEREST: mark("Conflict of interest"),
    DeclineReason.GOING_AWAY: mark("I am going away"),
    DeclineReason.OTHER: mark("Something else"),
}
_STATUS = {Problem.UNKNOWN: 404, Problem.EXPIRED: 410, Problem.INACTIVE: 403}
"""Of the others 409: the link is good, the alert is not in a state for it."""
_ASKED = {
    Action.ACKNOWLEDGE: mark("Say that you have it: the clock stops and nobody else is asked."),
    Action.SNOOZE: mark("Until when? It comes back by itself, and the clock stands still meanwhile."),
    Action.DECLINE: mark("It goes to a colleague who has not had it. Your manager can read why."),
}
_USED = {
    Action.ACKNOWLEDGE: mark("You took it on {when}."),
    Action.SNOOZE: mark("You put it off on {when}."),
    Action.DECLINE: mark("You declined it on {when}."),
}
_WRONG = {
    Problem.UNKNOWN: (
        mark("This link does not work"),
        mark("It may have been cut off on its way. Go back to the message, or open Doorbell."),
    ),
    Problem.EXPIRED: (
        mark("This link is too old"),
        mark("Links in messages work for 7 days. What you can do now is in Doorbell."),
    ),
    Problem.INACTIVE: (
        mark("This account is not active"),
        mark("Nothing can be done with it. Whoever runs Doorbell for you can switch it on again."),
    ),
    Problem.NOT_YOURS: (
        mark("This alert is with somebody else now"),
        mark("There is nothing for you to do."),
    ),
    Problem.CLOSED: (mark("This alert is closed"), mark("There is nothing left to do with it.")),
    Problem.ANSWERED: (mark("You are on it already"), mark("It was taken before, here or in Doorbell.")),
    Problem.BEGUN: (
        mark("Work on this alert has begun"),
        mark("It cannot be declined any more; your manager can give it to somebody else."),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Page:
    title: str
    text: str
    language: str
    status: int = 200
    about: str = ""
    """Whom and what."""
    form: str = ""
    """The action whose form it shows; empty: nothing is left to do here."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    """What was entered before, where the form comes back."""
    wrong: str = ""
    alert_id: str = ""


def asking(
    standing: Standing, *, language: str = "en", wrong: str = "", given: Mapping[str, str] | None = None
) -> Page:
    """What a link would do, with the button that does it; or why it does nothing.

    Args:
        language: of whoever cannot be known by the link.
    """
    say = _voice(standing, language)
    if standing.problem is not None or standing.action is None:
        return _refusing(standing, say)
    titles = {
        Action.ACKNOWLEDGE: say("Are you on it?"),
        Action.SNOOZE: say("Later"),
        Action.DECLINE: say("Not for you?"),
    }
    text = say(_ASKED[standing.action])
    if standing.action is Action.SNOOZE and standing.snoozed_until is not None:
        text = say("It is put off until {when}.", when=say.when(standing.snoozed_until)) + " " + text
    return Page(
        title=titles[standing.action],
        text=text,
        language=say.language,
        about=standing.headline,
        form=str(standing.action),
        reasons={str(reason): say(words) for reason, words in REASONS.items()},
        given=given or {},
        wrong=wrong,
        alert_id=standing.alert_id,
        status=422 if wrong else 200,
    )


def refused_form(standing: Standing, fields: Mapping[str, str], given: Mapping[str, str]) -> Page:
    """The form again, with what is missing."""
    say = _voice(standing, standing.language)
    return asking(
        standing,
        wrong=say("A few words are needed, at most 500 characters.") if "notes" in fields else say("Choose a reason."),
        given=given,
    )


def said(acted: Acted, *, language: str = "en") -> Page:
    """What was done; or why nothing was."""
    standing, say = acted.standing, _voice(acted.standing, language)
    if standing.problem is not None or standing.action is None:
        return _refusing(standing, say)
    if standing.action is Action.ACKNOWLEDGE:
        title, text = say("It’s yours"), say("Everybody who should know sees that you are on it.")
    elif standing.action is Action.SNOOZE and acted.until is not None:
        title, text = say("Put off"), say("It comes back on {when}.", when=say.when(acted.until))
    elif acted.routed is not None and acted.routed.agent_id:
        title, text = say("Declined"), say("A colleague has it now.")
    else:
        title, text = say("Declined"), say("Nobody else is free, so it waits in the pool.")
    about = "" if standing.action is Action.DECLINE else standing.headline
    alert_id = "" if standing.action is Action.DECLINE else standing.alert_id
    return Page(title=title, text=text, language=say.language, about=about, alert_id=alert_id)


def digests(wish: Wish | None, *, language: str = "en", settled: bool = False) -> Page:
    """Whether digests go out, and the button for the other; `settled` right after it was pressed."""
    if wish is None or wish.expired:
        problem = Problem.EXPIRED if wish else Problem.UNKNOWN
        say = Voice(wish.language if wish else language)
        title, text = _WRONG[problem]
        if wish is not None:
            text = mark("What you get by e-mail can be changed in Doorbell.")
        return Page(title=say(title), text=say(text), language=say.language, status=_STATUS[problem])
    say = Voice(wish.language)
    if wish.wanted:
        title = say("You get digests again") if settled else say("No more digests by e-mail?")
        text = say("Their news stays in your inbox in Doorbell. Urgent alerts still come by e-mail one by one.")
        return Page(title=title, text=text, language=say.language, form="unsubscribe")
    text = say("Their news stays in your inbox in Doorbell. Changed your mind?")
    return Page(title=say("You get no more digests"), text=text, language=say.language, form="resubscribe")


def _refusing(standing: Standing, say: Voice) -> Page:
    problem = standing.problem or Problem.UNKNOWN
    if problem is Problem.USED and standing.action is not None and standing.used_at is not None:
        title = say("You used this button before")
        text = say(_USED[standing.action], when=say.when(standing.used_at))
    else:
        title, text = (say(words) for words in _WRONG.get(problem, _WRONG[Problem.UNKNOWN]))
    return Page(
        title=title,
        text=text,
        language=say.language,
        status=_STATUS.get(problem, 409),
        about=standing.headline,
        alert_id=standing.alert_id if standing.headline else "",
    )


def _voice(standing: Standing, language: str) -> Voice:
    if standing.viewer is None and standing.problem is Problem.UNKNOWN:
        return Voice(language)
    return Voice(standing.language, standing.viewer.timezone if standing.viewer else "UTC")
