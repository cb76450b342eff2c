"""The one error tree.

DoorbellError            anything the product refuses or cannot do
├── Invalid     (422)    the input is malformed; `fields` names each wrong one
├── NotFound    (404)    no such thing, or not for this viewer
├── Conflict    (409)    the thing is not in a state that allows this
├── Forbidden   (403)    the role does not allow this
├── Unauthorized (401)   nobody is signed in, or the token is wrong or expired
├── TooMany     (429)    a rate limit; `retry_after` says when (seconds)
├── TooLarge    (413)    the body or batch is over its limit
└── BadSetting           a setting is wrong; the start stops with its one line
"""


class DoorbellError(Exception):
    status = 500
    title = "Something went wrong"

    def __init__(self, detail: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields or {}


class Invalid(DoorbellError):
    status = 422
    title = "The input is not valid"


class NotFound(DoorbellError):
    status = 404
    title = "Not found"


class Conflict(DoorbellError):
    status = 409
    title = "Not possible in the present state"


class Forbidden(DoorbellError):
    status = 403
    title = "Not allowed"


class Unauthorized(DoorbellError):
    status = 401
    title = "Sign in first"


class TooMany(DoorbellError):
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooLarge(DoorbellError):
    status = 413
    title = "Too large"


class BadSetting(DoorbellError):
    title = "A setting is wrong"
