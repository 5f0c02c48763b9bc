"""Forms of curators, in the admin and on pages. They check shapes; the services check everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db.models import BigIntegerField
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from catalog import selectors
from catalog.choices import EditKind
from catalog.models import Collection, Content, PathRule, Series, Source
from catalog.search.resolve import series_label
from catalog.services import collections
from catalog.services.file_systems import Credentials
from catalog.services.tags import get_or_create_tags
from mam.templatetags.mam_format import message_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mam.accounts.models import User
    from mam.lib.errors import MamError

# Which field an error of a service belongs to; the others stand above the form.
_FIELDS_OF_ERRORS = {
    "name_taken": ("name", "title"),
    "name_missing": ("name", "title"),
    "name_too_long": ("name", "title"),
    "color_invalid": ("color",),
    "collection_cycle": ("parent",),
    "path_rule_pattern": ("pattern",),
    "path_rule_too_long": ("pattern",),
    "path_rule_group_missing": ("pattern",),
    "path_rule_group_unknown": ("pattern",),
}


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A model form that can show why the service refused what was entered, with everything still in its fields."""

    service_error: ClassVar[MamError | None] = None

    def clean(self) -> dict[str, Any]:
        """Fails with the service's error, if there was one in the first round."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        error = self.service_error
        if error is not None:
            names = _FIELDS_OF_ERRORS.get(error.code, ())
            if error.code.startswith("source_url"):
                names = ("url",)
            field = next((name for name in names if name in self.fields), None)
            self.add_error(field, message_text(error.code, error.params))
        return data


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def to_python(self, value: Any) -> Any:
        """Lines without the empty ones."""
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        """A list as lines; what was typed as it is."""
        return "\n".join(value) if isinstance(value, list) else value

    def validate(self, value: Any) -> None:
        """An empty list is fine."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compared as lists."""
        return bool(self.to_python(self.prepare_value(initial)) != self.to_python(data))


class SourceAdminForm(ServiceForm):
    """A source. An empty password keeps the stored one; the box below takes all credentials away."""

    username = forms.CharField(label=_("User name"), required=False, max_length=255, widget=UnfoldAdminTextInputWidget)
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=255,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", **UnfoldAdminTextInputWidget().attrs}),
        help_text=_("Stored encrypted and never shown. Leave it empty to keep the one that is stored."),
    )
    domain = forms.CharField(label=_("Domain"), required=False, max_length=255, widget=UnfoldAdminTextInputWidget)
    forget_credentials = forms.BooleanField(label=_("Forget the stored credentials"), required=False)
    include_globs = LinesField(label=_("Include only"), required=False, help_text=_("One pattern a line, such as *.mp4. Empty: all files."))
    exclude_globs = LinesField(label=_("Exclude"), required=False, help_text=_("One pattern a line, such as #recycle or *.tmp."))

    def credentials(self) -> Credentials | None:
        """What to store; None to leave the stored ones as they are."""
        entered = Credentials(*(self.cleaned_data[name] for name in ("username", "password", "domain")))
        if self.cleaned_data["forget_credentials"]:
            return Credentials()
        return entered or None


_PATTERN_HELP = _(
    "An RE2 expression that is searched in the path without the file's extension. Named groups: (?P<catalog>…), (?P<series>…), "
    "(?P<title>…), and if you like (?P<year>…) and (?P<part>…). "
    "Files with the same catalog, series and title are parts of one content."
)


class PathRuleAdminForm(ServiceForm):
    """A path rule."""

    class Meta:
        help_texts: ClassVar = {
            "pattern": escape(_PATTERN_HELP),  # Django takes help for HTML: a group named "title" would swallow the rest of the page
            "catalog_name": _("Stands for the group of this name when it is filled in."),
            "series_name": _("Stands for the group of this name when it is filled in."),
            "position": _("Rules are tried in this order; the first that matches decides."),
        }


class PlayerAdminForm(ServiceForm):
    """A player."""

    aliases = LinesField(label=_("Other spellings"), required=False, help_text=_("One a line."))


