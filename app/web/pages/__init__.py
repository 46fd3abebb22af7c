"""The HTML pages, one file a resource."""

from app.web.pages import access, datasets, documentation, experiments, models, runs, workers

all_routers = (
    access.router,
    runs.router,
    experiments.router,
    datasets.router,
    models.router,
    workers.router,
    documentation.router,
)
