"""What can go wrong in sync, said to people."""

from __future__ import annotations

from typing import ClassVar

from mam.lib.errors import MamError, gettext_noop


class TargetError(MamError):
    """A target could not do what was asked. The base of all of them; not raised itself."""

    code = "target_error"
    template = gettext_noop("The target reported an error: %(detail)s")
    http_status = 502
    is_permanent = False
    stops_all: ClassVar[bool] = False  # nothing else would succeed either


class TargetUnreachableError(TargetError):
    code = "target_unreachable"
    template = gettext_noop("The target %(target)s cannot be reached. Nothing was changed there. (%(detail)s)")


class TargetBusyError(TargetError):
    code = "target_busy"
    template = gettext_noop("Another program has locked the target %(target)s.")


class TargetFullError(TargetError):
    code = "target_full"
    template = gettext_noop("There is no room left at the target %(target)s.")
    stops_all = True


class TargetReadOnlyError(TargetError):
    code = "target_read_only"
    template = gettext_noop("The target %(target)s may only be read. Give this system the right to write there.")
    is_permanent = True
    stops_all = True


class TargetNotDatabaseError(TargetError):
    code = "target_not_database"
    template = gettext_noop("%(target)s is no database, or a damaged one. It was left as it is.")
    is_permanent = True
    stops_all = True


class TargetTableError(TargetError):
    code = "target_table"
    template = gettext_noop("The database %(target)s is not of an OTT platform: %(detail)s. It was left as it is.")
    is_permanent = True
    stops_all = True


class TargetRowsChangedError(TargetError):
    """`remote_id`: the first row that is not as it was."""

    code = "target_rows_changed"
    template = gettext_noop(
        "Another program has changed entries of the target since the plan was made (the first: %(remote_id)s). Nothing was written."
    )
    http_status = 409
    is_permanent = True


class TargetAccessError(TargetError):
    code = "target_access"
    template = gettext_noop("The target %(target)s does not accept the credentials.")
    is_permanent = True
    stops_all = True


class PlanStaleError(MamError):
    code = "plan_stale"
    template = gettext_noop(
        "Plan %(plan)s is out of date: one of the sides has changed since it was made. Nothing was written; make a new one."
    )
    http_status = 409


class PlanStateError(MamError):
    code = "plan_state"
    template = gettext_noop("This is not possible with plan %(plan)s as it is (%(state)s).")
    http_status = 409


class PlanUndoneError(MamError):
    code = "plan_undone"
    template = gettext_noop("Plan %(plan)s has been undone already.")
    http_status = 409


class PlanForgottenError(MamError):
    code = "plan_forgotten"
    template = gettext_noop("What plan %(plan)s did is no longer kept entry by entry, so it cannot be undone. The history has each change.")
    http_status = 409


class ApprovalReasonMissingError(MamError):
    code = "approval_reason_missing"
    template = gettext_noop("Write down why this plan shall be carried out.")
    http_status = 400


class SyncBusyError(MamError):
    code = "sync_busy"
    template = gettext_noop("Something else is being done with this target. Try again when it has ended.")
    http_status = 409


class SettingRangeError(MamError):
    code = "sync_setting_range"
    template = gettext_noop("“%(option)s” has to be between %(least)s and %(most)s.")
    http_status = 400


class AdapterUnknownError(MamError):
    code = "sync_adapter_unknown"
    template = gettext_noop("“%(adapter)s” is no kind of target.")
    http_status = 400


class TargetOptionError(MamError):
    code = "sync_option_invalid"
    template = gettext_noop("The value of “%(option)s” is not possible.")
    http_status = 400


class TargetCredentialsError(MamError):
    code = "sync_credentials_invalid"
    template = gettext_noop("This is not the key of a service account. Paste the whole JSON file.")
    http_status = 400


class HlsExtensionError(MamError):
    code = "hls_extension_invalid"
    template = gettext_noop("“%(extension)s” is not the extension of a video file.")
    http_status = 400


class HlsExtensionMissingError(MamError):
    code = "hls_extension_missing"
    template = gettext_noop("Enter at least one file type, or switch the HLS filter off.")
    http_status = 400


class AlertAddressError(MamError):
    code = "alert_address_invalid"
    template = gettext_noop("“%(address)s” is not an e-mail address.")
    http_status = 400


class WebhookAddressError(MamError):
    code = "webhook_address_invalid"
    template = gettext_noop("The address of a webhook begins with https:// or http://, and has neither user name nor password in it.")
    http_status = 400


class WebhookSecretError(MamError):
    code = "webhook_secret_invalid"
    template = gettext_noop("The secret of a webhook has %(least)s to %(most)s characters.")
    http_status = 400


class PrefixInvalidError(MamError):
    code = "source_prefix_invalid"
    template = gettext_noop("“%(prefix)s” cannot be the beginning of paths.")
    http_status = 400


class PrefixTakenError(MamError):
    code = "source_prefix_taken"
    template = gettext_noop("The paths of another source begin with “%(prefix)s” already.")
    http_status = 409


class AlertError(MamError):
    """A channel did not take an alert. The base of all of them; not raised itself."""

    code = "alert_failed"
    template = gettext_noop("The alert could not be sent.")
    http_status = 502
    is_permanent = False


class MailMissingError(AlertError):
    code = "mail_missing"
    template = gettext_noop("No mail server is set. Whoever runs this system sets EMAIL_URL.")
    is_permanent = True


class MailFailedError(AlertError):
    code = "mail_failed"
    template = gettext_noop("The mail server did not take the message: %(detail)s")


class TargetTableMissingError(TargetTableError):
    code = "target_table_missing"
    template = gettext_noop("The database %(target)s has no table called files: it is not of an OTT platform. It was left as it is.")


class TargetColumnMissingError(TargetTableError):
    """`column`: as we would call it."""

    code = "target_column_missing"
    template = gettext_noop("The table files of %(target)s has no column that could be %(column)s. It was left as it is.")


class TargetColumnDemandedError(TargetTableError):
    code = "target_column_demanded"
    template = gettext_noop(
        "The column %(column)s of the table files of %(target)s must have a value, and no default says which. Nothing was changed."
    )


class TargetRefusedError(TargetError):
    """A rule of the target itself (a constraint, a type) does not allow what was to be written."""

    code = "target_refused"
    template = gettext_noop("The target %(target)s refuses an entry: %(detail)s")
    is_permanent = True


class TargetKeyLostError(TargetAccessError):
    code = "target_key_lost"
    template = gettext_noop("The stored credentials of the target %(target)s cannot be decrypted. Enter them again, or restore the key.")
