"""What `pophub env` exports, so that psql and Kafka's own tools can look in."""

from __future__ import annotations

import os

from pophub.runtime import broker, places, postgres
from pophub.settings import Settings
from pophub.sharing.logins import SCRAPER

TOOL_LOGGING = "org.slf4j.simpleLogger.defaultLogLevel=error\n"


def environment(settings: Settings) -> dict[str, str]:
    """Give the variables; passwords stay in 0600 files that they name."""
    endpoints = settings.endpoints
    settings.secret("airflow.admin"), settings.secret(SCRAPER)  # made now, so that the files exist
    tools = places.make_private(places.make_private(settings.home / "kafka") / "tools")
    places.write_private(tools / "simplelogger.properties", TOOL_LOGGING)
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    binaries = str(postgres.install_root() / "bin")
    return {
        "PGHOST": endpoints.postgres_host,
        "PGPORT": str(endpoints.postgres_port),
        "PGUSER": endpoints.postgres_superuser,
        "PGPASSFILE": str(postgres.password_file(settings)),
        "PGDATABASE": endpoints.database,
        "PATH": path if path.startswith(binaries) else f"{binaries}:{path}",
        "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka_bootstrap,
        "KAFKA_CLIENT_CONFIG": str(broker.client_configuration(settings)),
        "KAFKA_CLASSPATH": f"{tools}:{broker.class_path()}",
        "JAVA": broker.java(),
        "SCHEMA_REGISTRY_URL": endpoints.registry_url,
        "AIRFLOW_URL": endpoints.airflow_url,
        "AIRFLOW_PASSWORD_FILE": str(settings.home / "secrets" / "airflow.admin"),
        "PAGES_URL": endpoints.web_url,
        "METRICS_TOKEN_FILE": str(settings.home / "secrets" / SCRAPER),
    }
