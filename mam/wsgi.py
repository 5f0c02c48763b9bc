"""WSGI entry, for tools that want one; the product runs under ASGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mam.settings")
application = get_wsgi_application()
