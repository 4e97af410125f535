package main

import rego.v1

deny contains finding("run-as-non-root", container.name) if {
	some container in containers
	inherited := object.get(pod, ["securityContext", "runAsNonRoot"], false)
	object.get(container, ["securityContext", "runAsNonRoot"], inherited) != true
}

deny contains finding("read-only-root", container.name) if {
	some container in containers
	object.get(container, ["securityContext", "readOnlyRootFilesystem"], false) != true
}

deny contains finding("privilege-escalation", container.name) if {
	some container in containers
	object.get(container, ["securityContext", "allowPrivilegeEscalation"], true) != false
}

deny contains finding("capabilities", container.name) if {
	some container in containers
	not "ALL" in object.get(container, ["securityContext", "capabilities", "drop"], [])
}
