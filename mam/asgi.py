"""ASGI entry: bytes of streams to their short way, other HTTP to Django, WebSocket to the consumers, behind origin and session checks."""

import os
import warnings

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mam.settings")
# WhiteNoise hands out static files as plain iterators; they are small, and cached by browsers for good.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators", category=Warning)
django_application = get_asgi_application()
# Django cuts what a view yields into messages of this size. 64 KiB, its default, costs the range view a quarter of its speed.
django_application.chunk_size = 1024 * 1024

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  (needs the apps loaded by the line above)
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from mam.accounts.websocket import WebSocketAuthMiddleware  # noqa: E402
from mam.urls import websocket_urlpatterns  # noqa: E402
from streaming.delivery import Delivery  # noqa: E402
from streaming.ondemand.service import service  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": Delivery(django_application, service),
        "websocket": AllowedHostsOriginValidator(WebSocketAuthMiddleware(URLRouter(websocket_urlpatterns))),
    }
)
