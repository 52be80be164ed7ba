"""deploy/compose.yaml, and what Prometheus and Grafana are given by it."""

import json
import pathlib
import shutil
import tempfile
import unittest

import yaml
from compose_spec import PyCompose

import compose
from repository import DEPLOY, run, setting, skipped


def port(address: str) -> str:
    return address.rpartition(":")[2]


class Compose(unittest.TestCase):
    def test_it_is_what_the_specification_says(self):
        PyCompose.from_json(json.dumps(compose.document()))

    def test_a_misspelt_key_is_found(self):
        wrong = json.loads(json.dumps(compose.document()))
        wrong["services"]["engine"]["read_onyl"] = True
        with self.assertRaises(ValueError):
            PyCompose.from_json(json.dumps(wrong))

    def test_there_are_an_engine_and_two_edges_of_one_redis(self):
        roles = [service["environment"]["SCOREWIRE__CLUSTER__ROLE"] for service in compose.scorewires().values()]
        self.assertEqual(sorted(roles), ["edge", "edge", "engine"])
        nodes = {service["environment"]["SCOREWIRE__CLUSTER__NODE"] for service in compose.scorewires().values()}
        self.assertEqual(len(nodes), 3, "each node has an id of its own")
        for name, service in compose.scorewires().items():
            self.assertEqual(service["environment"]["SCOREWIRE__CLUSTER__REDIS"], "redis://redis:6379", name)
            self.assertIn("redis", service["depends_on"], name)

    def test_nobody_but_this_machine_reaches_it(self):
        for name, service in compose.document()["services"].items():
            for published in service.get("ports", []):
                self.assertTrue(published.startswith("127.0.0.1:"), f"{name} publishes {published}")

    def test_every_container_is_shut_in(self):
        for name, service in compose.document()["services"].items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertIn("no-new-privileges:true", service["security_opt"], name)

    def test_a_drain_has_the_time_it_may_take(self):
        for name, service in compose.scorewires().items():
            grace_s = int(service["stop_grace_period"].removesuffix("s"))
            self.assertGreaterEqual(grace_s * 1000, setting("shutdown.drain_timeout_ms") + 5000, name)

    def test_descriptors_suffice_for_all_clients(self):
        for name, service in compose.scorewires().items():
            self.assertGreater(service["ulimits"]["nofile"]["hard"], setting("server.connections_max") + 100, name)

    def test_what_is_mounted_is_there(self):
        named = set(compose.document()["volumes"])
        for name, service in compose.document()["services"].items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    path = str(pathlib.PurePosixPath(source))
                    self.assertTrue((DEPLOY / path).exists(), f"{name} mounts {source}")
                else:
                    self.assertIn(source, named, name)


class Watching(unittest.TestCase):
    """Prometheus' settings and Grafana's provisioning, as compose.yaml mounts them."""

    prometheus = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())

    def test_every_node_is_scraped_where_it_shows_metrics(self):
        [job] = [job for job in self.prometheus["scrape_configs"] if job["job_name"] == "scorewire"]
        scraped = {target for group in job["static_configs"] for target in group["targets"]}
        shown = {
            f"{name}:{port(service['environment']['SCOREWIRE__SERVER__ADMIN_BIND'])}"
            for name, service in compose.scorewires().items()
        }
        self.assertEqual(scraped, shown)

    def test_rules_are_there(self):
        for name in self.prometheus["rule_files"]:
            self.assertTrue((DEPLOY / "prometheus" / name).exists(), name)

    def test_prometheus_takes_its_settings(self):
        if not shutil.which("promtool"):
            skipped(self, "promtool is missing (Debian: prometheus)")
        inside = yaml.safe_load((DEPLOY / "kubernetes/monitoring/scrape.yaml").read_text())
        for job in inside["scrape_configs"]:
            # Debian's promtool is built without it.
            self.assertEqual(job.pop("kubernetes_sd_configs"), [{"role": "pod"}])
        for settings in (self.prometheus, inside):
            with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
                file.write(yaml.safe_dump(settings))
                file.flush()
                # Files that the settings name lie where they are mounted, not here.
                done = run("promtool", "check", "config", "--syntax-only", file.name)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_grafana_asks_prometheus_and_finds_the_dashboard(self):
        provisioning = DEPLOY / "grafana/provisioning"
        [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
        self.assertEqual(source["url"], "http://prometheus:9090")
        self.assertIn("prometheus", compose.document()["services"])
        [provider] = yaml.safe_load((provisioning / "dashboards/scorewire.yml").read_text())["providers"]
        folder = provider["options"]["path"]
        grafana = compose.document()["services"]["grafana"]
        self.assertIn(f"./grafana/scorewire.json:{folder}/scorewire.json:ro", grafana["volumes"])
        self.assertEqual(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], f"{folder}/scorewire.json")


if __name__ == "__main__":
    unittest.main()
