"""Rows of a sweep: from texts of the command line, from a file, and from a mapping."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from themis.core.configuration.sweeps.axis_text import axis_in
from themis.core.configuration.sweeps.sweep import MOST_ROWS, Sweep, sweep_of, sweep_of_mapping
from themis.core.configuration.sweeps.sweep_file import sweep_in
from themis.core.configuration.yaml_text import parse_yaml
from themis.core.errors import ConfigError


def swept(*texts: str) -> list[tuple[str, dict[str, Any]]]:
    return said(sweep_of([axis_in(text) for text in texts], "--sweep"))


def said(sweep: Sweep) -> list[tuple[str, dict[str, Any]]]:
    """Each row's name, and what it sets."""
    return [
        (
            row.name,
            {key: parse_yaml(value, where="") for key, _, value in (one.partition("=") for one in row.overrides)},
        )
        for row in sweep.rows
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seeds=[1],[2]", [[1], [2]]),
        ("seeds=[[1],[2]]", [[1], [2]]),
        ("seeds=[[1]]", [[1]]),
        ("seeds=[1],", [[1]]),
        ("a.b=x,y", ["x", "y"]),
        ("a.b=[x, y]", ["x", "y"]),
        ("a.b=x", ["x"]),
        ("a.b='x,y',z", ["x,y", "z"]),
        ("a.b={use: m:f, with: {n: 1}},builtin/text", [{"use": "m:f", "with": {"n": 1}}, "builtin/text"]),
        ("a.b=0.1,1,true,null", [0.1, 1, True, None]),
        ("a.b=c=d", ["c=d"]),
        ("a.b='Δ😀\u2028\"\\'", ['Δ😀\u2028"\\']),
    ],
)
def test_values_of_a_text_are_the_items_of_a_list_with_or_without_its_brackets(text: str, values: list[Any]) -> None:
    key = text.partition("=")[0]
    assert [sets for _, sets in swept(text)] == [{key: value} for value in values]


def test_several_texts_are_a_product_whose_last_key_changes_first() -> None:
    assert swept("generation.generator=a,b", "seeds=[1],[2]") == [
        ("generator=a,seeds=[1]", {"generation.generator": "a", "seeds": [1]}),
        ("generator=a,seeds=[2]", {"generation.generator": "a", "seeds": [2]}),
        ("generator=b,seeds=[1]", {"generation.generator": "b", "seeds": [1]}),
        ("generator=b,seeds=[2]", {"generation.generator": "b", "seeds": [2]}),
    ]


