"""What is done once a day: dead syncs are found, and very many deletions wait for a person."""

from __future__ import annotations

import pytest
from filelock import FileLock

from dlt_pipelines.exceptions import TransientError
from dlt_pipelines.ledger import Trigger
from include import maintenance
from tests.workspaces import REPO, gauge, issue, label

GONE = "select external_id from raw_github.issues where operation = 'delete' order by all"


@pytest.fixture
def emptied(sandbox_of, install):
    """A repository that lost 60 of 100 issues since it was synced."""
    installation = install(sandbox_of(gauge(issues=[issue(n, n) for n in range(1, 101)])))
    installation.sync()
    repository = installation.sandbox.workspace.github(REPO)
    for number in range(1, 61):
        repository.delete_issue(number)
    return installation


def test_very_many_deletions_are_a_question_and_written_once_they_are_confirmed(emptied):
    settings = emptied.settings
    (question,) = maintenance.reconcile(settings, "github")
    assert (question["source"], question["container"]) == ("github", REPO)
    assert "60 of 100 objects of tidewater-labs/gauge are missing" in question["message"]
    assert emptied.column(GONE) == []
    assert maintenance.carry_out(settings, [question], [[maintenance.KEEP]]) == []
    assert emptied.column(GONE) == []
    trigger = Trigger("scheduled", "maintain", "run 1", 2, "http://localhost/log")
    confirmed = [[maintenance.CONFIRM]]
    done = maintenance.carry_out(settings, [question], confirmed, trigger=trigger)
    assert done == [question]
    assert len(emptied.column(GONE)) == 60
    assert emptied.query(
        "select details ->> '$.run_id', details ->> '$.log_url' from raw_headwater.sync_events"
        " where event = 'started' order by occurred_at desc limit 1"
    ) == [("run 1", "http://localhost/log")]
    assert maintenance.reconcile(settings, "github") == []


def test_a_listing_that_stopped_its_sync_is_a_question_until_it_is_confirmed(sandbox_of, install):
    installation = install(sandbox_of(gauge(labels=[label(n) for n in range(1, 101)])))
    installation.sync()
    for number in range(1, 61):
        installation.sandbox.workspace.github(REPO).labels.delete(number)
    assert [failure.code for failure in installation.failing_sync()] == ["mass_deletion"]
    (question,) = maintenance.reconcile(installation.settings, "github")
    assert (question["container"], question["mode"]) == (REPO, "incremental")
    assert "60 of 100 objects" in question["message"]
    maintenance.carry_out(installation.settings, [question], [[maintenance.CONFIRM]])
    listed = "select count(*) from raw_github.labels where _dlt_valid_to is null"
    assert installation.column(listed) == [40]
    assert maintenance.reconcile(installation.settings, "github") == []


def test_a_container_that_is_being_synced_is_tried_again_later(emptied):
    (lock,) = (emptied.settings.data / "locks").glob("*gauge*.lock")
    with FileLock(lock), pytest.raises(TransientError, match="another sync of this container"):
        maintenance.reconcile(emptied.settings, "github")


def test_syncs_that_died_are_found_and_those_that_live_are_left_alone(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    installation.sync()
    ledger = installation.settings.store.ledger
    dead = ledger.start(
        "github", "github", REPO, mode="incremental", resources=["issues"], trigger=Trigger()
    )
    (lock,) = (installation.settings.data / "locks").glob("*gauge*.lock")
    with FileLock(lock):
        assert maintenance.find_interrupted(installation.settings) == []
    assert maintenance.find_interrupted(installation.settings) == [dead.sync_id]
    assert installation.query(
        "select event, details ->> '$.error_message' from raw_headwater.sync_events"
        " where sync_id = $id order by occurred_at",
        id=dead.sync_id,
    ) == [
        ("started", None),
        (
            "interrupted",
            (
                "github.tidewater-labs/gauge: the process ended during extract; expected it to"
                " finish; run again"
            ),
        ),
    ]
    assert maintenance.find_interrupted(installation.settings) == []
