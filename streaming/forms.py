"""What players post, checked: numbers in range, texts cut to what is kept of them."""

from __future__ import annotations

from django import forms

_MAX_MS = 400 * 3600 * 1000  # longer than any recording


class PositionForm(forms.Form):
    """Where a viewer is."""

    position_ms = forms.IntegerField(min_value=0, max_value=_MAX_MS)


class FaultForm(forms.Form):
    """What a browser could not play."""

    code = forms.RegexField(r"^[a-z_]{1,64}$")
    position_ms = forms.IntegerField(min_value=0, max_value=_MAX_MS, required=False)
    detail = forms.CharField(required=False, empty_value="")

    def clean_detail(self) -> str:
        """As much as is kept."""
        return str(self.cleaned_data["detail"])[:500]
