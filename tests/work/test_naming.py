"""Names of deployments: what is meant by one that is not quite the one a deployment has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.exceptions import AmbiguousDeployment, UnknownDeployment
from segue.work.naming import Named, alike, matching

KNOWN = {
    "1": Named("hello", "my deployment"),
    "2": Named("main-flow", "taxi"),
    "3": Named("main-flow", "Taxi"),
    "4": Named("other", "weekly"),
    "5": Named("another", "weekly"),
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1", "1"),
        ("hello/my deployment", "1"),
        ("Hello/my-deployment", "1"),
        ("HELLO/My_Deployment", "1"),
        ("my  deployment", "1"),
        # Exact comes before alike.
        ("main-flow/taxi", "2"),
        ("Taxi", "3"),
        ("Other/Weekly", "4"),
    ],
)
def test_a_name_means_the_deployment_that_a_person_would_expect(wanted: str, found: str) -> None:
    assert matching(wanted, KNOWN) == found


def test_a_name_that_fits_several_lists_them_in_order() -> None:
    with pytest.raises(AmbiguousDeployment, match=r"2 deployments: 'another/weekly', 'other/weekly'\. Give the whole"):
        matching("weekly", KNOWN)
    with pytest.raises(AmbiguousDeployment, match="'main-flow/Taxi', 'main-flow/taxi'"):
        matching("main_flow/TAXI", KNOWN)


def test_of_many_candidates_ten_are_shown() -> None:
    known = {str(number): Named(f"flow-{number:02}", "daily") for number in range(25)}

    with pytest.raises(AmbiguousDeployment, match=r"25 deployments: 'flow-00/daily'.* and 15 more"):
        matching("daily", known)


def test_a_name_that_fits_none_is_refused() -> None:
    with pytest.raises(UnknownDeployment, match=r"Did you mean 'hello/my deployment'\?"):
        matching("hello/my-deplyment", KNOWN)
    with pytest.raises(UnknownDeployment, match="nor any other; `segue deploy` makes one"):
        matching("hello/x", {})


@given(st.text())
def test_every_name_finds_itself_and_is_like_itself_in_any_writing(name: str) -> None:
    known = {"id": Named("etl", name or "x")}

    assert matching(f"etl/{name or 'x'}", known) == "id"
    assert alike(alike(name)) == alike(name)
    assert alike(name.replace("_", "-")) == alike(name)
