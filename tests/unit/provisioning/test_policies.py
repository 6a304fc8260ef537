"""Policies: what is stored, what is refused."""

from __future__ import annotations

import pytest

from provisor.provisioning.policies import DEFAULT, Policies, changed, from_json
from provisor.refusal import Invalid


def test_only_what_is_not_as_by_default_is_stored() -> None:
    policies = changed(DEFAULT, wire="entra", full_hours=24, token_owner=" ops@contoso.com ", cleared=None)
    assert policies.to_json() == {"wire": "entra", "token_owner": "ops@contoso.com"}
    assert from_json({**policies.to_json(), "of a later version": 1}) == policies
    assert changed(policies, token_owner="", wire="lean") == DEFAULT


def test_drift_is_said_for_one_attribute_or_for_all_others() -> None:
    policies = changed(Policies(), drift={"displayName": "overwrite", "*": "ignore"})
    assert (policies.about("displayName"), policies.about("title")) == ("overwrite", "ignore")
    back = changed(policies, drift={"displayName": "report", "*": "report"})
    assert (back.about("displayName"), back.about("title")) == ("report", "report")
    assert changed(changed(Policies(), drift={"title": "adopt"}), drift={"title": "report"}) == DEFAULT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"wire": "fat"}, "wire 'fat' is not one of: lean, entra, entra-optscim."),
        ({"full_hours": -1}, "0 for never"),
        ({"drift": {"title": "shout"}}, "'shout' is no policy for drift of title"),
        ({"drift": {"members": "adopt"}}, "adopt is for values"),
    ],
)
def test_what_is_no_policy_is_a_sentence(given: dict[str, object], said: str) -> None:
    with pytest.raises(Invalid) as error:
        changed(DEFAULT, **given)
    assert said in str(error.value)
