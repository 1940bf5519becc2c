"""What is installed is decided by the locks: every package pinned and hashed, in step with pyproject.toml."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.checkout import ROOT
from tests.packaging.lock import locked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
APP = PROJECT["project"]["dependencies"]
TEST = PROJECT["dependency-groups"]["test"]
LOCKS = {"app": [*APP], "test": [*APP, *TEST]}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_one_version_and_its_hashes(name):
    packages = locked(name)

    assert len(packages) > 20
    for package in packages:
        assert re.fullmatch(r"==[^,*]+", str(package.requirement.specifier)), package
        assert package.hashes, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in package.hashes), package


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_satisfies_what_pyproject_asks_for(name):
    packages = locked(name)
    for asked in map(Requirement, LOCKS[name]):
        versions = [
            next(iter(package.requirement.specifier)).version
            for package in packages
            if package.requirement.name == canonicalize_name(asked.name)
        ]
        assert versions, f"{asked.name} is not locked"
        assert all(version in asked.specifier for version in versions), f"{asked} is locked as {versions}"


def test_the_tests_run_with_the_very_packages_that_the_app_ships():
    tested = {str(package) for package in locked("test")}

    assert {str(package) for package in locked("app")} <= tested


@pytest.mark.parametrize(
    "file", ["requirements/app.txt", "requirements/test.txt", "Dockerfile", "pyproject.toml"]
)
def test_where_packages_come_from_is_left_to_the_machine(file):
    text = (ROOT / file).read_text()

    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text)


def test_images_are_named_without_a_registry():
    base = re.search(r"^ARG BASE_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    images = re.findall(r"^\s+image: (\S+)", (ROOT / "compose.yaml").read_text(), re.MULTILINE)

    assert all("/" not in image for image in [base, *images])
