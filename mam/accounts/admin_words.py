"""Texts of the administration's package, which brings no translations: named here so that they are collected with ours.

They have to be spelled exactly as the package does; a test compares both ways.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop, ngettext_lazy

ADMIN_WORDS = frozenset(
    {
        gettext_noop("After you've created a user, you’ll be able to edit more user options."),
        gettext_noop("All applications"),
        gettext_noop("Apply Filters"),
        gettext_noop("Choose file to upload"),
        gettext_noop("Click to cancel"),
        gettext_noop("Click to download"),
        gettext_noop("Dataset not found. No action performed."),
        gettext_noop("Date"),
        gettext_noop("Date from"),
        gettext_noop("Date to"),
        gettext_noop("Expand row"),
        gettext_noop("False"),
        gettext_noop("Forgotten your password or username?"),
        gettext_noop("From"),
        gettext_noop("General"),
        gettext_noop("Go back"),
        gettext_noop("Image preview"),
        gettext_noop("Loading more results..."),
        gettext_noop("More actions"),
        gettext_noop("No data"),
        gettext_noop("No recent searches"),
        gettext_noop("No results found"),
        gettext_noop("No results matching your query"),
        gettext_noop("Not enough data."),
        gettext_noop(
            "Raw passwords are not stored, so there is no way to see this user’s password, but you can change the password using "
            '<a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.'
        ),
        gettext_noop("Recent searches"),
        gettext_noop("Record picture"),
        gettext_noop("Reset filters"),
        gettext_noop("Return to site"),
        gettext_noop("Run"),
        gettext_noop("Search apps and models..."),
        gettext_noop("Select action"),
        gettext_noop("Select action to run"),
        gettext_noop("Select all rows"),
        gettext_noop("Select currency"),
        gettext_noop("Select record"),
        gettext_noop("Select value"),
        gettext_noop("Submit"),
        gettext_noop("System"),
        gettext_noop("This item will be deleted."),
        gettext_noop("This page yielded into no results. Create a new item or reset your filters."),
        gettext_noop("To"),
        gettext_noop("Toggle password visibility"),
        gettext_noop("True"),
        gettext_noop("Type to search"),
        gettext_noop("Value"),
        gettext_noop("Welcome"),
        gettext_noop("You can not create nested object without parent"),
    }
)
# With its indentation, which belongs to the text.
FOUND = ngettext_lazy(
    "\n                Found %(counter)s result in %(time)s seconds\n            ",
    "\n                Found %(counter)s results in %(time)s seconds\n            ",
    "counter",
)
