"""Judges what one virtual machine handed over, and prints a table row for it. See tools/vm_matrix.sh.

    judge.py FOLDER KERNEL MODE
"""

import json
import pathlib
import re
import sys

MIB = 1 << 20
# The exit codes of `fumehood` that are met here.
SUCCESS, SANDBOX = 0, 4
# What must be said where a sandbox cannot be built, by the word of the mode or by the kernel's series.
REMEDIES = {
    "no-clone": "sysctl -w kernel.unprivileged_userns_clone=1",
    "no-userns": "sysctl -w user.max_user_namespaces=",
    "no-landlock": "--give-up landlock",
    "5.10": "needs Linux 5.12 or later",
}


class Machine:
    def __init__(self, folder, kernel, mode):
        self.folder = pathlib.Path(folder)
        self.kernel = kernel
        self.words = mode.split(".")
        self.problems = []

    def text(self, name):
        try:
            return (self.folder / name).read_text(errors="replace")
        except OSError:
            return ""

    def document(self, name):
        try:
            return json.loads(self.text(name + ".out"))
        except ValueError:
            return {}

    def code(self, name):
        text = self.text(name + ".code").strip()
        return int(text) if text else None

    def wants(self, holds, problem):
        if not holds:
            self.problems.append(problem)

    def refusal(self):
        """Why no sandbox can be built here, as a key of REMEDIES."""
        series = re.search(r"[-_](\d+\.\d+)\.", self.kernel)
        if series and series[1] == "5.10":
            return "5.10"
        for word in ("no-userns", "no-landlock"):
            if word in self.words:
                return word
        ordinary = "root" not in self.words
        return "no-clone" if ordinary and "no-clone" in self.words else None

    def judge_refusal(self, remedy):
        for name in ("exec", "doctor", "doctor-json"):
            self.wants(self.code(name) == SANDBOX, f"{name} ends with {self.code(name)}")
            said = self.text(name + ".out") + self.text(name + ".err")
            self.wants(remedy in said, f"{name} does not name `{remedy}`")
        if "no-landlock" in self.words:
            layers = self.document("given-up").get("attestation", {}).get("layers", [])
            states = {row["layer"]: row["state"] for row in layers}
            others = {state for layer, state in states.items() if layer != "landlock"}
            self.wants(states.get("landlock") == "given-up" and others == {"enforced"}, f"given up: {states}")

    def judge_layers(self):
        document = self.document("doctor-json")
        self.wants(self.code("doctor-json") == SUCCESS, "doctor --json failed")
        layers = {row["layer"]: row for row in document.get("attestation", {}).get("layers", [])}
        self.wants(len(layers) >= 14, f"{len(layers)} layers are attested")
        missing = {name for name, row in layers.items() if row["state"] != "enforced"}
        expected = set()
        if "none" in self.words or "plain" in self.words or ("delegated" in self.words and "v2" not in self.words):
            expected.add("cgroup")
        if "root" not in self.words:
            expected.add("own-devices")
        self.wants(missing == expected, f"not enforced: {sorted(missing)}, expected: {sorted(expected)}")
        if "v2" in self.words and "cgroup" not in expected:
            said = layers.get("cgroup", {}).get("detail")
            self.wants(said == "memory by v2, processes by v2, cpu time by v2, kill by v2", f"control groups: {said}")
        return document, "cgroup" not in expected

    def judge_limits(self, has_group):
        """Limits by their kinds, and the peak of a job that holds 200 MiB."""
        def status(name):
            return self.document(name).get("status")

        peak = self.document("memory-peak").get("peak_memory_bytes") or 0
        self.wants(status("memory-peak") == "exited", f"memory-peak: {status('memory-peak')}")
        self.wants(200 * MIB <= peak <= 230 * MIB, f"a peak of {peak} bytes for 200 MiB")
        for name in ("memory-over", "memory-many", "memory-files"):
            document = self.document(name)
            refused = "Out of memory" in document.get("stderr", {}).get("text", "") and not has_group
            self.wants(status(name) == "memory" or refused, f"{name}: {status(name)}")
            most = document.get("peak_memory_bytes") or 0
            self.wants(not has_group or most <= 100 * MIB, f"{name}: a peak of {most} above the limit")
            # Version 2 ends all processes of a group at once; version 1 the one that asked for too much.
            went_on = "alive" in document.get("stdout", {}).get("text", "alive")
            self.wants(not went_on or status(name) == "memory" and "v2" not in self.words, f"{name}: went on")
        again = self.document("again").get("attestation", {}).get("layers", [])
        held = any(row["layer"] == "cgroup" and row["state"] == "enforced" for row in again)
        self.wants(self.code("again") == SUCCESS and held == has_group, "a second run in the same group differs")
        many = status("processes")
        said = self.document("processes").get("stdout", {}).get("text", "")
        self.wants(many == "processes" or not has_group and said == "alive", f"processes: {many}")
        self.wants(status("killed") == "timeout", f"killed: {status('killed')}")
        self.wants(not self.text("left.out").strip(), "processes of a killed job are left")
        self.wants(not self.text("groups.out").strip(), "control groups of a killed job are left")
        return peak

    def judge_corpus(self, has_group):
        report = self.document("attack")
        self.wants(report.get("warm") == has_group, f"jobs are forked from warm interpreters: {report.get('warm')}")
        self.wants(self.code("attack") == SUCCESS, f"the corpus ends with {self.code('attack')}")
        for row in report.get("trials", []):
            if row["outcome"] == "failed":
                self.problems.append(f"{row['family']}/{row['name']} ({row['mode']}): {'; '.join(row['problems'])}")
        self.problems += report.get("host", [])
        return report

    def run(self):
        if not self.text("host.txt"):
            self.problems.append("the machine handed nothing over")
            return ["-"] * 6
        refusal = self.refusal()
        if refusal:
            self.judge_refusal(REMEDIES[refusal])
            return ["none: the remedy is named"] + ["-"] * 5
        document, has_group = self.judge_layers()
        host = document.get("host", {})
        row = [f"Landlock {host.get('landlock_interface')}; {host.get('cgroups')}"]
        row.append(f"{self.judge_limits(has_group) / MIB:.1f}")
        if "no-attack" in self.words:
            return row + ["-"] * 4
        report = self.judge_corpus(has_group)
        families = report.get("families", [])
        total = lambda key: sum(family[key] for family in families)
        row.append(", ".join(f"{total(key)} {key}" for key in ("programs", "trials", "held", "gaps", "skipped", "failed")))
        row.append(f"{len(report.get('host', []))} changes")
        run, unharmed = report.get("honest", [0, 0])
        row.append(f"{unharmed} of {run}")
        late = max((family.get("latest_ms", 0) for family in families), default=0)
        row.append(f"{late} ms, limits x {report.get('time_factor')}")
        return row


def main():
    machine = Machine(*sys.argv[1:4])
    row = machine.run()
    verdict = "FAILED" if machine.problems else "ok"
    print("| " + " | ".join([sys.argv[2], sys.argv[3], verdict, *row]) + " |", flush=True)
    for problem in machine.problems:
        print("    " + problem, file=sys.stderr)
    return 1 if machine.problems else 0


if __name__ == "__main__":
    sys.exit(main())
