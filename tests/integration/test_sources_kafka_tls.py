"""A topic of a broker that speaks TLS, with a login and an authority of the agency's own: read, and told what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hubkit import GRANTED, Project, Servers, hub_of
from outside import check
from test_sources_kafka import deleted, person, upsert
from tls_broker import SECRET, USER, TlsBroker, serving

from pophub.domain.errors import PophubError
from pophub.kafka import topic
from pophub.sources.topic import Topic

sys.path.insert(0, str(Path(__file__).parents[1]))

from authority_kit import Authority
from topic_kit import SOURCE, by_changes, fresh

pytestmark = pytest.mark.timeout(240)
CERTIFIED = SOURCE.replace("  marker:", '  certificate: "${{POPHUB_SOURCE_TOPIC_CA}}"\n  marker:')


@pytest.fixture(scope="module")
def secured(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsBroker]:
    with serving(servers.settings, tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture
def reading(bare_project: Project, secured: TlsBroker) -> Project:
    """A project that reads four people from the broker."""
    project = bare_project
    name = f"{project.agency}.cong_dan"
    secured.fill(name, [upsert("r", person(project, at)) for at in range(4)] + deleted(person(project, 0)))
    project.declare(
        "mps.citizens", (r"(?ms)^source:.*?\n\n(?=live)", CERTIFIED.format(topic=name)), fields=GRANTED
    )
    by_changes(project)
    project.environment |= {
        "POPHUB_SOURCE_TOPIC_URL": f"kafkas://{secured.address('SOUND')}", "POPHUB_SOURCE_TOPIC_USER": USER,
        "POPHUB_SOURCE_TOPIC_SECRET": SECRET, "POPHUB_SOURCE_TOPIC_CA": str(secured.authority),
    }  # fmt: skip
    project.pass_through("prepare")
    return project


def test_a_topic_flows_from_a_broker_with_tls_and_what_is_wrong_is_told_apart(
    reading: Project, secured: TlsBroker, tmp_path: Path
) -> None:
    project = reading
    stranger = Authority(tmp_path, "stranger").path
    no_file = tmp_path / "none.pem"
    no_file.write_text("no certificate")
    wrong = (
        ({"SECRET": f"{SECRET}x"}, "source.password", "refused the hub's login"),
        ({"USER": "nobody"}, "source.password", "refused the hub's login"),
        ({"CA": str(stranger)}, "source.certificate", "signed by nobody that the hub was told to trust"),
        ({"CA": str(no_file)}, "source.certificate", "the file of certificates cannot be read"),
        ({"CA": str(tmp_path / "gone.pem")}, "source.certificate", "the file of certificates cannot be read"),
        ({"URL": f"kafkas://{secured.address('EXPIRED')}"}, "source.certificate", "has expired"),
        ({"URL": f"kafkas://{secured.address('OTHER')}"}, "source.certificate", "one of another host"),
        ({"URL": f"kafkas://{secured.address('PLAIN')}"}, "source.certificate", "the broker speaks no TLS"),
        ({"URL": f"kafka://{secured.address('SOUND')}"}, "source.url", "the broker speaks TLS"),
    )  # fmt: skip
    told = [(changed, code, words, _refusal(project, changed)) for changed, code, words in wrong]
    assert [
        (code, e.code, e.what) for _, code, words, e in told if e.code != code or words not in e.what
    ] == []
    for *_, error in told:
        assert error.remedy
        assert SECRET[:9] not in f"{error} {error.remedy}" and USER not in f"{error} {error.remedy}"
    ran = project.run("extract", POPHUB_SOURCE_TOPIC_SECRET=f"{SECRET}x")
    assert (ran.error, SECRET[:9] in ran.text) == ("source.password", False)
    project.pass_through()
    assert fresh(project) == {"shared": 5}
    check(project)


def _refusal(project: Project, changed: dict[str, str]) -> PophubError:
    """Look at the topic with some variables changed, which must be refused."""
    with pytest.MonkeyPatch.context() as patch:
        hub = hub_of(project, patch)
        patch.setattr(topic, "ASK_S", 4.0)  # after that a broker's silence counts as its word
        for name, value in changed.items():
            patch.setenv(f"POPHUB_SOURCE_TOPIC_{name}", value)
        source = hub.adapters.source(hub.connector(project.stem))
        assert isinstance(source, Topic)
        with pytest.raises(PophubError) as found:
            source.ends()
        source.close()
    return found.value
