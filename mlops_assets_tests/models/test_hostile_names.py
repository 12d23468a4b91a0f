"""Names with quotes, newlines, dots and script tags: from the registry, the model and the table to the pages."""

import json

import dagster as dg
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import AliasNotFoundError, MlopsAssetsError, ModelNotFoundError, RegistryError
from mlops_assets.metadata import picture_metadata, quote_markdown, strip_markup, table_metadata
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.models.conftest import REFERENCE, edit_mlmodel, save_sklearn

SCRIPT = "<script>alert(1)<\\script>"
NAMES = {
    "quotes": 'it\'s "quoted" `code`',
    "newline": "first\nsecond",
    "script": SCRIPT,
    "markdown": "![x](javascript) **b** [l](http)",
    "sql": "m' OR name LIKE '%",
    "template": "{{ 7 * 7 }} ${HOME} %s {0}",
    "unicode": "模型 🚀",
    "direction": "\u202egnp.exe",
    "number": "2026-churn",
    "long": "x" * 200,
}
MARKUP = "<img src=x onerror=alert(1)> ![y](javascript:alert(2))"


def test_names_of_other_scripts_do_not_collide(tmp_path):
    both = dg.Definitions.merge(
        *(
            build_model_definitions(name, tmp_path, inputs={"path": "x.parquet"}, outputs={"path": f"t{number}"})
            for number, name in enumerate(("模型", "型模", "1", "_1"))
        ),
        dg.Definitions(resources=default_resources(tmp_path)),
    )
    keys = {key.path[0] for key in both.resolve_asset_graph().get_all_asset_keys()}
    assert len(keys) == 4


def nasty(text: str) -> list[str]:
    """What in a text a browser or a Markdown renderer would act on."""
    return [part for part in ("<script", "<img", "](javascript", "](http", "**b**") if part in text]


@pytest.mark.parametrize("kind", NAMES)
def test_a_model_of_any_name_that_mlflow_takes_is_scored(kind, registry, saved, iris, instance, tmp_path):
    name = NAMES[kind]
    place = registry.folder / "model"
    saved.rename(place)
    registry.client.create_registered_model(name)
    registry.client.create_model_version(name, source=place.as_uri())
    registry.client.set_registered_model_alias(name, "Champion", "1")
    iris[0].to_parquet(tmp_path / "inputs.parquet")
    before = {path for path in tmp_path.rglob("*") if "tables" not in path.parts}
    definitions = dg.Definitions.merge(
        build_model_definitions(
            name,
            tmp_path,
            inputs={"path": "inputs.parquet"},
            outputs={"path": "tables"},
            signer={"KIND": "InferSigner"},
        ),
        dg.Definitions(resources=default_resources(tmp_path) | {"mlflow_registry": registry.resource}),
    )
    job = next(job for job in definitions.jobs if job.name.endswith("_inference_job"))
    result = definitions.resolve_job_def(job.name).execute_in_process(
        instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    )
    assert result.success
    assert len(pd.read_parquet(tmp_path / "tables/predictions.parquet")) == 150
    assert json.loads((tmp_path / "tables/champion_model.json").read_text())["name"] == name
    new = {path for path in tmp_path.rglob("*") if "tables" not in path.parts} - before
    assert {path.relative_to(tmp_path).parts[0] for path in new} <= {".mlops_assets", "registry"}
    assert rendered(result) == []


def rendered(result: dg.ExecuteInProcessResult) -> list[str]:
    """Metadata that the UI renders as more than text, and that holds something to act on."""
    found = []
    for event in result.all_events:
        data = event.event_specific_data
        for holder in (getattr(data, "materialization", None), data):
            metadata = getattr(holder, "metadata", None) or {}
            for key, value in metadata.items() if isinstance(metadata, dict) else ():
                if isinstance(value, dg.MarkdownMetadataValue) and nasty(str(value.value)):
                    found.append(f"{key}: {value.value}")
                if isinstance(value, dg.UrlMetadataValue) and not str(value.url).startswith(("http://", "https://")):
                    found.append(f"{key}: {value.url}")
    return found


@pytest.mark.parametrize("name", ["", " ", "..", ".", "...", "..\\..\\etc", "a/b", "a:b", "../m", "/etc/passwd"])
def test_a_name_that_mlflow_does_not_take_is_an_error_of_ours(name, asked, cache):
    with pytest.raises(MlopsAssetsError):
        asked.pin(name, "Champion", cache)


