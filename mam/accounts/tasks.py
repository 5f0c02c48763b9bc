"""What the clock calls."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken


def purge_expired() -> None:
    """Delete sessions and refresh tokens that are over anyway."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    OutstandingToken.objects.filter(expires_at__lt=now).delete()
