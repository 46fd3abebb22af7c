"""`docker-compose.yml` and `Dockerfile` describe this program: no engine runs here, so they are parsed and compared."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from app.cli import cli
from app.settings import Settings
from app.store.task_queue import ALL_QUEUES
from app.web.security import check_exposure

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("web", "worker-gpu", "worker-cpu")
# Line continuations joined, comments gone: one instruction a line.
INSTRUCTIONS = [
    line
    for line in re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
    if line and not line.startswith("#")
]


def stage_lines(target: str) -> list[str]:
    """Return the instructions of a stage after those of the stage that it starts from."""
    stages: dict[str, list[str]] = {}
    name = ""
    for line in INSTRUCTIONS:
        if started := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            base, name = started.groups()
            stages[name] = list(stages.get(base, []))
        else:
            stages[name].append(line)
    return stages[target]


def environment_of(target: str) -> dict[str, str]:
    """Return what the `ENV` instructions of a stage set."""
    pairs = [pair for line in stage_lines(target) if line.startswith("ENV ") for pair in shlex.split(line[4:])]
    return dict(pair.split("=", 1) for pair in pairs)


def command_of(target: str) -> list[str]:
    """Return the last `CMD` of a stage."""
    commands = [line for line in stage_lines(target) if line.startswith("CMD ")]
    return [str(word) for word in json.loads(commands[-1][4:])]


def settings_of(service: str) -> Settings:
    """Return the settings that a container of `service` would read, with `secret` for what a person must give."""
    values = environment_of(SERVICES[service]["build"]["target"])
    for name, value in SERVICES[service]["environment"].items():
        values[name] = re.sub(r"\$\{\w+:\?[^}]*\}", "secret", re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
    return Settings.model_validate(
        {name.removeprefix("SEGSCOPE_").lower(): value for name, value in values.items() if "SEGSCOPE_" in name}
    )


def test_every_part_is_described() -> None:
    assert set(SERVICES) == {*OURS, "redis", "postgres"}


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting(service: str) -> None:
    names = [*SERVICES[service]["environment"], *environment_of(SERVICES[service]["build"]["target"])]
    ours = {name.removeprefix("SEGSCOPE_").lower() for name in names if name.startswith("SEGSCOPE_")}
    assert ours
    assert ours <= set(Settings.model_fields)


@pytest.mark.parametrize("service", OURS)
def test_values_are_accepted_and_reach_the_other_services(service: str) -> None:
    settings = settings_of(service)
    assert re.fullmatch(r"postgresql://segscope:secret@postgres:5432/segscope", settings.database_url)
    assert settings.redis_url.startswith("redis://redis:6379/")


def test_web_and_workers_agree_on_everything_that_they_share() -> None:
    shared = [
        (settings.database_url, settings.redis_url, settings.data_dir, settings.dataset_roots)
        for settings in map(settings_of, OURS)
    ]
    assert shared[0] == shared[1] == shared[2]
    assert SERVICES["web"]["volumes"] == SERVICES["worker-gpu"]["volumes"] == SERVICES["worker-cpu"]["volumes"]


@pytest.mark.parametrize("service", OURS)
def test_data_is_writable_and_datasets_are_not(service: str) -> None:
    settings = settings_of(service)
    mounts = [mount.rsplit("}", 1)[-1] for mount in SERVICES[service]["volumes"]]
    assert f"data:{settings.data_dir}" in mounts
    assert f":{settings.dataset_roots}:ro" in mounts
    assert "data" in COMPOSE["volumes"]


def test_web_refuses_to_start_without_a_token_and_is_published_where_it_listens() -> None:
    settings = settings_of("web")
    check_exposure(settings)
    assert SERVICES["web"]["environment"]["SEGSCOPE_ACCESS_TOKEN"].startswith("${SEGSCOPE_ACCESS_TOKEN:?")
    assert SERVICES["web"]["ports"] == [f"{settings.port}:{settings.port}"]
    assert f"EXPOSE {settings.port}" in stage_lines("web")


def test_workers_serve_every_queue_between_them() -> None:
    queues = [settings_of(service).worker_queues.split(",") for service in ("worker-gpu", "worker-cpu")]
    assert sorted(queue for served in queues for queue in served) == sorted(ALL_QUEUES)
    assert queues[0] == ["gpu"]


def test_only_the_gpu_worker_reserves_a_gpu() -> None:
    devices = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert [(device["driver"], device["capabilities"]) for device in devices] == [("nvidia", ["gpu"])]
    assert not any("deploy" in SERVICES[service] for service in ("web", "worker-cpu"))
    assert any("[gpu]" in line for line in stage_lines("build-gpu"))
    assert "COPY --from=build-gpu /opt/venv /opt/venv" in stage_lines("worker-gpu")


@pytest.mark.parametrize("service", OURS)
def test_nothing_starts_before_its_stores_are_healthy(service: str) -> None:
    waits = {name: how["condition"] for name, how in SERVICES[service]["depends_on"].items()}
    assert waits == {"postgres": "service_healthy", "redis": "service_healthy"}
    assert all(SERVICES[name]["healthcheck"]["test"] for name in waits)


@pytest.mark.parametrize("service", SERVICES)
def test_everything_restarts_and_has_time_to_stop(service: str) -> None:
    assert SERVICES[service]["restart"] == "unless-stopped"
    needed = Settings.model_fields["cancel_grace_seconds"].default + 15
    grace = int(SERVICES[service]["stop_grace_period"].removesuffix("s"))
    # What `segscope up` itself grants a worker.
    assert grace >= (needed if service.startswith("worker") else 5)


def test_stores_are_pinned_and_keep_their_data() -> None:
    for name in ("redis", "postgres"):
        assert re.search(r":\d+\.\d+", SERVICES[name]["image"])
        assert SERVICES[name]["volumes"][0].split(":")[0] in COMPOSE["volumes"]
    command = SERVICES["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize(("target", "expected"), [("web", "web"), ("worker", "worker"), ("worker-gpu", "worker")])
def test_images_run_a_real_command_as_nobody_special(target: str, expected: str) -> None:
    command = typer.main.get_command(cli)
    assert command_of(target) == ["segscope", expected]
    assert expected in getattr(command, "commands", {})
    assert "USER segscope" in stage_lines(target)


def test_compose_builds_targets_that_exist() -> None:
    assert [SERVICES[service]["build"]["target"] for service in OURS] == ["web", "worker-gpu", "worker"]
    assert all(stage_lines(SERVICES[service]["build"]["target"]) for service in OURS)


def test_every_copied_file_exists_and_reaches_the_engine() -> None:
    copied = [source for line in INSTRUCTIONS if re.match(r"COPY (?!--from)", line) for source in line.split()[1:-1]]
    admitted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {"app/", "worker/", "migrations/", "templates/", "static/"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source.rstrip('/')}" in admitted, source


def test_images_hold_the_locked_dependencies_and_no_development_tools() -> None:
    text = "\n".join(INSTRUCTIONS)
    assert "pip install --no-deps --require-hashes -r requirements.lock" in text
    assert "requirements-dev" not in text
    assert "[dev]" not in text


def test_health_is_asked_where_the_web_process_answers() -> None:
    (check,) = [line for line in stage_lines("web") if line.startswith("HEALTHCHECK")]
    assert "/healthz" in check
    assert "SEGSCOPE_PORT" in environment_of("web")
