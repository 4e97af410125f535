package main

import rego.v1

# Where each kind keeps its pod.
pod := input.spec if input.kind == "Pod"

pod := input.spec.template.spec if input.kind in {"Deployment", "StatefulSet", "DaemonSet", "Job"}

pod := input.spec.jobTemplate.spec.template.spec if input.kind == "CronJob"

containers := array.concat(pod.containers, object.get(pod, "initContainers", []))

# The containers that serve: those of jobs end.
serving contains container if {
	input.kind in {"Deployment", "StatefulSet", "DaemonSet"}
	some container in pod.containers
}

finding(rule, container) := {
	"msg": sprintf("%s %s: %s", [input.kind, input.metadata.name, container]),
	"rule": rule,
	"kind": input.kind,
	"name": input.metadata.name,
}
