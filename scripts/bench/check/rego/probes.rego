package main

import rego.v1

deny contains finding("readiness-probe", container.name) if {
	some container in serving
	not container.readinessProbe
}

deny contains finding("liveness-probe", container.name) if {
	some container in serving
	not container.livenessProbe
}
