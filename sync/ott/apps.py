from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OttConfig(AppConfig):
    name = "sync.ott"
    label = "ott"
    verbose_name = _("OTT platform")