# --- bulk actions -------------------------------------------------------------------------------------------------------
class TagFilesForm(forms.Form):
    """Which tags go on the files selected, and which come off."""

    add = forms.CharField(
        label=_("Add tags"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Separated by commas. New ones are made."),
    )
    remove = forms.CharField(label=_("Remove tags"), required=False, widget=UnfoldAdminTextInputWidget, help_text=_("Separated by commas."))

    def clean_add(self) -> list[str]:
        """Names."""
        return _names(self.cleaned_data["add"])

    def clean_remove(self) -> list[str]:
        """Names."""
        return _names(self.cleaned_data["remove"])

    def clean(self) -> dict[str, Any]:
        """At least one tag."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not data.get("add") and not data.get("remove"):
            raise forms.ValidationError(_("Enter at least one tag."))
        return data


class ChosenCollectionMixin(forms.Form):
    """Of a form with `collection` and `new_name`."""

    def clean(self) -> dict[str, Any]:
        """Exactly one of both."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(data.get("collection")) == bool(data.get("new_name")):
            raise forms.ValidationError(_("Choose a collection or enter the name of a new one."))
        return data


class CollectFilesForm(ChosenCollectionMixin):
    """The collection that gets the files: one there is, or a new one."""

    collection = forms.ModelChoiceField(
        label=_("Collection"),
        queryset=Collection.objects.filter(query="").order_by("name"),
        required=False,
        widget=UnfoldAdminSelect2Widget,
    )
    new_name = forms.CharField(label=_("or a new one named"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget)


class SeriesChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Series under the names of their catalogs."""

    def label_from_instance(self, obj: Any) -> str:
        """ "WSOP / 2024"."""
        return series_label(str(obj.catalog), str(obj))


class MoveToSeriesForm(forms.Form):
    """The series that gets the files."""

    series = SeriesChoiceField(
        label=_("Series"),
        queryset=Series.objects.select_related("catalog").order_by("catalog__name", "name"),
        widget=UnfoldAdminSelect2Widget,
    )


class MergeForm(forms.Form):
    """Which of the rows selected stays."""

    into = forms.ModelChoiceField(label=_("Keep"), queryset=Content.objects.none(), widget=UnfoldAdminSelect2Widget)

    def __init__(self, *args: Any, selected: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["into"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = selected


# --- pages of collections -----------------------------------------------------------------------------------------------
class MoveFileForm(forms.Form):
    """A file of a collection, the position it goes to, and the one at which it was shown."""

    file = forms.IntegerField(min_value=1, max_value=BigIntegerField.MAX_BIGINT)
    to = forms.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    shown_at = forms.IntegerField(min_value=0, max_value=2**31 - 1, required=False)

    @property
    def goes_back(self) -> bool:
        """Towards the end."""
        to, shown_at = self.cleaned_data["to"], self.cleaned_data["shown_at"]
        return to is not None and shown_at is not None and to > shown_at


# --- pages of path rules -------------------------------------------------------------------------------------------------
BEFORE_ALL = 0  # no rule has that id


class RuleForm(forms.Form):
    """A path rule, stored or not, among the others. `draft` and `goes_after` of what was typed so far need no more than a pattern."""

    name = forms.CharField(label=_("Name"), max_length=120)
    pattern = forms.CharField(
        label=_("Pattern"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}),
        help_text=_("An RE2 expression, searched in the path below the source, without the file's extension."),
    )
    catalog_name = forms.CharField(
        label=_("Catalog"), required=False, max_length=120, help_text=_("For all files of the rule; else the group “catalog” says it.")
    )
    series_name = forms.CharField(
        label=_("Series"), required=False, max_length=120, help_text=_("For all files of the rule; else the group “series” says it.")
    )
    source = forms.ModelChoiceField(
        label=_("Source"), queryset=Source.objects.order_by("name"), required=False, empty_label=_("All sources")
    )
    after = forms.TypedChoiceField(label=_("Tried"), coerce=int, help_text=_("The first rule that matches decides."))
    is_enabled = forms.BooleanField(label=_("In use"), required=False)

    def __init__(self, data: Any = None, *, rules: Sequence[PathRule], rule: PathRule | None = None) -> None:
        others = [row for row in rules if rule is None or row.pk != rule.pk]
        before = [row for row in others if rule is None or (row.position, row.pk) < (rule.position, rule.pk)]
        names = ("name", "pattern", "catalog_name", "series_name", "source", "is_enabled")
        initial = {name: getattr(rule, name) for name in names} if rule else {"is_enabled": True}
        super().__init__(data, initial={**initial, "after": before[-1].pk if before else BEFORE_ALL})
        self.rule = rule
        field = self.fields["after"]
        if isinstance(field, forms.TypedChoiceField):
            field.choices = [
                (BEFORE_ALL, _("before all others")),
                *((row.pk, _("after “%(name)s”") % {"name": row.name}) for row in others),
            ]

    def clean_pattern(self) -> str:
        """One line: a path has no other, so breaks are for who writes it."""
        return "".join(self.cleaned_data["pattern"].splitlines())

    @property
    def goes_after(self) -> int | None:
        """As `save_rule` takes it."""
        return (self.cleaned_data.get("after") if self.is_bound else self.initial["after"]) or None

    @property
    def values(self) -> dict[str, Any]:
        """What `save_rule` takes of a rule, as far as it was typed."""
        return {name: value for name, value in self.cleaned_data.items() if name != "after"}

    @property
    def draft(self) -> PathRule:
        """What was typed as a rule that is not stored."""
        said = {name: value for name, value in self.values.items() if name != "name"}
        return PathRule(pk=self.rule.pk if self.rule else None, name=self.cleaned_data.get("name", ""), **said)


# --- changes of all files of a search -----------------------------------------------------------------------------------
class EditForm(forms.Form):
    """What a bulk edit does it with. `targets` of a valid form are what `start_edit` takes."""

    def targets(self, user: User) -> Sequence[Any]:
        """May make what does not exist yet: inside a transaction."""
        raise NotImplementedError


class CollectForm(ChosenCollectionMixin, EditForm):
    """A collection there is, or a new one."""

    collection = forms.ModelChoiceField(
        label=_("Collection"), queryset=Collection.objects.filter(query="").order_by("name"), required=False, empty_label=_("A new one")
    )
    new_name = forms.CharField(label=_("Name of the new one"), required=False, max_length=200)

    def targets(self, user: User) -> Sequence[Any]:
        """One collection."""
        return [self.cleaned_data["collection"] or collections.create_collection(name=self.cleaned_data["new_name"], user=user)]


class AddTagsForm(EditForm):
    """Tags by name."""

    names = forms.CharField(label=_("Tags"), max_length=1000, help_text=_("Separated by commas. New ones are made."))

    def targets(self, user: User) -> Sequence[Any]:
        """Each once."""
        return get_or_create_tags(names=_names(self.cleaned_data["names"]), user=user)


class RemoveTagsForm(EditForm):
    """Tags by name."""

    names = forms.CharField(label=_("Tags"), max_length=1000, help_text=_("Separated by commas."))

    def targets(self, user: User) -> Sequence[Any]:
        """Those there are; what is no tag is on no file."""
        return selectors.find_tags(user=user, names=_names(self.cleaned_data["names"]))


class PlayersForm(EditForm):
    """Players by any spelling of their names."""

    names = forms.CharField(
        label=_("Players"),
        max_length=1000,
        help_text=_("Separated by commas; Korean or English names, as they are in the list of players."),
    )

    def targets(self, user: User) -> Sequence[Any]:
        """Each once. PlayerUnknownError, PlayerAmbiguousError."""
        found = (selectors.get_player_named(user=user, name=name) for name in _names(self.cleaned_data["names"]))
        return list(dict.fromkeys(found))


class PlaceForm(EditForm):
    """A series."""

    series = SeriesChoiceField(label=_("Series"), queryset=Series.objects.select_related("catalog").order_by("catalog__name", "name"))

    def targets(self, user: User) -> Sequence[Any]:
        """One series."""
        return [self.cleaned_data["series"]]


EDIT_FORMS: dict[EditKind, type[EditForm]] = {
    EditKind.COLLECT: CollectForm,
    EditKind.ADD_TAGS: AddTagsForm,
    EditKind.REMOVE_TAGS: RemoveTagsForm,
    EditKind.ADD_PLAYERS: PlayersForm,
    EditKind.REMOVE_PLAYERS: PlayersForm,
    EditKind.PLACE: PlaceForm,
}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
