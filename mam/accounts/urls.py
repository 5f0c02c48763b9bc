"""Routes of the account pages. allauth's are named one by one: sign-up, address changes and mailed links do not exist here."""

from allauth.account import views as account_views
from django.urls import include, path

from mam.accounts import views

# Pages of allauth under the names it looks for itself.
allauth_urlpatterns = [
    path("accounts/login/", account_views.login, name="account_login"),
    path("accounts/logout/", account_views.logout, name="account_logout"),
    path("accounts/inactive/", account_views.account_inactive, name="account_inactive"),
    path("accounts/reauthenticate/", account_views.reauthenticate, name="account_reauthenticate"),
    path("accounts/password/", account_views.password_change, name="account_change_password"),
    path("accounts/second-factor/", include("allauth.mfa.urls")),
]

app_name = "accounts"

urlpatterns = [
    path("health", views.health, name="health"),
    path("language", views.set_language, name="set_language"),
    path("theme", views.set_theme, name="set_theme"),
    path("preferences/", views.preferences, name="preferences"),
    path("preferences/api-keys/", views.create_api_key, name="create_api_key"),
    path("preferences/api-keys/<int:key_id>/revoke/", views.revoke_api_key, name="revoke_api_key"),
    path("styleguide", views.styleguide, name="styleguide"),
]
