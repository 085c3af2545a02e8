"""Answers with what Python Celery's own schedules say; reads one JSON list of questions, writes one of answers."""

import json
import sys
from datetime import datetime, timedelta, timezone

import pytz
from celery.schedules import crontab, schedule, solar

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
ORDER = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")


def ms(moment):
    return round((moment - EPOCH) / timedelta(milliseconds=1))


class Crontab(crontab):
    """Celery 5.2 takes the naive dates of its own search for UTC; later versions, as here, for the entry's zone."""

    def maybe_make_aware(self, dt):
        return dt if dt.tzinfo else self.nowfun().tzinfo.localize(dt)


def ask_crontab(question):
    zone = pytz.timezone(question["zone"])
    now = (EPOCH + timedelta(milliseconds=question["after"])).astimezone(zone)
    try:
        entry = Crontab(**{name: question["fields"][name] for name in ORDER}, nowfun=lambda: now)
    except Exception as refused:
        return {"error": str(refused)}
    sets = {name: sorted(getattr(entry, name)) for name in ORDER}
    try:
        return {"sets": sets, "next": ms(now + entry.remaining_estimate(now))}
    except RuntimeError as never:
        return {"sets": sets, "error": str(never)}


def ask_relative(question):
    now = (EPOCH + timedelta(milliseconds=question["after"])).astimezone(pytz.timezone(question["zone"]))
    entry = schedule(timedelta(seconds=question["every"]), relative=True, nowfun=lambda: now)
    return {"next": ms(now + entry.remaining_estimate(now))}


def ask_solar(question):
    now = EPOCH + timedelta(milliseconds=question["after"])
    entry = solar(question["event"], question["latitude"], question["longitude"], nowfun=lambda: now)
    if question["event"] == "dusk_astronomical":
        # Celery says '18' here, which is above the horizon; its documentation means 18 degrees below.
        entry.cal.horizon = "-18"
    try:
        return {"next": ms(now + entry.remaining_estimate(now))}
    except TypeError:
        # On a day without the event Celery 5.2 fails to add a minute to the sun's midnight.
        return {"next": None}



ASK = {"crontab": ask_crontab, "relative": ask_relative, "solar": ask_solar}
json.dump([ASK[question["kind"]](question) for question in json.load(sys.stdin)], sys.stdout)
