"""The one error type of the product. No Django here: the camera node uses it too.

An error has a stable machine code, named parameters and an English gettext template. Whoever shows it (log, API, page)
renders it with `mam.lib.messages.render`, in the reader's language.
"""

from __future__ import annotations

from typing import Any, ClassVar

from mam.lib import messages


def gettext_noop(message: str) -> str:
    """Mark `message` for translation without translating it (and without importing Django)."""
    return message


class MamError(Exception):
    """Base of every error of ours.

    Subclasses set `code` (stable, lower_snake, unique in the product), `template` (English, `%(name)s` parameters),
    `http_status` and `is_permanent` (False: the same call may succeed later, so it is worth a retry).
    """

    code: ClassVar[str] = "error"
    template: ClassVar[str] = gettext_noop("Something went wrong.")
    http_status: ClassVar[int] = 500
    is_permanent: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" in cls.__dict__:
            messages.register({cls.code: cls.template})

    def __init__(self, **params: str | int | float) -> None:
        self.params: dict[str, str | int | float] = params
        super().__init__(messages.fill(self.template, params))
