"""Settings from the environment (`SEGSCOPE_*`), one place for every process."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every setting, its default and its meaning; `docs/settings.md` lists them."""

    model_config = SettingsConfigDict(env_prefix="SEGSCOPE_", extra="ignore", frozen=True)

    data_dir: Path = Field(Path("data"), description="Folder of the database, artifacts, uploads and the demo.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data folder.")
    redis_url: str = Field("", description="Redis URL; empty: `segscope up` starts its own server.")
    host: str = Field("127.0.0.1", description="Address to serve on; others than loopback need an access token.")
    port: int = Field(8642, ge=1, le=65535, description="Port to serve on.")
    access_token: SecretStr = Field(SecretStr(""), description="Password of the login and bearer token of the API.")
    allowed_hosts: str = Field("", description="Comma-separated host names that may be asked for beside loopback.")
    dataset_roots: str = Field(
        "",
        description="Folders below which datasets may be registered, separated like PATH; "
        "empty: the data folder and its parent.",
    )
    worker_queues: str = Field("gpu,cpu", description="Comma-separated queues that this worker serves.")
    worker_slots: int = Field(1, ge=1, le=64, description="Trainings that one worker runs at the same time.")
    heartbeat_seconds: float = Field(2.0, gt=0, le=60, description="Interval of worker and run heartbeats.")
    lease_seconds: float = Field(10.0, gt=0, le=600, description="A run whose lease is older than this is lost.")
    cancel_grace_seconds: float = Field(15.0, ge=0, le=600, description="Time from SIGTERM to SIGKILL for a training.")
    upload_max_bytes: int = Field(4 * 1024**3, ge=1, description="Largest upload accepted.")
    archive_max_ratio: float = Field(200.0, ge=1, description="Largest unpacked ÷ packed size of an archive.")
    archive_max_bytes: int = Field(16 * 1024**3, ge=1, description="Largest unpacked size of an archive.")
    archive_max_files: int = Field(100_000, ge=1, description="Most files in an archive.")
    image_max_pixels: int = Field(100_000_000, ge=1, description="Largest image accepted, in pixels.")

    @property
    def resolved_data_dir(self) -> Path:
        """The data folder as an absolute path."""
        return self.data_dir.expanduser().resolve()

    @property
    def resolved_database_url(self) -> str:
        """The configured database, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.resolved_data_dir / 'segscope.db'}"

    @property
    def artifacts_dir(self) -> Path:
        """Folder of everything that runs and datasets write."""
        return self.resolved_data_dir / "artifacts"

    @cached_property
    def root_paths(self) -> tuple[Path, ...]:
        """Folders below which a dataset may be registered."""
        if self.dataset_roots:
            parts = [Path(part).expanduser().resolve() for part in self.dataset_roots.split(os.pathsep) if part]
            return (*parts, self.resolved_data_dir)
        return (self.resolved_data_dir, self.resolved_data_dir.parent)


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    SettingsError
        One line that names the variable, what was received and what was expected.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "SEGSCOPE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"Invalid setting {name}={first['input']!r}: {first['msg']}.") from error
