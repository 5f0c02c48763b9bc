from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """`admin.site` is ours: its login is the one login of the product."""

    default_site = "mam.accounts.admin_site.AdminSite"
