"""ASGI entry: static files and bytes of streams by short ways, other HTTP to Django, WebSocket to the consumers, behind origin and
session checks."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mam.settings")
django_application = get_asgi_application()
# Django cuts what a view yields into messages of this size. 64 KiB, its default, costs the range view a quarter of its speed.
django_application.chunk_size = 1024 * 1024

from channels.db import database_sync_to_async  # noqa: E402  (needs the apps loaded by the line above)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from mam.accounts.websocket import WebSocketAuthMiddleware  # noqa: E402
from mam.lib.static_files import StaticFiles  # noqa: E402
from mam.urls import websocket_urlpatterns  # noqa: E402
from streaming.delivery import Delivery  # noqa: E402
from streaming.ondemand.service import service  # noqa: E402
from streaming.services.fixity import note_missing  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": StaticFiles(Delivery(django_application, service, database_sync_to_async(note_missing))),
        "websocket": AllowedHostsOriginValidator(WebSocketAuthMiddleware(URLRouter(websocket_urlpatterns))),
    }
)
