"""The HTML pages, one file a resource."""

from app.web.pages import access, dataset_reading, datasets, documentation, experiments, models, runs, workers

all_routers = (
    access.router,
    runs.router,
    experiments.router,
    datasets.router,
    models.router,
    dataset_reading.router,
    workers.router,
    documentation.router,
)
