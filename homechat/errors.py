"""What can go wrong, in words for the person who reads them; one mapper per door turns these into replies."""

from datetime import datetime
from typing import Self


class HomeChatError(Exception):
    """A refusal with a stable `code`, an HTTP `status` and a sentence that says what to do next."""

    code = "error"
    status = 400

    def __init__(self, message: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields or {}

    @classmethod
    def at(cls, field: str, sentence: str) -> Self:
        """Return the refusal of one field, which is all that there is to say."""
        return cls(sentence, fields={field: sentence})

    def as_dict(self) -> dict[str, object]:
        """Return the body that JSON replies and socket acks share: `error`, `code` and, where known, `fields`."""
        body: dict[str, object] = {"error": self.message, "code": self.code}
        if self.fields:
            body["fields"] = self.fields
        return body


class Invalid(HomeChatError):
    """The input makes no sense; `fields` says which part and why."""

    code = "invalid"
    status = 422


class Unauthenticated(HomeChatError):
    """Nobody is signed in here, or not any more."""

    code = "unauthenticated"
    status = 401


class SecondStepNeeded(Unauthenticated):
    """The password is right, and the code of the second step is missing."""

    code = "requires_2fa"

    def as_dict(self) -> dict[str, object]:
        """Clients of the API ask for the code when they read `requires_2fa`, and show `message`."""
        return {**super().as_dict(), "requires_2fa": True, "message": self.message}


class Forbidden(HomeChatError):
    """They know that it exists, but may not do this to it."""

    code = "forbidden"
    status = 403


class ScopeNeeded(Forbidden):
    """The token is good, but not for this; `scope` is what it lacks."""

    code = "scope_needed"

    def __init__(self, message: str, *, scope: str) -> None:
        super().__init__(message)
        self.scope = scope

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "scope": self.scope}


class StepUpNeeded(Forbidden):
    """They may, but have to show once more who they are: it was too long ago."""

    code = "step_up_needed"


class Waiting(Forbidden):
    """The password is right, and an admin has yet to let them in."""

    code = "pending"


class LockedDown(HomeChatError):
    """The house is locked down, and they are among those who have to wait.

    reason: what whoever closed it says, or "".  until: when it opens by itself, in UTC; somebody may open it earlier.
    """

    code = "locked_down"
    status = 423

    def __init__(self, message: str, *, until: datetime, reason: str = "") -> None:
        super().__init__(message)
        self.until = until
        self.reason = reason

    @property
    def sentence(self) -> str:
        """What happened and why, for where there is but one line."""
        return f"{self.message} {self.reason}".strip()

    def as_dict(self) -> dict[str, object]:
        why = {"reason": self.reason} if self.reason else {}
        return {**super().as_dict(), **why, "until": self.until.strftime("%Y-%m-%dT%H:%M:%SZ")}


class NotFound(HomeChatError):
    """It does not exist, or the actor may not know that it does."""

    code = "not_found"
    status = 404


class Conflict(HomeChatError):
    """It was true a moment ago, or somebody else was first."""

    code = "conflict"
    status = 409


class InProgress(Conflict):
    """The same was asked for a moment ago and is still being done. `retry_after`: whole seconds."""

    code = "in_progress"
    retry_after = 1


class TooMany(HomeChatError):
    """A budget is spent; `retry_after` is whole seconds, 1 at least."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = max(1, retry_after)

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "retry_after": self.retry_after}


class UnknownEvent(HomeChatError):
    """There is no socket event of this name."""

    code = "unknown_event"
    status = 400


class Broken(HomeChatError):
    """A mistake of ours: it is logged, and nobody outside learns more."""

    code = "internal"
    status = 500


class Unavailable(HomeChatError):
    """The database or the disk cannot take this now; nothing was written. `retry_after`: whole seconds."""

    code = "unavailable"
    status = 503
    retry_after = 5


class Malformed(HomeChatError):
    """That is no JSON at all."""

    code = "malformed"
    status = 400


class TooLarge(HomeChatError):
    """It has more bytes than are taken."""

    code = "too_large"
    status = 413


class NoSpace(HomeChatError):
    """There is no room left for it: on the disk, or in what one person may have there."""

    code = "no_space"
    status = 507