def test_keys_that_end_alike_are_told_apart_and_long_values_have_a_few_digits() -> None:
    long = "Think step by step, and then end with the number alone."
    (name, _), _ = swept("a.n=1", f"b.n='{long}',2")
    assert name.startswith("a.n=1,b.n=Think step by st…")
    assert len({name for name, _ in swept(f"b.n='{long}','{long} Now.'")}) == 2


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (("seeds",), "--sweep seeds: has no =; write it as key.path=a,b"),
        (("=1",), "has no key; write it"),
        (("seeds= ",), "has no values, so that there is nothing to submit"),
        (("seeds=[]",), "seeds has no values"),
        (("a..b=1",), "'a..b' is not a key of a config file"),
        (("a=[1",), "its values are not YAML: "),
        (("a=1,2", "a=3"), "a is set twice; give all of its values in one place"),
        (("a=" + "1," * 101, "b=" + "1," * 101), f"10,201 rows are more than {MOST_ROWS:,}; submit it in parts"),
    ],
)
def test_what_is_no_sweep_is_one_line(texts: tuple[str, ...], why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        swept(*texts)
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


FILE = """
group: pupils
rows:
  model:
    small: {generation.generator.with.model_id: small-1, seeds: [7]}
    large: {generation.generator.with.model_id: large-1}
  generation.prompt.system: [Be short., Be kind.]
exclude:
  - {model: small, generation.prompt.system: Be kind.}
include:
  - {model: large, generation.prompt.system: Be both., name: the-last-one}
  - {model: small, runtime.max_attempts: 1}
"""


def written(folder: Path, text: str) -> Sweep:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return sweep_in(path)


def test_a_file_has_named_values_that_set_keys_and_a_label_and_rows_to_add_and_to_leave_out(tmp_path: Path) -> None:
    sweep = written(tmp_path, FILE)
    small = {"generation.generator.with.model_id": "small-1", "seeds": [7], "labels.model": "small"}
    large = {"generation.generator.with.model_id": "large-1", "labels.model": "large"}
    assert sweep.group == "pupils"
    assert said(sweep) == [
        ("model=small,system=Be short.", {**small, "generation.prompt.system": "Be short."}),
        ("model=large,system=Be short.", {**large, "generation.prompt.system": "Be short."}),
        ("model=large,system=Be kind.", {**large, "generation.prompt.system": "Be kind."}),
        ("the-last-one", {**large, "generation.prompt.system": "Be both.", "name": "the-last-one"}),
        ("model=small,max_attempts=1", {**small, "runtime.max_attempts": 1}),
    ]


def test_a_file_may_list_its_rows_alone(tmp_path: Path) -> None:
    assert said(written(tmp_path, "include: [{seeds: [1]}, {seeds: [2], name: b}]")) == [
        ("seeds=[1]", {"seeds": [1]}),
        ("b", {"seeds": [2], "name": "b"}),
    ]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"row": {}}, "sweep.yaml: unknown key 'row'; did you mean \"rows\"?"),
        ({"rows": [1]}, "rows is a mapping of keys, each with its values"),
        ({"rows": {}}, "has no rows, so that there is nothing to submit"),
        ({"rows": {"seeds": []}}, "rows: seeds has no values"),
        ({"rows": {"seeds": 1}}, "rows: seeds: give a list of values, not 1"),
        ({"rows": {"a": "text"}}, "rows: a: give a list of values, not text"),
        ({"rows": {"model": {}}}, "rows: model has no values"),
        ({"rows": {"model": {"a": 1}}}, "model: a says the keys that it sets"),
        ({"rows": {"my model": {"a": {"x": 1}}}}, "'my model' cannot be a label"),
        ({"rows": {"model": {"a": {"seeds": [1]}}, "seeds": [[1]]}}, "seeds is set twice"),
        ({"rows": {"seeds": [[1]]}, "exclude": {"seeds": [1]}}, "exclude is a list of rows"),
        ({"rows": {"seeds": [[1]]}, "exclude": [{}]}, "exclude is a list of rows"),
        ({"rows": {"seeds": [[1]]}, "exclude": [{"sed": 1}]}, "exclude.0: sed is not a key of rows; did you mean"),
        ({"rows": {"seeds": [[1]]}, "exclude": [{"seeds": [2]}]}, "exclude.0: leaves out no row"),
        ({"rows": {"seeds": [[1]]}, "exclude": [{"seeds": [1]}]}, "has no rows"),
        ({"rows": {"m": {"a": {"x": 1}}}, "include": [{"m": "b"}]}, "include.0: m has no value 'b'; it has a"),
        ({"rows": {"seeds": [[1]]}, "group": 3}, "group is a name, not 3"),
        ({"rows": {"a": list(range(101)), "b": list(range(101))}}, f"10,201 rows are more than {MOST_ROWS:,}"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_says_where(tmp_path: Path, document: Any, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        written(tmp_path, yaml.safe_dump(document))
    assert why in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "sweep.yaml"))
    assert "\n" not in str(raised.value)


def test_true_is_not_one_for_a_row_that_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leaves out no row"):
        written(tmp_path, "rows: {a: [1, 2]}\nexclude: [{a: true}]")


def test_a_mapping_is_a_product_of_lists() -> None:
    found = said(sweep_of_mapping({"seeds": [[1], [2]], "a.b": ["x"]}))
    assert found == [("seeds=[1],b=x", {"seeds": [1], "a.b": "x"}), ("seeds=[2],b=x", {"seeds": [2], "a.b": "x"})]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({}, "has no keys"),
        ({"a": "text"}, "a: give a list of values"),
        ({"a": [object()]}, "a: a value is not JSON"),
        ({"a": [float("nan")]}, "a: a value is not JSON"),
    ],
)
def test_a_mapping_that_is_no_sweep_is_refused(rows: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        sweep_of_mapping(rows)
