"""deploy/kubernetes: what kustomize makes of it, against the API's schemas and against itself."""

import copy
import pathlib
import re
import shutil
import tempfile
import unittest

import kubernetes_validate
import yaml

import kubernetes
from kubernetes import OVERLAYS, container, of_kind, pod, ports, rendered, selected, workloads
from repository import DEPLOY, ROOT, run, setting, skipped

# From the one that has `preStop.sleep` without a feature gate of one's own to the newest whose schemas there are.
VERSIONS = [f"1.{minor}" for minor in range(30, 38)]


def each() -> list[tuple[str, dict]]:
    """Everything that makes pods, with its overlay."""
    return [(overlay, workload) for overlay in OVERLAYS for workload in workloads(overlay)]


class EachOverlay(unittest.TestCase):
    def test_every_resource_is_what_the_api_knows(self):
        for overlay in OVERLAYS:
            for resource in rendered(overlay):
                for version in VERSIONS:
                    with self.subTest(overlay=overlay, kind=resource["kind"], version=version):
                        kubernetes_validate.validate(resource, version, strict=True)

    def test_a_misspelt_field_is_found(self):
        wrong = copy.deepcopy(workloads("cluster")[0])
        pod(wrong)["terminationGracePeriod"] = 30
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)

    def test_pods_pass_the_restricted_standard(self):
        [namespace] = of_kind("single", "Namespace")
        self.assertEqual(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")
        for _, workload in each():
            whole, inside = pod(workload)["securityContext"], container(workload)["securityContext"]
            self.assertTrue(whole["runAsNonRoot"])
            self.assertEqual(whole["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertIs(inside["allowPrivilegeEscalation"], False)
            self.assertEqual(inside["capabilities"], {"drop": ["ALL"]})
            self.assertTrue(inside["readOnlyRootFilesystem"])
            self.assertFalse(pod(workload)["automountServiceAccountToken"])
            for volume in pod(workload)["volumes"]:
                self.assertLessEqual(volume.keys() - {"name"}, {"configMap", "emptyDir"})

    def test_pods_run_as_the_image_does(self):
        [user] = re.findall(r"^USER (\d+):(\d+)$", (DEPLOY / "container/Dockerfile").read_text(), re.M)
        for _, workload in each():
            context = pod(workload)["securityContext"]
            self.assertEqual((str(context["runAsUser"]), str(context["runAsGroup"])), user)

    def test_ports_are_those_of_the_settings(self):
        server = kubernetes.settings()["server"]
        expected = {
            name: int(server[key].rpartition(":")[2])
            for name, key in (("clients", "bind"), ("feeds", "ingest_bind"), ("admin", "admin_bind"))
        }
        for _, workload in each():
            self.assertEqual(ports(workload), expected)

    def test_the_settings_file_is_where_the_program_looks(self):
        for overlay, workload in each():
            config = container(workload)["args"][container(workload)["args"].index("--config") + 1]
            [mount] = [mount for mount in container(workload)["volumeMounts"] if config.startswith(mount["mountPath"] + "/")]
            [volume] = [volume for volume in pod(workload)["volumes"] if volume["name"] == mount["name"]]
            [settings] = [it for it in of_kind(overlay, "ConfigMap") if it["metadata"]["name"] == volume["configMap"]["name"]]
            self.assertIn(config.removeprefix(mount["mountPath"] + "/"), settings["data"])

    def test_what_the_server_writes_to_is_a_volume(self):
        folder = setting("store.dir", kubernetes.settings())
        for _, workload in each():
            mounted = {mount["mountPath"] for mount in container(workload)["volumeMounts"] if not mount.get("readOnly")}
            self.assertEqual(mounted, {folder})

    def test_probes_ask_what_is_served_until_the_end_of_a_drain(self):
        for _, workload in each():
            for probe, path in (("startup", "/healthz"), ("readiness", "/readyz"), ("liveness", "/healthz")):
                self.assertEqual(container(workload)[f"{probe}Probe"]["httpGet"], {"path": path, "port": "admin"})

    def test_a_drain_has_the_time_it_may_take(self):
        drain_s = setting("shutdown.drain_timeout_ms", kubernetes.settings()) / 1000
        for _, workload in each():
            before_s = container(workload)["lifecycle"]["preStop"]["sleep"]["seconds"]
            self.assertGreaterEqual(pod(workload)["terminationGracePeriodSeconds"], before_s + drain_s + 5)

    def test_services_reach_pods_and_ports(self):
        for overlay in OVERLAYS:
            for service in of_kind(overlay, "Service"):
                found = list(selected(overlay, service["spec"]["selector"]))
                self.assertEqual(len(found), 1, service["metadata"]["name"])
                for port in service["spec"]["ports"]:
                    self.assertIn(port["targetPort"], ports(found[0]), service["metadata"]["name"])

    def test_policies_name_pods_and_ports(self):
        for overlay in OVERLAYS:
            for policy in of_kind(overlay, "NetworkPolicy"):
                found = list(selected(overlay, policy["spec"]["podSelector"]["matchLabels"]))
                self.assertEqual(len(found), len(workloads(overlay)), "each pod is in it")
                rules = policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])
                for rule in rules:
                    for port in rule["ports"]:
                        self.assertTrue(isinstance(port["port"], int) or port["port"] in ports(found[0]), port)

    def test_metrics_and_feeds_are_not_for_everybody(self):
        for overlay in OVERLAYS:
            for policy in of_kind(overlay, "NetworkPolicy"):
                for rule in policy["spec"].get("ingress", []):
                    if "from" not in rule:
                        self.assertEqual([port["port"] for port in rule["ports"]], ["clients"])
        self.assertEqual(kubernetes.settings()["auth"]["open_to"], "none")


class Cluster(unittest.TestCase):
    def test_an_edge_goes_once_the_clients_of_the_last_one_are_back(self):
        [edge] = of_kind("cluster", "Deployment")
        spread_s = setting("shutdown.reconnect_spread_ms", kubernetes.settings()) / 1000
        before_s = container(edge)["lifecycle"]["preStop"]["sleep"]["seconds"]
        self.assertGreaterEqual(edge["spec"]["minReadySeconds"], before_s + spread_s)
        self.assertEqual(edge["spec"]["strategy"]["rollingUpdate"], {"maxSurge": 1, "maxUnavailable": 0})

    def test_one_of_each_kind_at_a_time_may_be_taken_away(self):
        budgets = of_kind("cluster", "PodDisruptionBudget")
        reached = [list(selected("cluster", budget["spec"]["selector"]["matchLabels"])) for budget in budgets]
        self.assertEqual([len(found) for found in reached], [1, 1])
        self.assertEqual({found[0]["metadata"]["name"] for found in reached}, {"scorewire-engine", "scorewire-edge"})
        for budget in budgets:
            self.assertEqual(budget["spec"]["maxUnavailable"], 1)

    def test_the_autoscaler_asks_for_what_the_adapter_tells(self):
        [scaler] = of_kind("cluster", "HorizontalPodAutoscaler")
        target = scaler["spec"]["scaleTargetRef"]
        self.assertIn((target["kind"], target["name"]), [(it["kind"], it["metadata"]["name"]) for it in workloads("cluster")])
        [edge] = of_kind("cluster", "Deployment")
        self.assertNotIn("replicas", edge["spec"], "an update would set back what the autoscaler chose")
        asked = {metric["pods"]["metric"]["name"] for metric in scaler["spec"]["metrics"]}
        rules = yaml.safe_load((DEPLOY / "kubernetes/monitoring/adapter.yaml").read_text())["rules"]["custom"]
        told = {rule["name"]["as"] if "name" in rule else rule["seriesQuery"].partition("{")[0] for rule in rules}
        self.assertEqual(asked, told)

    def test_the_adapter_asks_for_metrics_that_there_are(self):
        there = set(re.findall(r"^\| `(scorewire_[a-z_]+)` \| (\w+)", (ROOT / "docs/metrics.md").read_text(), re.M))
        names = {name for name, _ in there}
        names |= {f"{name}{end}" for name, kind in there if kind == "histogram" for end in ("_bucket", "_count", "_sum")}
        text = (DEPLOY / "kubernetes/monitoring/adapter.yaml").read_text()
        for query in re.findall(r"(scorewire_[a-z_]+)\{", text):
            self.assertIn(query, names)

    def test_the_adapters_queries_are_prometheus_own(self):
        if not shutil.which("promtool"):
            skipped(self, "promtool is missing (Debian: prometheus)")
        rules = yaml.safe_load((DEPLOY / "kubernetes/monitoring/adapter.yaml").read_text())["rules"]["custom"]
        told = {"<<.GroupBy>>": "pod", "<<.LabelMatchers>>": 'namespace="scorewire"'}
        queries = [rule["seriesQuery"] for rule in rules]
        queries += [re.sub(r"<<.+?>>", lambda it: told[it[0]], rule["metricsQuery"]) for rule in rules]
        recorded = [{"record": f"adapter:{index}", "expr": query} for index, query in enumerate(queries)]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump({"groups": [{"name": "adapter", "rules": recorded}]}, file)
            file.flush()
            done = run("promtool", "check", "rules", file.name)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_secret_is_one_that_the_overlay_says_how_to_make(self):
        text = (DEPLOY / "kubernetes/overlays/cluster/kustomization.yaml").read_text()
        made = re.findall(r"create secret generic (\S+) --from-literal=(\w+)=", text)
        for workload in workloads("cluster"):
            asked = [
                (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
                for entry in container(workload)["env"]
                if "secretKeyRef" in entry.get("valueFrom", {})
            ]
            self.assertEqual(asked, made)

    def test_an_overlay_of_ones_own_is_made_as_the_readme_says(self):
        text = re.search(r"```yaml\n# mine/kustomization.yaml\n(.*?)```", (DEPLOY / "README.md").read_text(), re.S)[1]
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(DEPLOY / "kubernetes", pathlib.Path(folder) / "deploy/kubernetes")
            mine = pathlib.Path(folder) / "mine"
            mine.mkdir()
            (mine / "kustomization.yaml").write_text(text)
            (mine / "scorewire.toml").write_text("# mine")
            done = run("kubectl", "kustomize", str(mine))
        self.assertEqual(done.returncode, 0, done.stdout)
        resources = list(yaml.safe_load_all(done.stdout))
        images = {container(it)["image"] for it in resources if it["kind"] in ("StatefulSet", "Deployment")}
        self.assertEqual(images, {"registry.mine/scorewire:0.1.0"})
        [settings] = [it for it in resources if it["kind"] == "ConfigMap"]
        self.assertEqual(settings["data"], {"scorewire.toml": "# mine"})

    def test_roles(self):
        roles = {it["metadata"]["name"]: kubernetes.variables(it).get("SCOREWIRE__CLUSTER__ROLE") for it in workloads("cluster")}
        self.assertEqual(roles, {"scorewire-engine": "engine", "scorewire-edge": "edge"})
        [single] = workloads("single")
        self.assertNotIn("SCOREWIRE__CLUSTER__ROLE", kubernetes.variables(single))


if __name__ == "__main__":
    unittest.main()