def test_names_in_errors_are_quoted_and_on_one_line(registry, asked, cache):
    for name in NAMES.values():
        registry.client.create_registered_model(name)
    with pytest.raises(ModelNotFoundError) as caught:
        asked.pin("first\nthird", "Champion", cache)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert r"'first\nthird' (did you mean 'first\nsecond'?)" in message
    with pytest.raises(AliasNotFoundError, match=r"Model 'first\\nsecond' has no alias") as caught:
        asked.pin(NAMES["newline"], "Champion", cache)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(RegistryError) as caught:
        asked.pin(NAMES["newline"], "Champion\nx", cache)
    assert len(str(caught.value).splitlines()) == 1


def test_flavors_and_files_in_errors_are_quoted_and_on_one_line(registry, asked, cache, saved):
    edit_mlmodel(saved, lambda content: content["flavors"].update({f"{SCRIPT}\n": {"data": "gone\n<b>"}}))
    registry.add(saved)
    with pytest.raises(RegistryError) as caught:
        asked.pin("m", 1, cache)
    assert r"'gone\n<b>'" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", NAMES.values())
def test_the_page_in_mlflow_is_one_link(name):
    import dataclasses

    page = MlflowRegistry(tracking_uri="https://ml.example").page(dataclasses.replace(REFERENCE, name=name))
    assert page.startswith("https://ml.example/#/models/")
    assert page.endswith("/versions/1")
    assert not set(page.removeprefix("https://ml.example/#/models/").removesuffix("/versions/1")) & set(
        "<>\"' \n/\\`()"
    )


@pytest.mark.parametrize("address", ["javascript:alert(1)", "sqlite:////srv/mlflow.db", "databricks", "file:///srv"])
def test_only_a_server_has_a_page(address):
    assert MlflowRegistry(tracking_uri=address).page(REFERENCE) is None


def test_no_text_in_a_picture_is_markdown_or_html():
    for text in (MARKUP, *NAMES.values()):
        value = picture_metadata(b"svg", text).md_str
        assert value.startswith("![")
        assert value.endswith("](data:image/svg+xml;base64,c3Zn)")
        alt = value.removeprefix("![").removesuffix("](data:image/svg+xml;base64,c3Zn)")
        assert not set(alt) & set("[]()<>&`*_\\!|#\n\r")
        assert strip_markup(text) == alt


@pytest.mark.parametrize(
    "text",
    [
        *NAMES.values(),
        MARKUP,
        "`",
        "a `` b ``` c",
        "~~~",
        "ends with `",
        "two\nlines",
        "```\nfenced\n```",
        "http://evil www.e.com",
    ],
)
def test_the_description_of_a_check_is_shown_as_it_is(text):
    """Dagster renders it as Markdown; a real renderer must see nothing but code, and all of the text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(quote_markdown(text))
    leaves = [leaf for token in tokens for leaf in (token.children or [token]) if leaf.nesting == 0]
    assert [leaf.type for leaf in leaves] in (["code_inline"], ["fence"])
    assert " ".join(leaves[0].content.split()) == " ".join(text.split())


def test_a_description_of_nothing_is_none():
    assert (quote_markdown(""), quote_markdown("  ")) == ("", "")


def test_a_refused_model_shows_its_reason_as_it_is(registry, run, saved, iris):
    edit_mlmodel(saved, lambda content: content["flavors"]["python_function"].update(loader_module=MARKUP))
    registry.add(saved)
    done = run(iris[0], job="inference")
    check = done.checks["champion_model", "loads"]
    assert not check.passed
    assert MARKUP in check.description
    tokens = MarkdownIt("commonmark").parse(check.description)
    assert [leaf.type for token in tokens for leaf in token.children or []] == ["code_inline"]


def test_cells_of_a_table_stay_text():
    shown = table_metadata([{"name": MARKUP}], {"name": "string"})
    assert isinstance(shown, dg.TableMetadataValue)
    assert shown.records[0].data["name"] == MARKUP


def test_columns_with_hostile_names_are_scored_explained_and_never_rendered(registry, run, iris, tmp_path):
    """Every page and picture of a whole run, and the report."""
    features, target = iris
    names = [MARKUP, SCRIPT, NAMES["markdown"], NAMES["template"]]
    features = features.set_axis(names, axis=1)
    model = LogisticRegression(max_iter=500).fit(features, target)
    signature = infer_signature(features, pd.DataFrame({MARKUP: target}))
    registry.add(save_sklearn(model, tmp_path / "model", signature=signature))
    done = run(features)
    assert done.success
    assert rendered(done.result) == []
    assert set(done.table("model_explanations")["feature"]) == set(names)
    pages = [path for path in done.tables.parent.rglob("*.html") if path.is_file()]
    assert pages
    for path in pages:
        page = path.read_text()
        assert [part for part in ("<script>alert", "<img src=x") if part in page] == []
