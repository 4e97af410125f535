package main

import rego.v1

deny contains finding("service-type", "type is NodePort") if {
	input.kind == "Service"
	input.spec.type == "NodePort"
}
