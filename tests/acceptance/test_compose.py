"""What compose.yaml starts is what the documents connect to. Docker itself is not needed for this."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
COMPOSE = CHECKOUT / "compose.yaml"
DOCUMENTS = (COMPOSE, CHECKOUT / "docs" / "how-to" / "go-live.md", CHECKOUT / "examples" / "README.md")
URL = re.compile(r"DATABASE_URL=(postgresql://chatkit\S+) make demo")


@pytest.fixture
def compose():
    return yaml.safe_load(COMPOSE.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_url_that_is_told_is_that_of_the_service(compose, document):
    [url] = set(URL.findall(document.read_text()))
    service = compose["services"]["postgres"]
    told = urlsplit(url)
    assert service["environment"] == {
        "POSTGRES_USER": told.username,
        "POSTGRES_PASSWORD": told.password,
        "POSTGRES_DB": told.path.removeprefix("/"),
    }
    assert service["ports"] == [f"{told.hostname}:{told.port}:5432"]


def test_the_service_says_when_it_is_ready_and_keeps_its_data(compose):
    service = compose["services"]["postgres"]
    assert service["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    [volume] = service["volumes"]
    assert volume.partition(":")[0] in compose["volumes"]
