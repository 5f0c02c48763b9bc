"""The audit of what allauth does by itself. Its signals are the only place it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.dispatch import receiver

from mam.accounts.services import record_audit

if TYPE_CHECKING:
    from allauth.mfa.models import Authenticator

    from mam.accounts.models import User


@receiver(authenticator_added, dispatch_uid="accounts.audit_factor_added")
def audit_added_factor(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """An authenticator app, or a set of recovery codes, was added."""
    record_audit(actor=user, action="accounts.second_factor.add", obj=user, before={}, after={"factor": authenticator.type})


@receiver(authenticator_removed, dispatch_uid="accounts.audit_factor_removed")
def audit_removed_factor(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """One was removed by its owner."""
    record_audit(actor=user, action="accounts.second_factor.remove", obj=user, before={"factor": authenticator.type}, after={})
