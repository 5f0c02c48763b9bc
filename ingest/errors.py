"""What can go wrong while finding and understanding files."""

from mam.lib.errors import MamError, gettext_noop


class RootEmptyError(MamError):
    """The root lists nothing although the catalog holds files of it: an unmounted disk, most likely."""

    code = "root_empty"
    template = gettext_noop("%(source)s is empty although %(files)s files are known. Nothing was changed. Check that the disk is mounted.")
    http_status = 409


class RootReplacedError(MamError):
    """Another disk or share answers under the source's address."""

    code = "root_replaced"
    template = gettext_noop(
        "Another disk or share answers as %(source)s: most of its known folders are not there. Nothing was changed. "
        "Correct the address, or accept the new content."
    )
    http_status = 409


class SourceDisabledError(MamError):
    code = "source_disabled"
    template = gettext_noop("%(source)s is switched off. Switch it on before scanning.")
    http_status = 409


class SourceUnknownError(MamError):
    code = "source_unknown"
    template = gettext_noop("There is no source named %(source)s.")
    http_status = 404


class HoldDecidedError(MamError):
    code = "hold_decided"
    template = gettext_noop("This was already decided.")
    http_status = 409


class BadSignatureError(MamError):
    code = "bad_signature"
    template = gettext_noop("The signature is missing, wrong or too old.")
    http_status = 403


class NotReachableError(MamError):
    """A new source did not answer; nothing was added."""

    code = "source_not_reachable"
    template = gettext_noop("%(reason)s Nothing was added.")
    http_status = 409
