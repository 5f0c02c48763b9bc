"""Routes of `/auth/`."""

from django.urls import path

from mam.accounts import api

app_name = "auth"

urlpatterns = [
    path("login", api.LoginView.as_view(), name="login"),
    path("refresh", api.RefreshView.as_view(), name="refresh"),
    path("logout", api.LogoutView.as_view(), name="logout"),
    path("validate", api.ValidateView.as_view(), name="validate"),
]
