"""The image and what runs it: checked against hadolint, the compose schema and the published Kubernetes schemas."""

from pathlib import Path

import pytest
import yaml

from tests.support.deployment import DEPLOY, TOP, run, tool

MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    linted = run(tool("hadolint", "the dev extra"), "--no-color", DEPLOY / "docker/Dockerfile")
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_hadolint_does_find_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && sudo true\n", encoding="utf-8")
    assert run(tool("hadolint", "the dev extra"), tmp_path / "Dockerfile").returncode != 0


def compose_errors(file: Path) -> str:
    checker = tool("check-jsonschema", "the dev extra")
    checked = run(checker, "--builtin-schema", "vendor.compose-spec", file)
    return "" if checked.returncode == 0 else checked.stdout + checked.stderr


@pytest.mark.slow
def test_the_compose_file_is_one() -> None:
    assert compose_errors(DEPLOY / "docker/compose.yaml") == ""


@pytest.mark.slow
def test_a_compose_file_with_a_mistake_is_none(tmp_path: Path) -> None:
    text = (DEPLOY / "docker/compose.yaml").read_text("utf-8").replace("stop_grace_period", "stop_grace")
    (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
    assert "stop_grace" in compose_errors(tmp_path / "compose.yaml")


@pytest.mark.few(1)
@pytest.mark.parametrize("manifest", [pytest.param(path, id=path.name) for path in MANIFESTS])
def test_a_kubernetes_manifest_agrees_with_the_published_schemas(manifest: Path) -> None:
    for version in ("1.31.0", "1.37.0"):
        checked = run(tool("kubernetes-validate", "the dev extra"), "--strict", "-k", version, manifest)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_a_kubernetes_manifest_with_a_mistake_does_not(tmp_path: Path) -> None:
    text = (DEPLOY / "kubernetes/job.yaml").read_text("utf-8").replace("backoffLimit: 4", "backoffLimit: four")
    (tmp_path / "job.yaml").write_text(text, encoding="utf-8")
    checked = run(tool("kubernetes-validate", "the dev extra"), "--strict", tmp_path / "job.yaml")
    assert checked.returncode != 0


@pytest.mark.parametrize("manifest", [pytest.param(path, id=path.name) for path in MANIFESTS])
def test_every_volume_that_a_pod_mounts_is_there_and_every_container_is_kept_small(manifest: Path) -> None:
    documents = list(yaml.safe_load_all(manifest.read_text("utf-8")))
    pods = [document["spec"]["template"]["spec"] for document in documents if "template" in document.get("spec", {})]
    assert len(pods) == 1
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            volumes = {volume["name"] for volume in pod["volumes"]}
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["resources"]["limits"]["memory"]


def test_all_that_the_image_is_built_from_is_in_the_build_s_context() -> None:
    sent = {line[1:] for line in (TOP / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    lines = (DEPLOY / "docker/Dockerfile").read_text("utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert {name for names in copied for name in names} == sent
