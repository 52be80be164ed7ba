"""deploy/kubernetes as kustomize renders it."""

import functools
import tomllib
import typing

import yaml

from repository import DEPLOY, run

OVERLAYS = ("single", "cluster")


@functools.cache
def rendered(overlay: str) -> tuple[dict, ...]:
    """All resources of an overlay."""
    done = run("kubectl", "kustomize", str(DEPLOY / "kubernetes/overlays" / overlay))
    if done.returncode != 0:
        raise AssertionError(f"kubectl kustomize: {done.stdout}")
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[dict]:
    """Those of these kinds."""
    return [resource for resource in rendered(overlay) if resource["kind"] in kinds]


def workloads(overlay: str) -> list[dict]:
    """Whatever makes pods."""
    return of_kind(overlay, "StatefulSet", "Deployment")


def pod(workload: dict) -> dict:
    """What its pods are."""
    return workload["spec"]["template"]["spec"]


def container(workload: dict) -> dict:
    """Its one container."""
    [only] = pod(workload)["containers"]
    return only


def ports(workload: dict) -> dict[str, int]:
    """Its ports by name."""
    return {port["name"]: port["containerPort"] for port in container(workload)["ports"]}


def variables(workload: dict) -> dict[str, str]:
    """Its environment, with words that make sense for what is known in a cluster alone."""
    told = {"SCOREWIRE__CLUSTER__NODE": "scorewire-0", "SCOREWIRE__CLUSTER__REDIS": "redis://:password@redis:6379", "POD_IP": "10.1.2.3"}
    known = {entry["name"]: entry.get("value") or told[entry["name"]] for entry in container(workload)["env"]}
    # As the kubelet does.
    return {name: value.replace("$(POD_IP)", told["POD_IP"]) for name, value in known.items()}


def settings() -> dict:
    """The settings file that all pods read."""
    return tomllib.loads((DEPLOY / "kubernetes/base/scorewire.toml").read_text())


def selected(overlay: str, selector: dict) -> typing.Iterator[dict]:
    """Workloads whose pods have all these labels."""
    for workload in workloads(overlay):
        if selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items():
            yield workload
