"""The name that a run gets: the one it is given, else one that tells it from those like it."""

import re
from typing import Any

from tests.support.lab import ScriptedGenerator, dataset, experiment
from themis.core.experiment import Experiment
from themis.core.prompts import PromptSpec
from themis.core.stores import InMemoryRunStore, RunStore


def name_of(store: RunStore, made: Experiment) -> str:
    """Run it, and return the name that it has then."""
    name = made.run(store=store).name
    assert name is not None
    return name


def made(**facts: Any) -> Experiment:
    return experiment(ScriptedGenerator(), datasets=[dataset(1, "d")], **facts)


def test_a_run_has_the_name_and_the_labels_of_its_experiment() -> None:
    store = InMemoryRunStore()
    named = made().model_copy(update={"name": "mine", "labels": {"team": "x"}})
    result = named.run(store=store)
    record = store.load_run(result.run_id)
    assert record is not None
    assert (result.name, record.labels) == ("mine", '{"team":"x"}')
    assert result.run_id == made().compile().run_id, "they do not decide what it is"


def test_a_run_keeps_its_name_when_it_is_run_under_another_one() -> None:
    store = InMemoryRunStore()
    first = name_of(store, made().model_copy(update={"name": "first"}))
    again = name_of(store, made().model_copy(update={"name": "again"}))
    assert (first, again) == ("first", "first")


def test_runs_may_have_one_name() -> None:
    store = InMemoryRunStore()
    for seed in (1, 2):
        assert name_of(store, made(seeds=[seed]).model_copy(update={"name": "same"})) == "same"
    assert len(store.runs_named("same", 9)) == 2


def test_a_run_without_a_name_gets_one_of_generator_and_dataset_and_what_differs_from_the_first() -> None:
    store = InMemoryRunStore()
    assert name_of(store, made()) == "generator-on-d"
    assert name_of(store, made(seeds=[1])) == "generator-on-d,seeds=1"
    assert name_of(store, made(seeds=[2])) == "generator-on-d,seeds=2"
    many = name_of(store, made(samples=3))
    assert many == "generator-on-d,num_samples=3"


def test_a_difference_that_is_too_long_for_a_name_is_some_digits_of_its_hash() -> None:
    store = InMemoryRunStore()
    name_of(store, made())
    prompts = ("Think step by step, and answer briefly.", "Answer at once, and say nothing that was not asked.")
    names = [name_of(store, made(prompt=PromptSpec(instructions=prompt))) for prompt in prompts]
    assert all(re.fullmatch(r"generator-on-d,prompt=[0-9a-f]{4}", name) for name in names)
    assert names[0] != names[1]


def test_a_run_of_an_earlier_version_gets_its_name_when_it_is_run_again() -> None:
    store = InMemoryRunStore()
    store.create_run(made().compile())
    assert name_of(store, made()) == "generator-on-d"
