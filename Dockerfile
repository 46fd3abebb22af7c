# Three images from one recipe: `web`, `worker` (CPU) and `worker-gpu`. Without --target, `web` is built.

# === Dependencies, from the hashed lock file ===
FROM python:3.11-slim AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/segscope
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes -r requirements.lock

# === The application, installed in place: it serves templates/ and static/ from beside itself ===
FROM dependencies AS build
COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY app/ app/
COPY worker/ worker/
COPY migrations/ migrations/
COPY templates/ templates/
COPY static/ static/
RUN pip install --no-deps --no-build-isolation -e . && python -m compileall -q app worker migrations

# === NVIDIA's libraries: what the `gpu` extra adds to the lock, at the locked version of TensorFlow ===
# The lock file holds none of them, so that machines without a GPU do not fetch gigabytes; they carry no hashes here.
FROM build AS build-gpu
RUN sed -e 's/ *\\$//' -e '/^ *--hash/d' -e '/^ *#/d' requirements.lock > /tmp/constraints.txt \
    && pip install --no-build-isolation --constraint /tmp/constraints.txt -e ".[gpu]"

# === What all images share at run time ===
FROM python:3.11-slim AS runtime
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin segscope \
    && install -d -o segscope -g segscope /data
WORKDIR /srv/segscope
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 SEGSCOPE_DATA_DIR=/data
VOLUME /data

# === Worker on the CPU ===
FROM runtime AS worker
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/segscope /srv/segscope
USER segscope
ENV TF_CPP_MIN_LOG_LEVEL=2 SEGSCOPE_WORKER_QUEUES=cpu
STOPSIGNAL SIGTERM
CMD ["segscope", "worker"]

# === Worker on an NVIDIA GPU; the container needs the NVIDIA runtime ===
FROM runtime AS worker-gpu
COPY --from=build-gpu /opt/venv /opt/venv
COPY --from=build-gpu /srv/segscope /srv/segscope
USER segscope
ENV TF_CPP_MIN_LOG_LEVEL=2 SEGSCOPE_WORKER_QUEUES=gpu
STOPSIGNAL SIGTERM
CMD ["segscope", "worker"]

# === Web ===
FROM runtime AS web
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/segscope /srv/segscope
USER segscope
ENV SEGSCOPE_HOST=0.0.0.0 SEGSCOPE_PORT=8642
EXPOSE 8642
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['SEGSCOPE_PORT'] + '/healthz', timeout=2)"]
CMD ["segscope", "web"]
